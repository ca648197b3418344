# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Give back to a denoised image what the network removed and noise does not explain: small lesions, thin vessels.

The residual ``r = y - f``, in units of the noise, goes through filters one after the other: lines along eight
directions of the plane, of which every voxel has the largest response, then Gaussians of 1.6, 1 and 0.6 voxels, then
the voxel itself. Let ``t`` be a response ``g`` over its deviation. Where ``|t|`` is above a high threshold something
is found. Near it, all of the same sign above a low threshold belongs to it, in this filter and in those after it:

    F <- F or t > high;    f <- f + g,   r <- r - g    where  t > low  and  F within the reach;    the same for -t

Two rounds. A high threshold finds little in noise, a low one keeps the rims of what is found, and the reach bounds what
one find can bring, however the noise is.

The network leaves part of the noise in ``f``, more in some places than in others, and noise is not always white. The
deviation of a response is its median over the object, times the root of its local mean square, of which what is above
three deviations counts as three: lesions are small, and hardly raise it.

Those who ask for more get lower thresholds, and before them all of a wide Gaussian of the residual. Its noise is a
twentieth of the variance that the network states: intensities averaged over some voxels are those of the data.

Source of the two thresholds: Canny, A computational approach to edge detection, IEEE TPAMI 8 (1986).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .risk import CELL, batches, fine, near, near_in_parts

__all__ = ["give_back"]

SHARE = 0.05  # of the variance that the network states: what the wide Gaussian may bring of noise
WIDTHS = np.arange(0.8, 6, 0.1)  # standard deviations that are tried for it, in voxels of the plane
DIRECTIONS, LENGTH, ACROSS = 8, 2.5, 0.5  # of lines
_ROUNDS = 2
_NARROW = 0.3  # voxels: a narrower Gaussian is none
_QUIETEST = 0.25  # of the deviation that white noise would have: the least that is believed
_CLIP, _EVEN = 3.0, 0.7  # deviations that count at most, and the least local deviation over that of the object
_SAMPLE = 200_000  # voxels whose median is read
_TINY = 1e-12

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]
Filter = Callable[[Image], Image]


@dataclass(frozen=True, eq=False)
class Inside:
    """Where to act, and what is asked of it for every filter.

    Args:
        where: (S, H, W).
        count: the share of a neighbourhood where it acts, as :func:`near` gives it.
        some: flat indices of some of its voxels.
    """

    where: Mask
    count: Image
    some: NDArray[np.intp]


@dataclass(frozen=True)
class Step:
    """A kind of filter, and when its response is believed.

    Args:
        width: of a Gaussian in voxels of the plane; None for lines.
        high, low: deviations of the response from which something is found, and belongs to it.
        reach: voxels of the plane, of what belongs to it.
    """

    width: float | None
    high: float
    low: float
    reach: int


USUAL = (
    Step(None, 4.75, 1.5, 2),
    Step(1.6, 4.25, 1.0, 2),
    Step(1.0, 4.1, 1.0, 1),
    Step(0.6, 4.4, 1.0, 1),
    Step(0.0, 4.3, 3.0, 0),
)
MORE = (
    Step(None, 4.4, 1.5, 4),
    Step(1.6, 4.1, 1.0, 4),
    Step(1.0, 3.9, 1.0, 1),
    Step(0.6, 4.25, 1.0, 1),
    Step(0.0, 4.2, 3.0, 0),
)


