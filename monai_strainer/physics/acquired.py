# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Find the acquired k-space of an axis, crop an image to it, and put it back on its own grid.

Scanners often write a larger matrix than they measured: the outer k-space is filled with zeros, so that the finest grid
holds no detail and its noise is correlated. On the acquired grid the noise is white again.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

__all__ = ["acquired_size", "fourier_resize", "outer_power", "power_fall"]

_SMOOTH = 0.02  # cycles per voxel over which the power spectrum is averaged
_STEP = 0.06  # cycles per voxel within which the edge of the acquired k-space falls
_DROP = 0.7  # decades of power that it falls at least
_STEEPER = 1.8  # times the fall just before it: anatomy alone falls evenly
_HALF = 0.3  # decades: the last frequency of an even grid has 0.6 less than those before it
_FLAT = 0.15  # decades that it falls at most before that, where noise covers the anatomy
_FIRST, _LAST = 0.14, 0.45  # cycles per voxel where an edge is looked for
_FEWEST = 64  # voxels below which a spectrum is too short for an estimate
_WIDE, _FEW = 0.05, 4  # of an axis, and frequencies at least, on either side of an edge whose powers are compared
_SOFT = 4.0  # voxels, standard deviation of the window's border
_LINES = 16384  # of the object whose spectra are averaged, at most


def acquired_size(data: NDArray[np.float32], axis: int, inside: NDArray[np.bool_] | None = None) -> int:
    """How many voxels of an axis were measured; its whole length where no zero-filling is found.

    The mean power spectrum along the axis falls evenly for anatomy and levels off for noise. At the edge of a
    zero-filled k-space it falls by a factor of 5 or more within 0.06 cycles per voxel, from all that lies before to all
    that lies behind; behind the peak of a pattern that repeats, it falls to what was there before the peak. Noise in
    the air of a magnitude has twice the bandwidth of the measurement and covers that edge in a noisy scan. There the
    object is looked at alone, and only the end of noise of even power counts: the edges of a sharp object look like an
    edge of k-space.

    Args:
        data: (X, Y, Z) intensities.
        axis: array axis.
        inside: (X, Y, Z) where a magnitude has signal, without its border: looked at alone where nothing is found
            otherwise.

    Returns:
        an even number of voxels, between a quarter of the axis and all of it.

    Example:
        >>> noise = np.random.default_rng(0).standard_normal((96, 8, 8)).astype(np.float32)
        >>> filled = fourier_resize(torch.from_numpy(noise).movedim(0, -1), 160).movedim(-1, 0).numpy()
        >>> acquired_size(noise, 0), abs(acquired_size(filled, 0) - 96) <= 2
        (96, True)
    """
    n = data.shape[axis]
    if n < _FEWEST:
        return n
    lines = np.moveaxis(np.asarray(data, np.float32), axis, -1).reshape(-1, n)
    found = _cut(_whole_lines(lines))
    if found is None and inside is not None:
        found = _cut(_lines_inside(lines, np.moveaxis(inside, axis, -1).reshape(-1, n))[0], _FLAT)
    return n if found is None else min(n, found)


def outer_power(data: NDArray[np.float32], axis: int, inside: NDArray[np.bool_], first: int) -> float:
    """Return the power of noise per frequency, from the median over the outer frequencies of an axis within an object.

    White noise has its variance there. The air around a magnitude, whose noise has twice the bandwidth, is left out.

    Args:
        data: (X, Y, Z) intensities.
        axis: array axis.
        inside: (X, Y, Z) where the object is, without its border.
        first: frequency, counted from 0, from which there is noise alone.

    Returns:
        0 where the axis has no such frequency, or nothing is inside.

    Example:
        >>> noise = np.random.default_rng(0).standard_normal((96, 32, 8)).astype(np.float32)
        >>> round(outer_power(noise, 0, np.ones(noise.shape, bool), 36), 1)
        1.0
    """
    if not inside.any() or first > data.shape[axis] // 2:
        return 0.0
    lines, window = _object_lines(data, axis, inside)
    power = np.square(np.abs(np.fft.rfft(lines, axis=1)))[:, first:] / np.square(window).sum(1, keepdims=True)
    return float(np.median(power)) / math.log(2)  # exponential distribution


