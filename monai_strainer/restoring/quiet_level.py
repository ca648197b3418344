# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read an upper limit of the noise level in the quietest windows of a scan.

Anatomy adds to the deviation within a window, and takes nothing away: where noise is even, no level is much above that
of the quietest windows, whether its noise is white or filtered.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from ..physics.noise_estimation import koay_factor

__all__ = ["quiet_level"]

_SIDE = 7  # of a window, in voxels
_QUIETEST = 5  # per cent of the windows
_FEWEST = 200  # windows
_DARK = 2.7  # mean over deviation below which a window is taken to hold noise alone: 1.9 without signal, and chance
_SNRS = np.linspace(0, 12, 600)  # signal-to-noise ratios of Koay's factor; above, it is 1


def quiet_level(slices: NDArray[np.float32], is_magnitude: bool) -> float:
    """Return the standard deviation below which 5 % of the windows are.

    The magnitude of complex noise scatters less than its parts where the signal is low. There the deviation is divided
    by the square root of Koay's factor, as in :func:`monai_strainer.physics.noise_estimation.rician_sigma`. In windows
    of noise alone the level is the root mean square over the square root of 2, which varies less.

    Args:
        slices: (S, H, W). Windows with a zero or with one value alone do not count.
        is_magnitude: whether noise is Rician.

    Returns:
        the level in the units of the slices; not a number where there are too few windows.

    Example:
        >>> noise = np.random.default_rng(0).standard_normal((2, 64, 64)).astype(np.float32)
        >>> f"{quiet_level(100 + noise, is_magnitude=True):.1f}"
        '0.8'
    """
    size, half, count = (0, _SIDE, _SIDE), _SIDE // 2, _SIDE * _SIDE
    if min(slices.shape[1:]) < _SIDE:
        return math.nan
    y = slices.astype(np.float64)
    mean, square, empty = (uniform_filter(image, size) for image in (y, y * y, (y == 0).astype(np.float64)))
    inner = (slice(None), slice(half, -half), slice(half, -half))
    there = empty[inner] < 0.5 / count
    m, variance = mean[inner][there], (square - mean * mean)[inner][there] * count / (count - 1)
    counts = variance > 1e-9 * m * m
    m, deviation = m[counts], np.sqrt(variance[counts])
    if len(m) < _FEWEST:
        return math.nan
    if is_magnitude:
        factor = koay_factor(torch.from_numpy(_SNRS)).numpy()
        seen = np.sqrt(np.maximum(np.square(_SNRS) + 2 - factor, 0) / factor)  # mean over deviation
        alone = np.sqrt((m * m + deviation * deviation) / 2)
        ratio = m / deviation
        deviation = np.where(ratio < _DARK, alone, deviation / np.sqrt(np.interp(ratio, seen, factor)))
    return float(np.percentile(deviation, _QUIETEST))
