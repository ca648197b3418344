# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore a zero-filled scan on the grid that was acquired, and give it back on the grid that was asked for.

On the acquired grid noise is white and every voxel is a measurement. An axis that only takes noise away is zero-filled
again afterwards; an axis that is refined starts from the acquired k-space, whose profile is the k-space one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from ..geometry import Grid
from ..physics.acquired import acquired_size, fourier_resize, outer_power, power_fall
from ..volume import Volume
from .repeated_voxels import repeats_of

__all__ = [
    "Acquired",
    "find_acquired",
    "is_measured_further",
    "noise_on_acquired_grid",
    "outer_density",
    "outer_half",
    "resized",
]

_BORDER = 2  # voxels at the border of the object that are not looked at
_HALF_KSPACE = 0.2  # of the noise inside: zero-filled scans of 1 % of noise have up to 0.13, partial Fourier from 0.29
_EMPTY = 1.4  # decades that the power falls at least where nothing lies behind: 1.5 to 2.9; partial Fourier 0.7 to 1.3
_LESS = 0.93  # of an axis: less than that was acquired, or it counts as whole


class Shaping(Protocol):
    """What a scanner did to the noise of an image after the acquisition."""

    @property
    def note(self) -> str:
        """What was found, and what is done about it, in plain words."""

    def apply(self, data: NDArray[np.float32]) -> NDArray[np.float32]:
        """Do it again to a restored image (X, Y, Z)."""

    def shaped_level(self, shape: tuple[int, ...], sigma: float) -> float:
        """Return the level that white noise of level ``sigma`` has after it, in an image of a shape."""


@dataclass(frozen=True, eq=False)
class Acquired:
    """A scan on its acquired grid.

    Args:
        volume: to restore.
        factors: to refine it by; 1 on axes that are zero-filled again afterwards.
        sizes: voxels that were acquired, per array axis.
        filled: array axes that were zero-filled.
        wanted: grid of the result.
        filter: what the scanner did to the noise and ``volume`` is without; applied again to the result.
        repeats: how often the scan holds every voxel of ``volume``, per array axis.
    """

    volume: Volume
    factors: tuple[float, float, float]
    sizes: tuple[int, int, int]
    filled: tuple[int, ...]
    wanted: Grid
    filter: Shaping | None = None
    repeats: tuple[int, int, int] = (1, 1, 1)

    def on_wanted_grid(self, data: NDArray[np.float32], magnitude: bool) -> NDArray[np.float32]:
        """Filter a restored image again, zero-fill its zero-filled axes again, and repeat its voxels again.

        Args:
            data: (X, Y, Z) restored image on the acquired grid.
            magnitude: whether values below 0 become 0.
        """
        if self.filter is not None:
            data = self.filter.apply(data)
        data = self._repeated(data)
        for axis, size in enumerate(self.wanted.shape):
            if data.shape[axis] != size:
                data = resized(data, axis, size)
        return np.maximum(data, 0) if magnitude else data

    def deviation_on_wanted_grid(self, std: NDArray[np.float32]) -> NDArray[np.float32]:
        """Interpolate a standard deviation linearly to the grid of the result, or repeat it as the image."""
        std = self._repeated(std)
        if std.shape == self.wanted.shape:
            return std
        zoom = [n / m for n, m in zip(self.wanted.shape, std.shape)]
        out: NDArray[np.float32] = ndimage.zoom(std, zoom, order=1, grid_mode=True, mode="nearest")
        return out

    def _repeated(self, data: NDArray[np.float32]) -> NDArray[np.float32]:
        """Repeat the voxels along axes that are not refined, as the scan does."""
        for axis, times in enumerate(self.repeats):
            if times > 1 and data.shape[axis] * times == self.wanted.shape[axis]:
                data = data.repeat(times, axis)
        return data


def find_acquired(
    scan: Volume, factors: tuple[float, float, float], signal: NDArray[np.bool_] | None, enabled: bool = True
) -> Acquired:
    """Crop the k-space of a scan to what was acquired.

    Args:
        scan: what the scanner gave.
        factors: that were asked for, per array axis.
        signal: (X, Y, Z) where a magnitude has signal, whose values are kept at 0 or above; None for signed data.
        enabled: False takes every axis as acquired.
    """
    wanted = scan.grid.refine(factors)
    inner = ndimage.binary_erosion(signal, iterations=_BORDER) if enabled and signal is not None else None
    repeats = repeats_of(scan.data) if enabled else (1, 1, 1)
    sizes = [
        acquired_size(scan.data, k, inner) if enabled and repeats[k] == 1 else n for k, n in enumerate(scan.grid.shape)
    ]
    filled = tuple(k for k, n in enumerate(scan.grid.shape) if sizes[k] <= _LESS * n)
    if not filled and max(repeats) == 1:
        return Acquired(scan, factors, scan.grid.shape, (), wanted)
    data = scan.data[:: repeats[0], :: repeats[1], :: repeats[2]]
    for axis in filled:
        data = resized(data, axis, sizes[axis])
    data = data if signal is None else np.maximum(data, 0)
    smaller = [k in filled or repeats[k] > 1 for k in range(3)]
    low = [wanted.shape[k] / data.shape[k] if smaller[k] and f > 1 else f for k, f in enumerate(factors)]
    a, b, c = data.shape
    volume = Volume(
        np.ascontiguousarray(data), scan.grid.resize((a, b, c)), scan.source, scan.slice_axis, scan.thickness
    )
    return Acquired(volume, (low[0], low[1], low[2]), (a, b, c), filled, wanted, repeats=repeats)


