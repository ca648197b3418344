# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Hold what was measured: the data, the operator that made them of an image, and their noise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .noise import NoiseModel
from .operators import Operator

__all__ = ["Measurement"]


@dataclass(frozen=True, eq=False)
class Measurement:
    """``y = A x + n``.

    Args:
        operator: ``A`` on ``(..., H, W)``.
        y: ``(S, h, w)`` slices in their order, the object about ``[0, 1]``.
        noise: of ``y``; a map has its shape.

    Example:
        >>> from monai_strainer.physics import GaussianNoise, Identity
        >>> Measurement(Identity((8, 6)), torch.rand(3, 8, 6), GaussianNoise(0.02)).variance.shape
        torch.Size([3])
    """

    operator: Operator
    y: Tensor
    noise: NoiseModel

    @property
    def variance(self) -> Tensor:
        """Of the noise: ``(S,)``, or ``(S, h, w)`` where it is a map."""
        level = self.noise.sigma.square()
        return level.expand(self.y.shape) if level.ndim else level.expand(len(self.y))

    @property
    def mean_variance(self) -> Tensor:
        """``(S,)``: of the noise, the mean over each slice."""
        return self.noise.sigma.square().expand(self.y.shape).mean((1, 2))

    @property
    def clean(self) -> Tensor:
        """``(S, h, w)``: the data without Rician bias."""
        return self.noise.debias(self.y)

    def to(self, device: str | torch.device) -> Measurement:
        """Return the same measurement on a device."""
        return Measurement(self.operator.to(device), self.y.to(device), self.noise.to(device))
