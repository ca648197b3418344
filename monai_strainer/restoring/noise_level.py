# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Decide the noise level of a scan: as given, or as the network estimates it, checked by a second estimate."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import InputError
from ..networks.noise_level import NoiseLevelNet
from ..physics import NoiseModel
from ..volume import Volume
from .noise_reading import LARGE, SMALL, read_noise
from .noise_reading import NoiseReading as Reading
from .noisy_slices import added_noise, in_all_slices
from .report import NoiseReading

__all__ = ["Level", "NoiseLevel", "given_level", "estimated_level"]

Level = float | NDArray[np.float32]
"""Noise level relative to the intensity scale: a number, or a map in the shape of the scan."""
AGREE = 1.4  # ratio up to which the two readings agree
_MORE = {SMALL: 1.1, LARGE: 1.2}  # times the network's reading, up to which the wavelet's is used: the rest is anatomy
LEAST = 0.003  # of the object's intensity: less noise is not worth a filter or a remark
MUCH = 0.02  # of the object's intensity: less noise may be fine anatomy, whatever its kind
_LARGER = 1.3  # ratio up to which less noise in small patches is that of large ones too
_UNEVEN = 2.0  # the same where the noise is uneven, which large patches mix
_APART = 2.3  # ratio from which anatomy, not noise, sets the readings of a zero-filled scan apart
_WAVELET = 2 / 3  # power of the wavelet's reading in the level of a zero-filled scan; the network's has the rest
_MOST = 1.2  # times the root mean square of the object: noise alone has 1, or less where it is that of a magnitude
_CONFLICT, _QUIET = 5.0, 0.01  # ratio of the readings, and level, where patches that are all object are read alone
_WITHIN = 0.95  # of such a patch that is object
_FILLED = 3.5  # ratio up to which the level of a zero-filled scan lies between them


@dataclass(frozen=True, eq=False)
class NoiseLevel:
    """The noise of a scan.

    Args:
        level: relative to the intensity scale, a number or a map in the shape of the scan.
        readable: False where no level can be read off the scan; then it is 0.
        reading: what the report says of it.
    """

    level: Level
    readable: bool = True
    reading: NoiseReading = field(default_factory=NoiseReading)

    @property
    def relative(self) -> float:
        """Root mean square of the level."""
        return float(np.sqrt(np.mean(np.square(self.level))))


def given_level(
    scan: Volume,
    sigma: float | NDArray[np.float32],
    noise: type[NoiseModel],
    intensity_scale: float,
    inside: NDArray[np.bool_],
) -> NoiseLevel:
    """Return the noise level that the caller knows.

    Args:
        scan: to restore.
        sigma: standard deviation in the scan's units: a number, or a map (X, Y, Z).
        noise: kind of noise; refuses a level below 0.
        intensity_scale: intensity that stands for 1.
        inside: (X, Y, Z) where the object is.

    Raises:
        InputError: a map of another shape, a level below 0 or not finite, or one that the object's intensities cannot
            have.
    """
    if np.ndim(sigma) == 0:
        level = NoiseLevel(float(noise(float(sigma)).sigma) / intensity_scale, reading=NoiseReading(estimated=False))
    elif np.shape(sigma) != scan.grid.shape:
        raise InputError(
            f"the noise map is {np.shape(sigma)}, the scan {scan.grid.shape}", "give a map in the shape of the scan"
        )
    elif not (np.isfinite(sigma).all() and np.min(sigma) >= 0):
        raise InputError("the noise map holds values below 0, or not finite", "give a map of standard deviations")
    else:
        level = NoiseLevel(
            np.asarray(sigma, np.float32) / np.float32(intensity_scale), reading=NoiseReading(estimated=False)
        )
    square = np.square(scan.data[inside] / np.float32(intensity_scale), dtype=np.float64)
    given = np.square(np.broadcast_to(level.level, scan.grid.shape)[inside], dtype=np.float64)
    if inside.any() and given.mean() > _MOST**2 * square.mean():
        raise InputError(
            f"a noise level of {level.relative * intensity_scale:.4g} is more than the object itself, whose root mean "
            f"square is {intensity_scale * float(np.sqrt(square.mean())):.4g}",
            "give the standard deviation of the noise in the units of the scan, or none",
        )
    return level


