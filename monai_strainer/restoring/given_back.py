# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Give back to a denoised image what the network removed and noise does not explain: small lesions, thin vessels.

The residual ``r = y - f`` goes through three kinds of filters. What a filter ``G`` finds is added to the image and
taken off the residual before the next:

1. A wide Gaussian, all of ``g = G r``. Its width is chosen so that its noise is a tenth of the variance that the
   network states for itself: intensities averaged over some voxels are those of the data.
2. Lines: Gaussians along eight directions of the plane; at every voxel the direction with the largest response.
3. Spots: Gaussians of 1 and 0.6 voxels.

Of lines and spots, two rounds, the excess over the noise is added:

    f <- f + g max(0, 1 - (t s / g)^2)

The network leaves part of the noise in ``f``, and noise is not always white, so the deviation ``s`` of the response is
read from its median over the object. Some noise comes back with the lesions.

Source: Gao, Wavelet shrinkage denoising using the non-negative garrote, J. Comp. Graph. Stat. 7 (1998).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["give_back"]

SHARE = 0.1  # of the variance that the network states: what the widest filter may bring of noise
WIDTHS = np.arange(0.8, 6, 0.1)  # standard deviations that are tried for it, in voxels of the plane
SPOTS, SPOT_THRESHOLD = (1.0, 0.6), 2.75  # standard deviations in voxels of the plane; of the response
DIRECTIONS, LENGTH, ACROSS, LINE_THRESHOLD = 8, 2.5, 0.5, 3.0  # of lines; the largest of eight is larger by chance
_ROUNDS = 2
_NARROW = 0.3  # voxels: a narrower Gaussian is none
_QUIETEST = 0.25  # of the deviation that white noise would have: the least that is believed
_TINY = 1e-12

Image = NDArray[np.float32]
Filter = Callable[[Image], Image]


def give_back(
    image: Image, std: Image, data: Image, variance: float | Image, where: NDArray[np.bool_], spacing: Sequence[float]
) -> tuple[Image, Image]:
    """Add what the residual shows beyond the noise, and the noise that comes with it to the deviation.

    Args:
        image: (S, H, W), denoised.
        std: (S, H, W), its standard deviation.
        data: (S, H, W) without Rician bias.
        variance: of the noise, a number or (S, H, W).
        where: (S, H, W) to act: in the air, and where a magnitude is hardly above its noise, residuals are biased.
        spacing: (3,) of the voxels, the step between slices first; any unit.

    Returns:
        the image and its standard deviation.

    Example:
        >>> spot = np.zeros((1, 9, 9), np.float32)
        >>> spot[0, 4, 4] = 10
        >>> image, std = give_back(np.zeros_like(spot), np.ones_like(spot), spot, 1.0, spot < 99, (1, 1, 1))
        >>> bool(image[0, 4, 4] > 5), bool(abs(image[0, 0, 0]) < 0.1)
        (True, True)
    """
    if not where.any():
        return image, std
    level = np.sqrt(np.broadcast_to(np.asarray(variance, np.float32), image.shape))
    width = _affordable(std, level, where, spacing)
    out = image.copy()
    if width > 0:
        out += _mean_inside(where * (data - image), where, _widths(width, image.shape, spacing))
    rest, more = data - out, np.square(std)
    lines = [_line(np.pi * k / DIRECTIONS, image.shape, spacing) for k in range(DIRECTIONS)]
    steps = [(lines, LINE_THRESHOLD), *(([_spot(one, image.shape, spacing)], SPOT_THRESHOLD) for one in SPOTS)]
    for filters, threshold in steps * _ROUNDS:
        smooth, noise = _largest([_with_noise(run, rest, level, where) for run in filters])
        fraction = where * np.maximum(0, 1 - np.square(threshold * noise / np.maximum(np.abs(smooth), _TINY)))
        out += fraction * smooth
        rest = rest - fraction * smooth
        more += np.square(fraction * noise)
    return out.astype(np.float32), np.sqrt(more).astype(np.float32)


