# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore a scan whose k-space is empty in the corners of the slice plane: fill them with noise, and empty them again.

Many scanners measure, or keep, an ellipse of k-space. Noise that is missing in the corners is not white, and a network
that was trained on white noise takes it for anatomy. White noise in the corners, of the level of the rest, makes it
white; of a denoised scan, what the network makes of the corners is thrown away. With the share ``w`` of the noise that
each frequency has,

    result = w f(y + sqrt(1 - w) n) + (1 - w) y

in k-space. What the network ``f`` leaves alone comes back exactly. A refined image keeps what the network makes of the
corners.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, rfft2
from scipy.ndimage import gaussian_filter

from ..volume import Volume
from .background import nearest
from .noise_level import NoiseLevel
from .patches import evenly_spaced
from .zero_filling import resized

__all__ = ["RoundKspace", "find_round_kspace"]

_BIN = 0.03  # of the radius, which is 1 where an axis ends
_EARLIEST, _LATEST = 0.82, 1.25  # radii where the edge may be
_RADII = np.arange(0.6, 1.38, _BIN)
_STEP = 4  # bins within which the edge falls
_DROP = 0.9  # decades of power that it falls at least: noise of 1 % on 2.6 % within the ellipse has that
_STEEPER = 1.8  # times the fall before it: anatomy alone falls evenly
_DIAGONAL = 0.2  # cycles per voxel along both axes from which a frequency counts: edges lie along the axes
_FEWEST = 64  # frequencies of a bin, in all slices
_SOFT = 4.0  # voxels, standard deviation of the border of the object's window
_SLICES = 16  # whose spectra are averaged
_LEAST = 0.01  # of the intensity scale: of less noise, fine anatomy may be the half
_MARGIN = 0.06  # of the radius, within which the edge is sharp