def give_back(
    image: Image, std: Image, data: Image, variance: float | Image, where: Mask, spacing: Sequence[float],
    more: bool = False,
) -> tuple[Image, Image]:  # fmt: skip
    """Add what the residual shows beyond the noise, and the noise that comes with it to the deviation.

    Args:
        image: (S, H, W), denoised.
        std: (S, H, W), its standard deviation.
        data: (S, H, W) without Rician bias.
        variance: of the noise, a number or (S, H, W).
        where: (S, H, W) to act: in the air, and where a magnitude is hardly above its noise, residuals are biased.
        spacing: (3,) of the voxels, the step between slices first; any unit.
        more: find more, for more noise.

    Returns:
        the image and its standard deviation.

    Example:
        >>> spot = np.zeros((1, 41, 41), np.float32)
        >>> spot[0, 20, 20] = 10
        >>> image, std = give_back(np.zeros_like(spot), np.ones_like(spot), spot, 1.0, spot < 99, (1, 1, 1))
        >>> bool(image[0, 20, 20] > 5), bool(abs(image[0, 0, 0]) < 0.1)
        (True, True)
    """
    level = np.sqrt(np.broadcast_to(np.asarray(variance, np.float32), image.shape))
    where = where & (level > 0)
    if not where.any():
        return image, std
    box = ndimage.find_objects(where.astype(np.int8))[0]
    out, total = image.copy(), std.copy()
    given, noise = _given_back(image[box], std[box], data[box], level[box], where[box], spacing, more)
    for one, deviation, unit, back, square in zip(out[box], total[box], level[box], given, noise):
        one += back * unit
        deviation[:] = np.sqrt(np.square(deviation) + square * np.square(unit))
    return out, total


