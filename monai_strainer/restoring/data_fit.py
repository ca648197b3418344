# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Measure data consistency: normalised residual, its whiteness, and the fraction that the data left open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..metrics import whiteness
from ..physics import NoiseModel, Operator
from .report import DataAgreement
from .risk import batches

__all__ = ["DataFit", "data_fit"]

UNEXPLAINED = 2.0  # residual over noise: more means that operator or noise level are not those of the scan
_BRIGHT = 0.1  # of the head
PATTERNED = 0.3  # correlation of neighbours in the residual: more means that anatomy was taken for noise


@dataclass(frozen=True)
class DataFit(DataAgreement):
    """What a result owes to the data.

    ``residual`` is about 1 after denoising; less where the data leave much open, for then they can be met more closely.
    ``whiteness`` is 0 for noise.
    """

    def warnings(self) -> list[str]:
        """Warnings in plain words."""
        out = []
        if self.residual > UNEXPLAINED:
            out.append(
                f"the result misses the data by {self.residual:.1f} times the noise: "
                "the profile, the slice thickness or the noise level may be others"
            )
        if self.whiteness > PATTERNED and self.residual > 0.5:
            out.append("what was taken off as noise has a pattern; look at the difference before use")
        return out


def data_fit(operator: Operator, x: Tensor, y: Tensor, noise: NoiseModel) -> DataFit:
    """Compare a result with the data it was made of.

    With ``u = x - argmin_z |A z - A x|^2 / sigma^2 + |z|^2 / E[x^2]``, the part of ``x`` that the data did not hold up,
    ``undetermined`` is ``|u|^2 / |x|^2`` in the head.

    Args:
        operator: ``A`` on the last axes of ``x``.
        x: ``(S, *fine)`` or ``(*fine)``, the head about ``[0, 1]``.
        y: what was measured.
        noise: of ``y``.
    """
    level, clean = noise.sigma.clamp_min(1e-6).expand(y.shape), noise.debias(y)
    inside, bright = _head(x), torch.empty(y.shape, dtype=torch.bool)
    rho = float(noise.sigma.clamp_min(1e-6).square().mean()) / max(_power(x) / x.numel(), 1e-12)
    residual, loose, energy = torch.empty_like(y), 0.0, 1e-12
    for some in batches(len(x)) if x.ndim > len(operator.shape_in) else [slice(None)]:
        part, kept = x[some], inside[some]
        seen = operator.A(part)
        left = part - operator.prox(torch.zeros_like(part), seen, rho)
        loose, energy = loose + _power(left[kept]), energy + _power(part[kept])
        residual[some], bright[some] = (clean[some] - seen) / level[some], seen > _BRIGHT
    head = (bright if bright.any() else torch.ones_like(bright)).numpy()
    try:
        white = whiteness(residual.numpy(), head)
    except InputError:  # nothing is left of the data to compare, or a single pixel
        white = 0.0
    rms = float(np.sqrt(np.square(residual.numpy()[head]).mean()))
    return DataFit(rms, white, loose / energy)


def _power(x: Tensor) -> float:
    """Return the sum of squares."""
    return float(torch.linalg.vector_norm(x, dtype=torch.float64)) ** 2


def _head(images: Tensor) -> Tensor:
    """Where an image is brighter than a tenth of the head; all of it where nothing is."""
    mask = images > _BRIGHT
    return mask if mask.any() else torch.ones_like(mask)
