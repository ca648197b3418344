# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Find the acquired k-space of an axis, crop an image to it, and put it back on its own grid.

Scanners often write a larger matrix than they measured: the outer k-space is filled with zeros, so that the finest grid
holds no detail and its noise is correlated. On the acquired grid the noise is white again.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["acquired_size", "fourier_resize"]

_SMOOTH = 0.02  # cycles per voxel over which the power spectrum is averaged
_STEP = 0.06  # cycles per voxel within which the edge of the acquired k-space falls
_DROP = 0.7  # decades of power that it falls at least
_STEEPER = 1.8  # times the fall just before it: anatomy alone falls evenly
_FIRST, _LAST = 0.14, 0.45  # cycles per voxel where an edge is looked for
_FEWEST = 64  # voxels below which a spectrum is too short for an estimate


def acquired_size(data: NDArray[np.float32], axis: int) -> int:
    """How many voxels of an axis were measured; its whole length where no zero-filling is found.

    The mean power spectrum along the axis falls evenly for anatomy and levels off for noise. At the edge of a
    zero-filled k-space it falls by a factor of 5 or more within 0.06 cycles per voxel.

    Args:
        data: (X, Y, Z) intensities.
        axis: array axis.

    Returns:
        an even number of voxels, between a quarter of the axis and all of it.

    Example:
        >>> noise = np.random.default_rng(0).standard_normal((96, 8, 8)).astype(np.float32)
        >>> filled = fourier_resize(torch.from_numpy(noise).movedim(0, -1), 160).movedim(-1, 0).numpy()
        >>> acquired_size(noise, 0), abs(acquired_size(filled, 0) - 96) <= 6
        (96, True)
    """
    n = data.shape[axis]
    if n < _FEWEST:
        return n
    lines = np.moveaxis(np.asarray(data, np.float32), axis, -1).reshape(-1, n)
    lines = lines[np.ptp(lines, axis=1) > 0]
    if len(lines) == 0:
        return n
    power = np.square(np.abs(np.fft.rfft(lines - lines.mean(1, keepdims=True), axis=1))).mean(0)
    width = max(1, round(_SMOOTH * n))
    log = np.log10(np.maximum(np.convolve(np.pad(power, width, mode="edge"), np.ones(2 * width + 1), "same"), 1e-30))
    log = log[width:-width]
    step = max(2, round(_STEP * n))
    for k in range(round(_FIRST * n), min(round(_LAST * n), len(log) - step)):
        fall, before = log[k] - log[k + step], log[k - step] - log[k]
        if fall > _DROP and fall > _STEEPER * max(before, 0):
            steepest = k + int(np.argmin(np.diff(log[k : k + step + 1])))
            return min(n, 2 * (steepest + 1))
    return n


def fourier_resize(x: Tensor, size: int) -> Tensor:
    """Crop or zero-fill the k-space of the last axis; the field of view and the mean stay.

    The voxel edges of both grids coincide, so the image is shifted by half the difference of their voxels.

    Args:
        x: (..., n).
        size: of the last axis of the result.

    Returns:
        (..., size)
    """
    n = x.shape[-1]
    if size == n:
        return x
    spectrum = torch.fft.rfft(x, dim=-1)
    kept = min(n, size) // 2 + 1
    out = spectrum.new_zeros(*x.shape[:-1], size // 2 + 1)
    frequency = torch.arange(kept, device=x.device, dtype=torch.float64)
    shift = torch.exp(1j * np.pi * frequency * (1 / size - 1 / n)).to(spectrum.dtype)  # centres move, edges do not
    out[..., :kept] = spectrum[..., :kept] * shift
    if min(n, size) % 2 == 0:  # the highest frequency of an even grid stands for two
        out[..., kept - 1] *= 0.5 if size > n else 1.0
    return torch.fft.irfft(out, n=size, dim=-1) * (size / n)