def is_measured_further(
    scan: Volume, acquired: Acquired, signal: NDArray[np.bool_], sigma: float, is_quiet: bool
) -> bool:
    """Whether one side of k-space was measured further than what was found as acquired.

    That is a partial Fourier acquisition, whose magnitude holds the outer frequencies of one side at half of their
    amplitude: noise reaches outside what was found, and the power falls less at its edge than that of a zero-filled
    scan. Scans that were zero-filled and then interpolated have little noise outside, but their power falls slowly: it
    is looked at in quiet scans alone, where there is no noise to look at, and along axes to refine.

    Args:
        scan: on the grid of its file.
        acquired: the scan on its acquired grid.
        signal: (X, Y, Z) where a magnitude has signal, on the grid of the file.
        sigma: of the noise on the acquired grid, in the scan's units.
        is_quiet: whether fine anatomy may be more than the noise.
    """
    inner = ndimage.binary_erosion(signal, iterations=_BORDER)
    if is_quiet:
        refined = [axis for axis in acquired.filled if acquired.factors[axis] > 1]
        return any(power_fall(scan.data, axis, inner, acquired.sizes[axis]) < _EMPTY for axis in refined)
    white = sigma**2 * math.prod(scan.grid.shape[k] / acquired.sizes[k] for k in acquired.filled)
    first = {axis: outer_half(scan.grid.shape[axis], acquired.sizes[axis]) for axis in acquired.filled}
    return any(outer_power(scan.data, axis, inner, first[axis]) > _HALF_KSPACE * white for axis in first)


def noise_on_acquired_grid(scan: Volume, acquired: Acquired, sigma: float) -> float:
    """Convert a noise level given for the scan's grid to the acquired grid.

    Cropping k-space keeps the noise inside and drops what lies outside. Zero-filled noise lies inside alone and keeps
    its level; noise that was white on the scan's grid loses its outer part, which is estimated from the power there.

    Args:
        scan: on the grid of its file.
        acquired: the scan on its acquired grid.
        sigma: noise level on the grid of the file.
    """
    variance = sigma * sigma
    data = scan.data
    for axis in acquired.filled:
        n, m = scan.grid.shape[axis], acquired.sizes[axis]
        density = outer_density(data, axis, m // 2 + 2)
        if density is not None:
            variance = max(variance * m / n, variance - density * (1 - m / n))
        data = resized(data, axis, m)
    return float(np.sqrt(variance))


def outer_half(size: int, acquired: int) -> int:
    """Return the first of the higher half of the frequencies outside: the lower ones hold the most of the picture.

    Args:
        size: voxels along an axis.
        acquired: voxels that were acquired, an even number.
    """
    return acquired // 2 + 2 + (size - acquired) // 4


def outer_density(data: NDArray[np.float32], axis: int, first: int) -> float | None:
    """Return the power of noise per frequency, from the median over the outer frequencies of an axis.

    Args:
        data: (X, Y, Z) intensities.
        axis: array axis.
        first: frequency, counted from 0, from which there is noise alone.

    Returns:
        None where the axis has no such frequency.
    """
    outer = np.moveaxis(np.fft.rfft(data, axis=axis, norm="ortho"), axis, 0)[first:]
    return float(np.median(np.square(np.abs(outer)))) / math.log(2) if outer.size else None  # exponential distribution


def resized(data: NDArray[np.float32], axis: int, size: int) -> NDArray[np.float32]:
    """Crop the k-space of an axis, or fill it up with zeros.

    Args:
        data: (X, Y, Z) intensities.
        axis: array axis.
        size: voxels along it afterwards.
    """
    x = torch.from_numpy(np.ascontiguousarray(np.moveaxis(data, axis, -1)))
    return np.ascontiguousarray(np.moveaxis(fourier_resize(x, size).numpy(), -1, axis))
