# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Define the nonlinearity of coordinate networks, by the name that configuration files give it.

Its argument is always computed in float32: in half precision ``sin(30 x)`` loses its phase.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Sine", "activation_named"]


class Sine(nn.Module):
    """``sin(omega z)`` (Sitzmann et al., NeurIPS 2020).

    Args:
        omega: factor of the argument; a larger one lets a network show finer detail from the start.
    """

    def __init__(self, omega: float = 30.0) -> None:
        super().__init__()
        self.omega = float(omega)

    def forward(self, z: Tensor) -> Tensor:
        return torch.sin(self.omega * z.float())


def activation_named(name: str, omega: float) -> Sine:
    """Return the activation that a configuration file names.

    Args:
        name: ``"sine"``.
        omega: factor of the argument of the sine.

    Raises:
        ValueError: no activation has that name.
    """
    if name == "sine":
        return Sine(omega)
    raise ValueError(f"no activation is called {name!r}: there is only 'sine'")
