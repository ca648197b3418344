# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Find the filter that a scanner applied in the slice plane, restore without it, and apply it again.

Scanners smooth images after reconstruction. Neighbouring voxels then share noise, and a network that was trained on
white noise takes it for anatomy. Image and noise passed the same filter ``h``, so the scan ``h x + h n`` is divided by
``h`` in frequency, ``x + n`` is restored, and the result is filtered again:

    result = h f(h^-1 y)

What ``f`` leaves alone comes back exactly. ``h`` is a Gaussian, in the frequencies of a cosine transform, so that the
border of the image needs no padding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn, idctn

from ..geometry import Grid
from ..physics.axis_matrices import FWHM
from ..volume import Volume
from .noise_level import AGREE, LEAST, MUCH, NoiseLevel
from .quiet_level import quiet_level

__all__ = ["NoiseFilter", "find_filter"]

_WIDTHS: tuple[float, ...] = (0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8)  # voxels, full width at half maximum
# In little noise, fine anatomy that is divided by a wider filter looks like white noise: in 2 of 4 slabs of brains as
# they come, 1.4 voxels fit. Real filters of 1.5 voxels are found as 1.0 to 1.2 on 28 of 30 scans of the training split.
_WIDEST_IN_LITTLE = 1.2
_LOWEST = 0.05  # of the filter's gain: h^-1 amplifies 20 times at most
_MOST_LOST = 1.0  # times the noise: at most 0.5 after real filters of 1.5 voxels, 5.6 on a sharp scan without noise
_SEARCHED = 12  # slices that a scan with more than twice as many is searched on
_NEARLY = 1.7  # ratio up to which a width is close to one that fits
# Ratio of the wavelet's reading to the network's from which a filter is looked for, in little and in much noise: white
# noise of 3 % has less on the 32 scans of the training split that were tried, noise after a filter of 1.2 voxels has
# 1.5 to 2.0. Little noise may be fine anatomy, which sets the readings apart as well.
_FILTERED, _FILTERED_MUCH = 2.0, 1.5
# Widths of the filter that is undone, and ratios up to which noise is white enough then. What is left of a filter of
# 0.9 voxels costs nothing, of 1.1 voxels 1 to 3 dB; a filter that is too wide costs more the wider it is.
_WHITE = ((0.6, 1.2), (1.15, 1.4))
# Widths of the filter that is undone, and how much weaker what a network takes off may be at the highest frequencies
# than below (`removed_spectrum`). Of 160 filtered slabs of the training split, 64 x 64 voxels, 95 % have less than
# this; with white noise most scans have 0.8 to 1.
_FALL = ((0.8, 1.0, 1.2), (0.78, 0.71, 0.55))
# Times the level of the quietest windows that the noise of a scan may have (`quiet_level`). On 53 filtered and
# resampled slabs of the training split, levels right to 15 % have 1.34 at most; levels that are 1.3 times too high, of
# anatomy, have 1.42 or more.
_OVER_QUIET = 1.38