def _given_back(
    image: Image, std: Image, data: Image, level: Image, where: Mask, spacing: Sequence[float], more: bool
) -> tuple[Image, Image]:
    """Return what is given back in the box of the object, and the variance of its noise, in deviations of the data."""
    rest = np.where(where, (data - image) / np.maximum(level, _TINY), 0).astype(np.float32)
    found, noise = np.zeros_like(rest), np.zeros_like(rest)  # in deviations of the data, and their square
    width = _affordable(std, level, where, spacing) if more else 0.0
    if width > 0:
        found = _mean_inside(rest, where, _widths(width, image.shape, spacing))
        rest = rest - found
    plane = float(np.sqrt(spacing[1] * spacing[2]))
    all_of_it = np.flatnonzero(where)
    some = all_of_it[:: max(1, len(all_of_it) // _SAMPLE)]
    inside = Inside(where, near(where.astype(np.float32)) + 1e-6, some)
    higher, lower = np.zeros_like(where), np.zeros_like(where)  # where something is found, of either sign
    for step in (MORE if more else USUAL) * _ROUNDS:
        response, over = _largest(
            _filters(step.width, rest, spacing), inside, _gain_of(step.width, rest.shape, spacing)
        )
        higher |= where & (over > step.high)
        lower |= where & (over < -step.high)
        size = [2 * int(step.reach * plane / one) + 1 for one in spacing]
        kept = where & ((_near_any(higher, size) & (over > step.low)) | (_near_any(lower, size) & (over < -step.low)))
        response[~kept], over[~kept] = 0, 1
        found += response
        rest -= response
        noise += np.square(response / over)
    return found, noise


def _near_any(seeds: Mask, size: Sequence[int]) -> Mask:
    """Say which voxels have one of these in the box around them."""
    around: Mask = ndimage.maximum_filter(seeds, size) if seeds.any() else seeds
    return around


def _largest(found: Iterator[Image], inside: Inside, gain: float) -> tuple[Image, Image]:
    """Return at every voxel the response that is largest over its deviation, and that ratio."""
    chosen = next(found)
    ratio = _over_deviation(chosen, inside, gain)
    for other in found:
        another = _over_deviation(other, inside, gain)
        for some in batches(len(ratio)):  # arrays between them stay small
            better = np.abs(another[some]) > np.abs(ratio[some])
            np.copyto(chosen[some], other[some], where=better)
            np.copyto(ratio[some], another[some], where=better)
    return chosen, ratio


def _over_deviation(response: Image, inside: Inside, gain: float) -> Image:
    """Return a response over its deviation: the median over the object, times what is usual in the neighbourhood."""
    some = response.ravel()[inside.some]
    over: Image = response / np.float32(max(_QUIETEST * gain, 1.4826 * float(np.median(np.abs(some)))))

    def squared(some: slice) -> Image:
        return np.where(inside.where[some], np.square(np.clip(over[some], -_CLIP, _CLIP)), np.float32(0))

    square = near_in_parts(squared, len(over)) / inside.count
    local = np.where(inside.count > 1 / CELL**2, np.maximum(np.sqrt(square), _EVEN), 1)
    for part in batches(len(over)):
        over[part] /= fine(local[part], over[part].shape)
    return over


def _filters(width: float | None, x: Image, spacing: Sequence[float]) -> Iterator[Image]:
    """Yield what a Gaussian makes of an image, or lines in all directions."""
    if width is not None:
        yield _spot(width, x.shape, spacing)(x)
        return
    thin = _spot(ACROSS, x.shape, spacing)(x)
    for k in range(DIRECTIONS):
        yield _along(np.pi * k / DIRECTIONS, thin)


def _widths(width: float, shape: Sequence[int], spacing: Sequence[float]) -> list[float]:
    """Return the standard deviations of a Gaussian in voxels of every axis; 0 where it is too narrow to be one."""
    plane = float(np.sqrt(spacing[1] * spacing[2]))
    widths = [width * plane / step for step in spacing]
    return [w if w > _NARROW and n > 1 else 0.0 for w, n in zip(widths, shape)]


def _spot(width: float, shape: Sequence[int], spacing: Sequence[float]) -> Filter:
    """Return a Gaussian of some voxels of the plane."""
    widths = _widths(width, shape, spacing)
    return lambda x: ndimage.gaussian_filter(x, widths)


def _along(angle: float, thin: Image) -> Image:
    """Return Gaussian means along a direction of the plane; its steps are whole voxels."""
    steps = np.arange(-int(np.ceil(2 * LENGTH)), int(np.ceil(2 * LENGTH)) + 1)
    weights = np.exp(-np.square(steps) / (2 * LENGTH**2)).astype(np.float32)
    weights /= weights.sum()
    moves = np.rint(np.outer(steps, [np.cos(angle), np.sin(angle)])).astype(int)
    out = np.zeros_like(thin)
    height, width = thin.shape[1:]
    reaches = (np.abs(moves) < (height, width)).all(1)  # farther than a narrow image, there is nothing
    places = [
        tuple(
            (
                slice(max(0, sign * down), height - max(0, -sign * down)),
                slice(max(0, sign * across), width - max(0, -sign * across)),
            )
            for sign in (1, -1)
        )
        for down, across in moves[reaches].tolist()
    ]
    for one, made in zip(thin, out):  # a slice at a time: it stays in the processor's cache
        for weight, (to, of) in zip(weights[reaches], places):
            made[to] += weight * one[of]
    return out


def _gain_of(width: float | None, shape: Sequence[int], spacing: Sequence[float]) -> float:
    """Return the root of the sum of squares of a filter's weights: the noise that it leaves of white noise of 1."""
    impulse = np.zeros((min(shape[0], 21), 61, 61), np.float32)
    impulse[len(impulse) // 2, 30, 30] = 1
    return float(np.sqrt(np.square(next(_filters(width, impulse, spacing))).sum()))


def _affordable(std: Image, level: Image, where: Mask, spacing: Sequence[float]) -> float:
    """Return the width of the narrowest Gaussian whose noise is little beside the network's variance; 0 if none is."""
    noise = float(np.square(level[where]).mean())
    share = SHARE * float(np.square(std[where]).mean()) / noise
    good = (w for w in WIDTHS if _gain_of(float(w), std.shape, spacing) ** 2 <= share)
    return float(next(good, 0.0))


def _mean_inside(x: Image, where: Mask, widths: Sequence[float]) -> Image:
    """Return local means of the voxels to act on, there; 0 elsewhere."""
    count = ndimage.gaussian_filter(where.astype(np.float32), widths)
    mean: Image = where * ndimage.gaussian_filter(x, widths) / np.maximum(count, 1e-3)
    return mean