@dataclass(frozen=True, eq=False)
class RoundKspace:
    """The share of the noise that each frequency of the slice plane has.

    Args:
        share: (h, w / 2 + 1) from 0 to 1, in the order of a real Fourier transform.
        original: the scan.
    """

    share: NDArray[np.float64]
    original: Volume

    @property
    def note(self) -> str:
        """What was found, and what is done about it, in plain words."""
        return "the corners of k-space are empty: the scan is restored with noise there, of the level of the rest"

    def apply(self, data: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give a restored image (X, Y, Z) the corners of the scan; a refined one is left as it is."""
        if data.shape != self.original.data.shape:
            return data
        difference = np.moveaxis(data - self.original.data, self.original.slice_axis, 0)
        return self.original.data + self._stacked(_weighted(difference, self.share))

    def shaped_level(self, shape: tuple[int, ...], sigma: float) -> float:
        """Return the level that white noise has with empty corners.

        Args:
            shape: of the image, that of the scan.
            sigma: level with full corners.
        """
        columns = shape[2 if self.original.slice_axis < 2 else 1]
        twice = np.full(self.share.shape[1], 2.0)  # a real transform keeps one of two equal columns
        twice[0], twice[-1] = 1, 2 - (columns % 2 == 0)
        return sigma * math.sqrt(float(np.average(self.share, axis=1, weights=twice).mean()))

    def filled(self, level: NoiseLevel, intensity_scale: float, magnitude: bool, seed: int) -> Volume:
        """Return the scan with noise in the corners.

        Args:
            level: of the noise.
            intensity_scale: intensity that stands for 1.
            magnitude: values are kept at 0 or above.
            seed: of the noise.
        """
        drawn = np.random.default_rng(seed).standard_normal(self.original.data.shape).astype(np.float32)
        noise = np.moveaxis(level.level * np.float32(intensity_scale) * drawn, self.original.slice_axis, 0)
        data = self.original.data + self._stacked(_weighted(noise, np.sqrt(1 - self.share)))
        return replace(self.original, data=np.maximum(data, 0) if magnitude else data)

    def _stacked(self, slices: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.ascontiguousarray(np.moveaxis(slices, 0, self.original.slice_axis))


Found = tuple[RoundKspace, Volume, NoiseLevel]


def find_round_kspace(
    scan: Volume,
    inside: NDArray[np.bool_],
    intensity_scale: float,
    magnitude: bool,
    read: Callable[[Volume, NDArray[np.bool_]], NoiseLevel],
    seed: int,
) -> Found | None:
    """Find an ellipse of k-space outside of which the scan holds no noise, and fill the corners.

    The level of the noise is read twice where k-space is full: of the scan on the grid whose k-space is the largest
    rectangle within the ellipse, and of the scan whose corners hold noise of that level. Both err towards less.

    Args:
        scan: to restore.
        inside: (X, Y, Z) where the object is.
        intensity_scale: intensity that stands for 1.
        magnitude: values are kept at 0 or above.
        read: reads the level of the noise of a volume, within an object.
        seed: of the noise in the corners.

    Returns:
        The ellipse, the scan with full corners, and its noise level; None where no edge is found, or little noise.
    """
    slices, there = scan.slices(scan.slice_axis), np.moveaxis(inside, scan.slice_axis, 0)
    some = evenly_spaced(len(slices), _SLICES)
    density = _density(slices[some], there[some])
    edge = _edge(density)
    if edge is None:
        return None
    full = edge - _MARGIN  # radius up to which nothing is missing
    smaller = _cropped(scan, full / math.sqrt(2))
    gain = math.sqrt(math.prod(scan.grid.shape) / math.prod(smaller.grid.shape))  # white noise loses so much
    level = _scaled(read(smaller, nearest(inside, smaller.grid.shape)), gain, scan.grid.shape)
    near = np.searchsorted(_RADII, (full - 2 * _MARGIN, full))
    most = math.sqrt(float(np.median(density[slice(*near)]))) / intensity_scale  # anatomy adds to the noise
    level = _at_most(level, most)

    def with_full_corners(level: NoiseLevel) -> tuple[RoundKspace, Volume]:
        power = float(np.mean(np.square(level.level * np.float32(intensity_scale))))
        found = RoundKspace(_share(density / max(power, 1e-30), full, slices.shape[1:]), scan)
        return found, found.filled(level, intensity_scale, magnitude, seed)

    again = _at_most(read(with_full_corners(level)[1], inside), most)
    level = max(level, again, key=lambda one: one.relative)
    return None if level.relative < _LEAST else (*with_full_corners(level), level)


def _share(relative: NDArray[np.float64], full: float, shape: Sequence[int]) -> NDArray[np.float64]:
    """(h, w / 2 + 1): the share of the noise that every frequency of a slice (h, w) has.

    Args:
        relative: power at ``_RADII`` over that of the noise.
        full: radius up to which nothing is missing.
        shape: of a slice.
    """
    share = np.where(full > _RADII, 1, np.clip(relative, 0, 1))
    known = np.isfinite(share)
    radius = _radius(shape)[:, : shape[1] // 2 + 1]
    return np.interp(radius, _RADII[known], share[known])


def _at_most(found: NoiseLevel, most: float) -> NoiseLevel:
    """Lower a level whose root mean square is above a limit; a limit that is not a number is none."""
    return replace(found, level=found.level * np.float32(most / found.relative)) if found.relative > most else found


def _radius(shape: Sequence[int]) -> NDArray[np.float64]:
    """(h, w): radius of every frequency, 1 where an axis ends."""
    rows, columns = (2 * np.fft.fftfreq(n) for n in shape)
    radius: NDArray[np.float64] = np.sqrt(np.square(rows)[:, None] + np.square(columns))
    return radius


def _density(slices: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Power of noise per frequency at ``_RADII``, from the median along diagonals; not a number where there are few.

    Air is left out: a magnitude of noise alone has twice the bandwidth of the noise.
    """
    window = gaussian_filter(inside.astype(np.float64), (0, _SOFT, _SOFT), mode="constant")
    window = np.maximum(2 * window - 1, 0)  # 0 from the border outwards
    total = np.square(window).sum((1, 2), keepdims=True)
    kept = total[:, 0, 0] > 0
    slices, window, total = slices[kept], window[kept], total[kept]
    mean = (slices * window).sum((1, 2), keepdims=True) / np.maximum(window.sum((1, 2), keepdims=True), 1e-9)
    power = np.square(np.abs(np.fft.fft2((slices - mean) * window))) / total
    rows, columns = (np.abs(np.fft.fftfreq(n)) for n in slices.shape[1:])
    diagonal, radius = np.minimum(rows[:, None], columns) > _DIAGONAL, _radius(slices.shape[1:])
    found = []
    for middle in _RADII:
        ring = diagonal & (np.abs(radius - middle) < _BIN / 2)
        found.append(float(np.median(power[:, ring])) / math.log(2) if power[:, ring].size >= _FEWEST else math.nan)
    return np.array(found)


def _edge(density: NDArray[np.float64]) -> float | None:
    """Return the radius where the power falls as it does at the end of k-space, and not before; None where it does not.

    Args:
        density: power at ``_RADII``.
    """
    log = np.log10(np.maximum(density, 1e-30))
    fall = log[:-_STEP] - log[_STEP:]
    middle = _RADII[: len(fall)] + _STEP * _BIN / 2
    fall[~((middle >= _EARLIEST) & (middle <= _LATEST)) | ~np.isfinite(fall)] = 0
    k = int(np.argmax(fall))
    before = log[k - 2 * _STEP] - log[k - _STEP] if k >= 2 * _STEP else math.nan
    return float(middle[k]) if fall[k] > _DROP and fall[k] > _STEEPER * max(before, 0) else None


def _cropped(scan: Volume, fraction: float) -> Volume:
    """Crop the k-space of both axes of the plane to a fraction."""
    data = scan.data
    for axis in (k for k in range(3) if k != scan.slice_axis):
        data = resized(data, axis, min(data.shape[axis], 2 * round(fraction * data.shape[axis] / 2)))
    return replace(scan, data=data, grid=scan.grid.resize(data.shape))


def _scaled(found: NoiseLevel, gain: float, shape: tuple[int, ...]) -> NoiseLevel:
    """Multiply a level, and put its map on another grid."""
    level, reading = found.level, found.reading
    known = {name: getattr(reading, name) for name in ("std", "network", "wavelet")}
    values = {name: None if value is None else gain * value for name, value in known.items()}
    bounds = reading.range and (gain * reading.range[0], gain * reading.range[1])
    wide = gain * level if np.ndim(level) == 0 else np.float32(gain) * nearest(np.asarray(level), shape)
    return replace(found, level=wide, reading=replace(reading, **values, range=bounds))


def _weighted(slices: NDArray[np.float32], weight: NDArray[np.float64]) -> NDArray[np.float32]:
    """Multiply the k-space of slices (S, h, w) by a weight (h, w / 2 + 1)."""
    product: NDArray[np.float32] = irfft2(rfft2(slices) * weight.astype(np.float32), s=slices.shape[1:])
    return product
