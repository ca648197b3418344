# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The nonlinearities of coordinate networks, each a module, and the layer that goes before them.

Sine arguments are always computed in float32: in half precision ``sin(30 x)`` loses its phase.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["Finer", "FourierFeatures", "Gabor", "Gaussian", "Sine", "activation_named"]


class Sine(nn.Module):
    """``sin(omega z)`` (Sitzmann et al., NeurIPS 2020)."""

    def __init__(self, omega: float = 30.0) -> None:
        super().__init__()
        self.omega = float(omega)

    def forward(self, z: Tensor) -> Tensor:
        return torch.sin(self.omega * z.float())


class Finer(nn.Module):
    """``sin(omega (|z| + 1) z)``: the frequency grows with the argument (Liu et al., CVPR 2024)."""

    def __init__(self, omega: float = 30.0) -> None:
        super().__init__()
        self.omega = float(omega)

    def forward(self, z: Tensor) -> Tensor:
        z = z.float()
        return torch.sin(self.omega * (z.abs() + 1) * z)


class Gabor(nn.Module):
    """``cos(omega z) exp(-(scale z)^2)``: the real Gabor wavelet of WIRE (Saragadam et al., CVPR 2023)."""

    def __init__(self, omega: float = 10.0, scale: float = 10.0) -> None:
        super().__init__()
        self.omega, self.scale = float(omega), float(scale)

    def forward(self, z: Tensor) -> Tensor:
        z = z.float()
        return torch.cos(self.omega * z) * torch.exp(-((self.scale * z) ** 2))


class Gaussian(nn.Module):
    """``exp(-(scale z)^2)`` (Ramasinghe and Lucey, ECCV 2022)."""

    def __init__(self, scale: float = 10.0) -> None:
        super().__init__()
        self.scale = float(scale)

    def forward(self, z: Tensor) -> Tensor:
        return torch.exp(-((self.scale * z.float()) ** 2))


class FourierFeatures(nn.Module):
    """Fixed random features ``[sin(2 pi B c), cos(2 pi B c)]``, ``B ~ N(0, scale^2)`` (Tancik et al., NeurIPS 2020).

    They stand in for the first layer of a ReLU network, which alone cannot follow fine detail.

    Args:
        in_channels: number of coordinates.
        out_channels: number of features, even.
        scale: standard deviation of the frequencies, in cycles per unit of coordinate.

    Raises:
        ValueError: an odd number of features.
    """

    def __init__(self, in_channels: int, out_channels: int, scale: float = 10.0) -> None:
        super().__init__()
        if out_channels % 2:
            raise ValueError(f"Fourier features come in pairs: their number must be even, not {out_channels}")
        self.register_buffer("frequencies", scale * torch.randn(out_channels // 2, in_channels))

    def forward(self, c: Tensor) -> Tensor:
        frequencies: torch.Tensor = self.frequencies  # type: ignore[assignment]
        phase = 2 * math.pi * nn.functional.linear(c.float(), frequencies)  # (..., C / 2)
        return torch.cat([torch.sin(phase), torch.cos(phase)], dim=-1)  # (..., C)


def activation_named(name: str, omega: float) -> nn.Module:
    """Return the activation that a configuration file names.

    Raises:
        ValueError: no activation has that name.
    """
    if name == "sine":
        return Sine(omega)
    if name == "finer":
        return Finer(omega)
    if name == "gabor":
        return Gabor(omega)
    if name == "gaussian":
        return Gaussian(omega)
    if name == "relu":
        return nn.ReLU()
    raise ValueError(f"no activation is called {name!r}: choose sine, finer, gabor, gaussian or relu")
