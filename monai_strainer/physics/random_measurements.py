# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Draw acquisitions at random over the stated range of clinical physics: what a detail network learns from."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from .noise import GaussianNoise, NoiseModel, RicianNoise
from .profiles import Profile
from .separable import Identity, Separable

__all__ = ["AcquisitionDistribution"]


@dataclass(frozen=True)
class AcquisitionDistribution:
    """Operators and noise levels to draw, and how often.

    Args:
        factor: greatest factor of an axis; the smallest is 1.
        rician: greatest Rician noise level, the head being about ``[0, 1]``.
        gaussian: greatest Gaussian one. Plug-and-play starts from there.
        whole: fraction of draws with no operator, where noise is all.
        across: fraction of draws that refine one axis alone (thick slices); the rest refine both axes in-plane.
    """

    factor: float = 6.0
    rician: float = 0.12
    gaussian: float = 0.2
    whole: float = 0.4
    across: float = 0.3

    def draw(self, side: int, rng: np.random.Generator) -> tuple[Separable, NoiseModel]:
        """Draw an operator on ``(side, side)`` images and its noise.

        Args:
            side: rows and columns of the images.
            rng: of the draw.

        Example:
            >>> operator, noise = AcquisitionDistribution().draw(32, np.random.default_rng(0))
            >>> operator.shape_in
            (32, 32)
        """
        kind = rng.random()
        if kind < self.whole:
            if rng.random() < 0.2:  # the denoiser of plug-and-play
                return Identity((side, side)), GaussianNoise(float(rng.uniform(0.002, self.gaussian)))
            return Identity((side, side)), RicianNoise(float(rng.uniform(0.003, self.rician)))
        if kind < self.whole + self.across:
            axes: list[torch.Tensor | int] = [self._thick(side, rng), side]
            if rng.random() < 0.5:
                axes.reverse()
            operator = Separable(axes)
        else:
            first = self._factor(rng)
            same = rng.random() < 0.8
            profile = rng.choice(["box", "gaussian", "kspace"], p=[0.5, 0.15, 0.35])
            operator = Separable(
                [_axis(side, f, Profile(profile)) for f in (first, first if same else self._factor(rng))]
            )
        low = rng.random() < 0.5
        return operator, RicianNoise(float(rng.uniform(0, 0.01) if low else rng.uniform(0.01, 0.75 * self.rician)))

    def with_denoising(self, fraction: float) -> AcquisitionDistribution:
        """Return the same distribution with another fraction of draws that have noise alone.

        Args:
            fraction: in ``[0, 1]``; the operators of the other draws keep their proportions.

        Example:
            >>> AcquisitionDistribution(whole=0.4, across=0.3).with_denoising(0.7).across
            0.15
        """
        return replace(self, whole=fraction, across=round(self.across * (1 - fraction) / (1 - self.whole), 12))

    def _factor(self, rng: np.random.Generator) -> float:
        if rng.random() < 0.5:
            return float(rng.choice([f for f in (1.5, 2.0, 3.0, 4.0, 5.0) if f <= self.factor]))
        return float(math.exp(rng.uniform(math.log(1.2), math.log(self.factor))))

    def _thick(self, side: int, rng: np.random.Generator) -> torch.Tensor:
        factor = self._factor(rng)
        ratio = 1.0 if rng.random() < 0.5 else float(rng.uniform(0.6, 1.2))  # thickness over separation
        profile = rng.choice(["box", "gaussian", "kspace"], p=[0.5, 0.35, 0.15])
        return _axis(side, factor, Profile(profile, ratio))


def _axis(side: int, factor: float, profile: Profile) -> torch.Tensor:
    return profile.matrix(side, max(1, round(side / factor)))
