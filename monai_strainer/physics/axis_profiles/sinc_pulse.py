# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Compute the profile of a Hann-windowed sinc pulse: flatter than a Gaussian, with softer edges than a box.

In the small-tip-angle approximation the excited profile is the Fourier transform of the pulse. With the time-bandwidth
product ``T`` and the position ``u`` in slice thicknesses,

    p(u) = int_{-1/2}^{1/2} w(t) sinc(T t) cos(2 pi T t u) dt,   w(t) = (1 + cos(2 pi t)) / 2

Source: Pauly, Nishimura and Macovski, A k-space analysis of small-tip-angle excitation, J. Magn. Reson. 81 (1989);
Bernstein, King and Zhou, Handbook of MRI Pulse Sequences (2004), chapters 2 and 8.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from ..axis_matrices import voxel_edges

__all__ = ["TIME_BANDWIDTH", "matrix"]

TIME_BANDWIDTH = 4.0  # two zero crossings on each side, common in 2-D sequences
REACH = 1.5  # slice thicknesses on each side of the centre; beyond, p is below 0.001 of its maximum
_SAMPLES = 64  # of the pulse; more change no weight by 1e-6


def matrix(fine: int, measured: int, ratio: float) -> Tensor:
    """Return the weights of slices whose full width at half maximum is ``ratio`` times the step between them.

    Args:
        fine: number of voxels before.
        measured: number of slices, on the same field of view.
        ratio: thickness over step.

    Returns:
        (measured, fine) float64; rows sum to 1; a few entries are slightly negative.

    Example:
        >>> matrix(12, 3, 1.0)[1].round(decimals=3).tolist()
        [0.0, -0.0, 0.006, 0.07, 0.181, 0.244, 0.244, 0.181, 0.07, 0.006, -0.0, 0.0]
    """
    width = _half_maximum() * ratio * fine / measured  # fine voxels per unit of u
    u = (voxel_edges(fine, measured) / width).clamp(-REACH, REACH)
    weights = _area(u).diff(dim=1)
    return weights / weights.sum(1, keepdim=True)


def _area(u: Tensor) -> Tensor:
    """Integrate ``p`` from 0 to ``u``, by the midpoint rule in time and exactly in ``u``."""
    t = (torch.arange(_SAMPLES, dtype=torch.float64) + 0.5) / _SAMPLES - 0.5
    pulse = (1 + torch.cos(2 * math.pi * t)) / 2 * torch.sinc(TIME_BANDWIDTH * t)
    rate = 2 * math.pi * TIME_BANDWIDTH * t
    return (pulse * torch.sin(rate * u[..., None]) / rate).sum(-1) / _SAMPLES


@lru_cache(maxsize=1)
def _half_maximum() -> float:
    """Return 1 over the full width at half maximum of ``p``, in slice thicknesses, by bisection."""
    t = (torch.arange(_SAMPLES, dtype=torch.float64) + 0.5) / _SAMPLES - 0.5
    pulse = (1 + torch.cos(2 * math.pi * t)) / 2 * torch.sinc(TIME_BANDWIDTH * t)
    low, high, top = 0.25, 1.0, float(pulse.sum())
    for _ in range(60):
        middle = (low + high) / 2
        above = float((pulse * torch.cos(2 * math.pi * TIME_BANDWIDTH * t * middle)).sum()) > top / 2
        low, high = (middle, high) if above else (low, middle)
    return 1 / (2 * low)
