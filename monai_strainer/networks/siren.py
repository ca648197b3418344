# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Define the Siren: an image as a function of its coordinates."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from .activations import activation_named
from .file_names import name_in_files

__all__ = ["SIZES", "Siren", "sine_layers", "sizes_of", "to_image", "to_points"]

SIZES = ("spatial_dims", "out_channels", "hidden_channels", "num_layers", "omega", "activation")


def to_points(coords: Tensor) -> Tensor:
    """Coordinate image ``(B, d, *spatial)`` to points ``(B, N, d)``."""
    return coords.flatten(2).transpose(1, 2)


def to_image(points: Tensor, coords: Tensor) -> Tensor:
    """Return values at points as an image.

    Args:
        points: ``(B, N, C)`` values, ``N`` pixels in the order of the image.
        coords: ``(B, d, *spatial)`` coordinate image, for the shape.

    Returns:
        ``(B, C, *spatial)``.
    """
    shape = list(coords.shape)
    return points.transpose(1, 2).reshape([shape[0], points.shape[2]] + shape[2:])  # noqa: RUF005 (TorchScript)


def _initialise(linear: nn.Linear, bound: float) -> nn.Linear:
    nn.init.uniform_(linear.weight, -bound, bound)
    return linear


def sine_layers(
    in_channels: int, hidden_channels: int, num: int, omega: float, activation: str, first: bool
) -> nn.Sequential:
    """Build layers of ``activation(W h + b)`` with SIREN's initialisation.

    The very first layer of a network draws its weights from ``U(-1/n, 1/n)``, all others from
    ``U(-sqrt(6/n)/omega, sqrt(6/n)/omega)``, with ``n`` inputs; biases keep PyTorch's default.

    Args:
        in_channels: inputs of the first layer.
        hidden_channels: outputs of every layer.
        num: layers.
        omega: factor of the argument of the sine.
        activation: name, see :func:`~monai_strainer.networks.activations.activation_named`.
        first: whether the layers begin a network.
    """
    layers: list[nn.Module] = []
    for k in range(num):
        n = in_channels if k == 0 else hidden_channels
        is_first = first and k == 0
        linear = _initialise(nn.Linear(n, hidden_channels), 1 / n if is_first else math.sqrt(6 / n) / omega)
        layers.append(nn.Sequential(linear, activation_named(activation, omega)))
    return nn.Sequential(*layers)


class Siren(nn.Module):
    """A sinusoidal representation network: coordinates in, intensities out, point by point.

        ``h_1 = sin(omega (W_1 c + b_1)), ..., x(c) = W_L h_{L-1} + b_L``

    Args:
        spatial_dims: number of coordinates ``d``; the maps they come in may be 2-D or 3-D.
        out_channels: intensities per point (contrasts).
        hidden_channels: width ``C``.
        num_layers: layers ``L`` including the last, linear one (6 in STRAINER).
        omega: frequency of every sine layer.
        activation: ``sine``, the only one.

    Raises:
        ValueError: a size below one, fewer than two layers, or an unknown activation.

    The readout carries a Gaussian prior, ``N(readout, readout_covariance)`` over weights and bias: that of the
    initialisation in a fresh network, that of a cohort's readouts in a pretrained one. The readout solve starts from
    it. In weights files they are called ``head`` and ``head_covariance``.

    Source: Sitzmann et al., "Implicit Neural Representations with Periodic Activation Functions", NeurIPS 2020.

    Example:
        >>> net = Siren(spatial_dims=2, hidden_channels=32)
        >>> net(torch.zeros(1, 2, 8, 9)).shape
        torch.Size([1, 1, 8, 9])
    """

    def __init__(
        self,
        spatial_dims: int = 3,
        out_channels: int = 1,
        hidden_channels: int = 256,
        num_layers: int = 6,
        omega: float = 30.0,
        activation: str = "sine",
    ) -> None:
        super().__init__()
        if min(spatial_dims, out_channels, hidden_channels) < 1 or num_layers < 2:
            raise ValueError("a Siren needs at least one coordinate, one channel, one hidden unit and two layers")
        self.spatial_dims, self.out_channels, self.hidden_channels = spatial_dims, out_channels, hidden_channels
        self.num_layers, self.omega, self.activation = num_layers, float(omega), activation
        self.encoder = sine_layers(spatial_dims, hidden_channels, num_layers - 1, omega, activation, first=True)
        self.readout = _initialise(nn.Linear(hidden_channels, out_channels), math.sqrt(6 / hidden_channels) / omega)
        width = hidden_channels + 1  # with the bias
        self.register_buffer("readout_covariance", torch.zeros(width, width).fill_diagonal_(1 / hidden_channels))
        name_in_files(self, {"readout": "head", "readout_covariance": "head_covariance"})

    def forward(self, coords: Tensor, features: bool = False) -> Tensor:
        """Intensities (or the last features) at every point of a coordinate image.

        Args:
            coords: ``(B, spatial_dims, *spatial)``, within ``[-1, 1]`` over the head.
            features: give the ``(B, C, *spatial)`` inputs of the last layer instead of its outputs.

        Returns:
            ``(B, out_channels, *spatial)``, float32; intensities in ``[-1, 1]``, as in STRAINER.
        """
        h = self.encoder(to_points(coords))  # (B, N, C)
        return to_image(h if features else self.readout(h).float(), coords)


def sizes_of(network: nn.Module) -> dict[str, Any]:
    """Return the arguments that make a Siren of the same architecture; None for those the network does not have."""
    return {name: getattr(network, name, None) for name in SIZES}