@dataclass(frozen=True)
class NoiseFilter:
    """A Gaussian filter in the slice plane.

    Args:
        width: full width at half maximum, in voxels.
        axes: array axes of the plane.

    Example:
        >>> image = np.random.default_rng(0).random((4, 32, 32), np.float32)
        >>> h = NoiseFilter(1.2, (1, 2))
        >>> bool(np.allclose(h.apply(h.undo(image)), image, atol=1e-5))
        True
    """

    width: float
    axes: tuple[int, ...]

    @property
    def note(self) -> str:
        """What was found, and what is done about it, in plain words."""
        return (
            f"neighbouring voxels share noise, as after a filter of {self.width:g} voxels in the plane: the scan is "
            "restored without this filter, and filtered again"
        )

    def apply(self, data: NDArray[np.float32]) -> NDArray[np.float32]:
        """Filter an image (X, Y, Z)."""
        return self._times(data, self._gain(data.shape))

    def undo(self, data: NDArray[np.float32]) -> NDArray[np.float32]:
        """Divide an image (X, Y, Z) by the filter."""
        return self._times(data, 1 / self._gain(data.shape))

    def shaped_level(self, shape: tuple[int, ...], sigma: float) -> float:
        """Return the level that white noise has after the filter.

        Args:
            shape: of the image.
            sigma: level before.
        """
        return sigma * float(np.sqrt(np.square(self._gain(shape)).mean()))

    def _gain(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        square = np.zeros([1] * len(shape))
        for axis in self.axes:
            frequency = np.arange(shape[axis]) / (2 * shape[axis])  # cycles a voxel
            square = square + np.square(frequency).reshape([-1 if k == axis else 1 for k in range(len(shape))])
        sigma = self.width / FWHM
        gain: NDArray[np.float64] = np.maximum(np.exp(-2 * np.square(np.pi * sigma) * square), _LOWEST)
        return gain

    def _times(self, data: NDArray[np.float32], gain: NDArray[np.float64]) -> NDArray[np.float32]:
        spectrum = dctn(data.astype(np.float64), axes=self.axes, norm="ortho")
        image: NDArray[np.float64] = idctn(spectrum * gain, axes=self.axes, norm="ortho")
        return np.ascontiguousarray(image, np.float32)


Found = tuple[NoiseFilter, Volume, NoiseLevel]


class Reader(Protocol):
    """Reads the noise of one scan, and of what is left of it without a filter."""

    @property
    def intensity_scale(self) -> float:
        """Intensity that stands for 1."""

    def level(self, volume: Volume, some: slice = slice(None)) -> NoiseLevel:
        """Return the level of the noise of a volume that has some of the scan's slices."""

    def fall(self, scan: Volume, sigma: float) -> float:
        """Return how the spectrum of what a network takes off a scan at a level falls."""


def find_filter(scan: Volume, level: NoiseLevel, reader: Reader, magnitude: bool, most: float) -> Found | None:
    """Find the narrowest filter without which the noise is white: there, two readings of its level agree.

    The wavelet reads filtered noise nearly in full (0.6 to 0.8 of it after a filter of 1.5 voxels), the network reads
    0.1 to 0.3 of it. Of white noise both read 0.7 to 1.0, on the scans of the benchmark. White noise that is divided by
    a filter grows more than filtering takes away again: that the level found, filtered, is the level read is one check.
    Another is that what a network takes off as noise is weaker at the highest frequencies, as filtered noise is.

    Args:
        scan: to denoise.
        level: of its noise, as it was read.
        reader: reads the noise; see :class:`monai_strainer.restoring.scan_noise.NoiseReader`.
        magnitude: values are kept at 0 or above.
        most: level, relative to the intensity that stands for 1, that a network can remove.

    Returns:
        The filter, the scan without it and its noise level; None where the noise is white, is very small, or is not
        white without any of the filters.
    """
    scale = reader.intensity_scale
    if not _is_filtered(level, scale):
        return None
    widest = math.inf if _wavelet(level, scale) > MUCH else _WIDEST_IN_LITTLE
    widths = tuple(width for width in _WIDTHS if width <= widest)
    search = _Search(scan, level, scale, magnitude, reader.level, most, widths)
    sure = _Certainty(
        cache(lambda: reader.fall(scan, level.reading.wavelet or 0.0)),
        cache(lambda: quiet_level(scan.slices(scan.slice_axis), magnitude)),
    )
    count = scan.grid.shape[scan.slice_axis]
    if count <= 2 * _SEARCHED:
        return sure.of(search.by_halves())
    some = slice((count - _SEARCHED) // 2, (count + _SEARCHED) // 2)
    part = _part(scan, some)  # most scans have none: slices in the middle say so in a part of the time
    read_part = partial(reader.level, some=some)
    found = sure.of(replace(search, scan=part, level=read_part(part), read=read_part).by_halves())
    if found is None:
        return None
    return sure.of(search.in_turn([width for width in widths if width >= found[0].width - 0.2]))


@dataclass(frozen=True)
class _Certainty:
    """Decides whether a filter that was found is there; each reading is of the whole scan, and is taken once.

    Args:
        fall: of the spectrum of what a network takes off.
        quiet: level of the quietest windows.
    """

    fall: Callable[[], float]
    quiet: Callable[[], float]

    def of(self, found: Found | None) -> Found | None:
        """Return what was found, if nothing speaks against it.

        The noise is no more than quiet windows hold, and what a network takes off falls as noise after that filter.
        """
        if found is None:
            return None
        h, volume, level = found
        claimed = h.shaped_level(volume.grid.shape, level.reading.wavelet or 0.0)
        is_there = claimed <= _OVER_QUIET * self.quiet() and self.fall() <= float(np.interp(h.width, *_FALL))
        return found if is_there else None


def _part(scan: Volume, some: slice) -> Volume:
    """Return some slices of a scan; where they lie is not kept."""
    data = np.ascontiguousarray(np.moveaxis(scan.slices(scan.slice_axis)[some], 0, scan.slice_axis))
    return replace(scan, data=data, grid=Grid((data.shape[0], data.shape[1], data.shape[2]), scan.grid.affine))


@dataclass(frozen=True, eq=False)
class _Search:
    """The search for the narrowest filter without which noise is white; see :func:`find_filter`."""

    scan: Volume
    level: NoiseLevel
    intensity_scale: float
    magnitude: bool
    read: Callable[[Volume], NoiseLevel]
    most: float
    widths: Sequence[float] = _WIDTHS
    tried: dict[float, tuple[bool, Found | None, float]] = field(default_factory=dict, init=False)  # by width

    def in_turn(self, widths: Sequence[float]) -> Found | None:
        """Try one width after the other, from narrow to wide."""
        for width in widths:
            is_last, found, _ = self._without(width)
            if is_last:
                return found
        return None

    def by_halves(self) -> Found | None:
        """Try a few widths: the wider the filter that is undone, the more of the noise the network reads.

        Where that is not quite so, and a filter nearly fits, all widths are tried.
        """
        low, high, best, closest = 0, len(self.widths), None, math.inf
        while low < high:
            middle = (low + high) // 2
            is_last, found, ratio = self._without(self.widths[middle])
            if is_last:
                high, best = middle, found
            else:
                low, closest = middle + 1, min(closest, ratio)
        return best if best is not None or closest > _NEARLY else self.in_turn(self.widths)

    def _without(self, width: float) -> tuple[bool, Found | None, float]:
        """Undo a filter. Return whether no wider one is to be tried, what was found, and the ratio of the readings."""
        if width not in self.tried:
            self.tried[width] = self._undone(width)
        return self.tried[width]

    def _undone(self, width: float) -> tuple[bool, Found | None, float]:
        scan = self.scan
        h = NoiseFilter(width, tuple(k for k in range(3) if k != scan.slice_axis))
        data = h.undo(scan.data)
        volume = replace(scan, data=np.maximum(data, 0) if self.magnitude else data)
        found = self.read(volume)
        ratio = _ratio(found)
        if found.relative > self.most:
            return True, None, ratio
        wavelet = found.reading.wavelet or 0.0
        # a map of levels may be far off
        if not (ratio <= _white(width) and wavelet <= AGREE * found.relative * self.intensity_scale):
            return False, None, ratio
        filtered = h.shaped_level(scan.grid.shape, wavelet)
        if not 1 / AGREE < filtered / (self.level.reading.wavelet or math.inf) < AGREE:
            return True, None, ratio  # what was undone made noise, and took none away
        if _lost(h, volume, scan) > _MOST_LOST * filtered:
            return True, None, ratio  # the scan has edges that are sharper than such a filter leaves them
        return True, (h, volume, replace(found, reading=replace(found.reading, filter_width=width))), ratio


def _lost(h: NoiseFilter, volume: Volume, scan: Volume) -> float:
    """Root mean square of what does not come back: values below zero that undoing the filter made, and that were cut.

    An edge that is sharper than the filter overshoots by many times the noise when the filter is undone.
    """
    return float(np.sqrt(np.square(h.apply(volume.data) - scan.data).mean()))


def _is_filtered(level: NoiseLevel, intensity_scale: float) -> bool:
    wavelet = _wavelet(level, intensity_scale)
    return level.readable and wavelet > LEAST and _ratio(level) > (_FILTERED_MUCH if wavelet > MUCH else _FILTERED)


def _wavelet(level: NoiseLevel, intensity_scale: float) -> float:
    """Return the wavelet's reading of the noise, relative to the scan's intensities."""
    return (level.reading.wavelet or 0.0) / intensity_scale


def _white(width: float) -> float:
    """Return the ratio of the two readings up to which noise is white, once a filter of this width is undone."""
    return float(np.interp(width, *_WHITE))


def _ratio(level: NoiseLevel) -> float:
    """Wavelet's reading by the network's: 1 to 1.3 for white noise; not a number where there is one reading only."""
    network, wavelet = level.reading.network, level.reading.wavelet
    return wavelet / network if network and wavelet is not None else math.nan