def estimated_level(
    scan: Volume,
    network: NoiseLevelNet | None,
    noise: type[NoiseModel],
    intensity_scale: float,
    inside: NDArray[np.bool_],
    was_filled: bool = False,
    *,
    small_patches: bool = True,
) -> NoiseLevel:
    """Estimate the noise level from the scan.

    Two readings bracket it: fine anatomy makes the wavelet reading high and the network's reading a little low. Where
    they agree to a factor of 1.4, the level is the wavelet reading, but no more than 1.1 times the network's (1.2 times
    where it reads large patches); elsewhere anatomy was taken for noise, and the network is right. It reads small
    patches. Where large ones have much less noise, it is fine anatomy, or filtered, and they count instead, unless
    the noise is uneven, which small patches see better. Slices with far more noise than those around them are left out,
    and have a level of their own. Where the air is clean or the border of a mask is soft, patches with both object and
    background seem to have no noise: where the network reads almost none and the wavelet much, patches that are all
    object are read alone, and count where the wavelet agrees.

    In a scan that was zero-filled the noise ends at the edge of the acquired k-space: the network reads 13 to 72 % too
    little, the wavelet rather too much, and small patches take fine anatomy for noise. Where both differ by less than a
    factor of 3.5, ``network^(1/3) wavelet^(2/3)`` lies between -41 % and +22 % (60 scans, zero-filled by 2), read from
    large patches. A wavelet reading of more than 2.3 times the network's counts as 2.3 times: the rest is anatomy.

    Args:
        scan: on its acquired grid, where noise is white.
        network: that reads it; None takes the classical reading alone.
        noise: its kind.
        intensity_scale: intensity that stands for 1.
        inside: (X, Y, Z) where the object is.
        was_filled: whether axes were zero-filled before the scan was brought to its acquired grid.
        small_patches: whether the network reads small patches too; they see more of filtered noise, so that a filter is
            looked for without them.
    """
    axis = scan.slice_axis
    slices, signal = scan.slices(axis), np.ascontiguousarray(np.moveaxis(inside, axis, 0))
    added, shape = added_noise(slices, signal), slices.shape
    if added.any():
        slices, signal = slices[added == 0], signal[added == 0]
    second = noise.measure(torch.from_numpy(slices))
    reading = NoiseReading(estimated=True, is_white=second.is_white)
    if network is None:
        floor = 1e-6 * float(np.abs(scan.data).max())
        reading = replace(reading, std=second.std, source=second.source)
        return NoiseLevel(second.sigma / intensity_scale, second.sigma >= floor, reading)
    least = (second.sigma / AGREE if small_patches and not was_filled else np.inf, MUCH * intensity_scale)
    found, side = _network_reading(network, slices, signal, least)
    if found.sigma < min(second.sigma / _CONFLICT, _QUIET * intensity_scale):
        inner = read_noise(network, slices, signal, SMALL, _WITHIN)
        if inner.readable and second.sigma / AGREE < inner.sigma < second.sigma * AGREE:
            found, side = inner, SMALL
    agree = found.map is None and found.sigma < second.sigma <= AGREE * found.sigma
    between = was_filled and found.sigma < second.sigma <= _FILLED * found.sigma
    sigma = min(second.sigma, _MORE[side] * found.sigma) if agree else found.sigma
    if between:
        sigma = found.sigma * min(second.sigma / found.sigma, _APART) ** _WAVELET
    reading = replace(
        reading,
        std=float(np.hypot(found.std, sigma - found.sigma)),
        source="network and wavelet" if sigma > found.sigma else "network",
        network=found.sigma,
        wavelet=second.sigma,
        uneven=found.map is not None or bool(added.any()),
        noisy_slices=tuple((np.flatnonzero(added) + 1).tolist()) or None,
    )
    if found.map is None and not (found.readable and added.any()):
        return NoiseLevel(sigma / intensity_scale, found.readable, reading)
    surface = np.float32(sigma) if found.map is None else found.map
    if between and found.map is not None:
        surface = np.float32(sigma) * np.cbrt(surface / np.float32(found.sigma))
    if added.any():
        surface = in_all_slices(surface, added, shape)
    low, high = np.percentile(surface, [5, 95])
    along = np.ascontiguousarray(np.moveaxis(surface, 0, axis))
    return NoiseLevel(along / np.float32(intensity_scale), True, replace(reading, range=(float(low), float(high))))


def _network_reading(
    network: NoiseLevelNet,
    slices: NDArray[np.float32],
    signal: NDArray[np.bool_],
    least: tuple[float, float],
) -> tuple[Reading, int]:
    """Read small patches, or large ones where small ones may have taken anatomy for noise.

    Args:
        network: that reads them.
        slices: (S, H, W) of the scan.
        signal: (S, H, W) where the object is.
        least: levels from which the wavelet agrees, and from which anatomy alone is unlikely; the first is infinite
            where small patches are not to be read.

    Returns:
        the reading, and the side of its patches.
    """
    large = read_noise(network, slices, signal, LARGE)
    if large.readable and least[0] == np.inf:
        return large, LARGE
    small = read_noise(network, slices, signal, SMALL)
    is_uneven = small.map is not None and small.sigma >= least[1]
    most = (_UNEVEN if is_uneven else _LARGER) * large.sigma
    if small.readable and large.readable and not least[0] <= small.sigma <= most:
        return large, LARGE
    return small, SMALL  # a small object within exact zeros fills no large patch