def power_fall(data: NDArray[np.float32], axis: int, inside: NDArray[np.bool_], size: int) -> float:
    """Return by how many decades the power along an axis falls at the edge of an acquired k-space, within an object.

    With ``P(f)`` the mean power spectrum of the object's lines, the mean of ``log10 P`` over the 5 % of the axis before
    the edge less its mean over the 5 % behind it. Anatomy alone falls by a decade or so; behind the edge of a
    zero-filled k-space there is no more than what taking a magnitude leaves.

    Args:
        data: (X, Y, Z) intensities.
        axis: array axis.
        inside: (X, Y, Z) where the object is, without its border.
        size: voxels that were acquired, as found.

    Returns:
        infinity where nothing lies behind the edge, or nothing is inside.

    Example:
        >>> noise = np.random.default_rng(0).standard_normal((96, 8, 8)).astype(np.float32)
        >>> filled = fourier_resize(torch.from_numpy(noise).movedim(0, -1), 160).movedim(-1, 0).numpy()
        >>> fall = power_fall(filled, 0, np.ones(filled.shape, bool), 96)
        >>> fall > 2, abs(power_fall(noise, 0, np.ones(noise.shape, bool), 64)) < 0.2
        (True, True)
    """
    n, edge = data.shape[axis], size // 2
    before, behind = edge - 1, edge + 2  # the edge itself is known to a frequency or two
    if not inside.any() or behind > n // 2:
        return math.inf
    lines, _ = _object_lines(data, axis, inside)
    log = np.log10(np.maximum(np.square(np.abs(np.fft.rfft(lines, axis=1))).mean(0), 1e-30))
    width = max(_FEW, round(_WIDE * n))
    return float(log[max(1, before - width) : before].mean() - log[behind : behind + width].mean())


def _cut(lines: NDArray[np.float32], steepest_before: float = math.inf) -> int | None:
    """Return how many voxels of lines were measured; None where no edge of k-space is found.

    Args:
        lines: (L, n).
        steepest_before: decades that the power may fall just before the edge.
    """
    if len(lines) == 0:
        return None
    n = lines.shape[1]
    power = np.square(np.abs(np.fft.rfft(lines, axis=1))).mean(0)
    width = max(1, round(_SMOOTH * n))
    log = np.log10(np.maximum(np.convolve(np.pad(power, width, mode="edge"), np.ones(2 * width + 1), "same"), 1e-30))
    log = log[width:-width]
    step = max(2, round(_STEP * n))
    lowest, highest = np.minimum.accumulate(log), np.maximum.accumulate(log[::-1])[::-1]
    for k in range(round(_FIRST * n), min(round(_LAST * n), len(log) - step)):
        fall, before = lowest[k] - highest[k + step], log[k - step] - log[k]
        if fall > _DROP and fall > _STEEPER * max(before, 0) and before < steepest_before:
            steepest = k + int(np.argmin(np.diff(log[k : k + step + 1])))
            return _size(power, steepest, width)
    return None


def _object_lines(
    data: NDArray[np.float32], axis: int, inside: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Take the lines along an axis as :func:`_lines_inside` does."""
    n = data.shape[axis]
    lines = np.moveaxis(np.asarray(data, np.float32), axis, -1).reshape(-1, n)
    return _lines_inside(lines, np.moveaxis(inside, axis, -1).reshape(-1, n))


def _whole_lines(lines: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take the lines that are not constant, without their mean."""
    lines = lines[np.ptp(lines, axis=1) > 0]
    return lines - lines.mean(1, keepdims=True)


def _lines_inside(
    lines: NDArray[np.float32], inside: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Take the part of lines that the object fills, without its mean and with soft ends, and the window.

    Of many lines some are taken.
    """
    found = np.flatnonzero(inside.any(1))
    found = found[:: max(1, -(-len(found) // _LINES))]
    lines = lines[found]
    window = ndimage.gaussian_filter1d(inside[found].astype(np.float32), _SOFT, axis=1, mode="nearest")
    mean = (lines * window).sum(1, keepdims=True) / np.maximum(window.sum(1, keepdims=True), 1e-6)
    return (lines - mean) * window, window


def _size(power: NDArray[np.float64], near: int, width: int) -> int:
    """Return the even size of the grid that was acquired, from the power spectrum near a fall.

    Averaging moves the fall outwards by its width; the spectrum itself says where it is. The last frequency is the
    last one nearer to the level before the fall. On an even grid it stands for two frequencies and keeps a quarter of
    its power; where it has all of it, there is room for one more.
    """
    log = np.log10(np.maximum(power, 1e-30))
    before, after = np.median(log[near - 3 * width : near - width]), np.median(log[near + width : near + 3 * width + 1])
    start = near - 2 * width
    high = np.flatnonzero(log[start : near + width + 1] > (before + after) / 2)
    last = start + int(high[-1]) if len(high) else near
    return 2 * last if log[last] < before - _HALF else 2 * (last + 1)


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