def _with_noise(run: Filter, rest: Image, level: Image, where: NDArray[np.bool_]) -> tuple[Image, Image]:
    """Return a filtered residual and its standard deviation, as its median over the object says."""
    smooth, noise = run(rest), level * np.float32(_gain(run, len(rest)))
    inside = where & (noise > 0)
    ratio = 1.4826 * float(np.median(np.abs(smooth[inside] / noise[inside]))) if inside.any() else 1.0
    return smooth, noise * np.float32(max(_QUIETEST, ratio))


def _largest(found: Sequence[tuple[Image, Image]]) -> tuple[Image, Image]:
    """Return at every voxel the response that is largest over its noise, and that noise."""
    smooth, noise = found[0]
    for other, level in found[1:]:
        better = np.abs(other) * noise > np.abs(smooth) * level
        smooth, noise = np.where(better, other, smooth), np.where(better, level, noise)
    return smooth, noise


def _widths(width: float, shape: Sequence[int], spacing: Sequence[float]) -> list[float]:
    """Return the standard deviations of a Gaussian in voxels of every axis; 0 where it is too narrow to be one."""
    plane = float(np.sqrt(spacing[1] * spacing[2]))
    widths = [width * plane / step for step in spacing]
    return [w if w > _NARROW and n > 1 else 0.0 for w, n in zip(widths, shape)]


def _spot(width: float, shape: Sequence[int], spacing: Sequence[float]) -> Filter:
    """Return a Gaussian of some voxels of the plane."""
    widths = _widths(width, shape, spacing)
    return lambda x: ndimage.gaussian_filter(x, widths)


def _line(angle: float, shape: Sequence[int], spacing: Sequence[float]) -> Filter:
    """Return a Gaussian along a direction of the plane; its steps are whole voxels."""
    steps = np.arange(-int(np.ceil(2 * LENGTH)), int(np.ceil(2 * LENGTH)) + 1)
    weights = np.exp(-np.square(steps) / (2 * LENGTH**2))
    moves = np.rint(np.outer(steps, [np.cos(angle), np.sin(angle)])).astype(int)
    thin = _spot(ACROSS, shape, spacing)

    def run(x: Image) -> Image:
        smooth, out = thin(x), np.zeros_like(x)
        for weight, (down, right) in zip(weights / weights.sum(), moves):
            to, of = (
                tuple(slice(max(0, sign * m), n - max(0, -sign * m)) for m, n in zip((down, right), x.shape[1:]))
                for sign in (1, -1)
            )
            out[:, to[0], to[1]] += np.float32(weight) * smooth[:, of[0], of[1]]
        return out

    return run


def _gain(run: Filter, slices: int) -> float:
    """Return the root of the sum of squares of a filter's weights: the noise that it leaves of white noise of 1."""
    impulse = np.zeros((min(slices, 21), 61, 61), np.float32)
    impulse[len(impulse) // 2, 30, 30] = 1
    return float(np.sqrt(np.square(run(impulse)).sum()))


def _affordable(std: Image, level: Image, where: NDArray[np.bool_], spacing: Sequence[float]) -> float:
    """Return the width of the narrowest Gaussian whose noise is little beside the network's variance; 0 if none is."""
    noise = float(np.square(level[where]).mean())
    share = SHARE * float(np.square(std[where]).mean()) / noise if noise > 0 else 0.0
    good = (w for w in WIDTHS if _gain(_spot(float(w), std.shape, spacing), len(std)) ** 2 <= share)
    return float(next(good, 0.0))


def _mean_inside(x: Image, where: NDArray[np.bool_], widths: Sequence[float]) -> Image:
    """Return local means of the voxels to act on, there; 0 elsewhere."""
    count = ndimage.gaussian_filter(where.astype(np.float32), widths)
    mean: Image = where * ndimage.gaussian_filter(x, widths) / np.maximum(count, 1e-3)
    return mean
