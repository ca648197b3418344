# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Find the blocks of 8 x 8 voxels that a lossy compression leaves in a scan, and how large its errors are.

JPEG rounds the cosine coefficients of every block for itself. Fine noise is rounded away with fine anatomy, so that the
scan looks clean; the errors of the rounding are left. At the border of two blocks their errors are not related: the
mean square of the step between neighbouring voxels is larger there, by twice the variance of the errors.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .patches import evenly_spaced

__all__ = ["block_error"]

_SIDE = 8  # voxels of a block
_CLEAR = 0.04  # of the mean step, mean of both axes
_LEAST = 0.02  # the same, of each axis
_SURE = 3.0  # standard errors of it
_ALONE = 1.5  # times what any other place has
_USUAL = 0.9  # share of the steps that count: the largest are edges of the anatomy
_VOXELS = 2_000_000  # of all slices that are looked at

Image = NDArray[np.float32]


def block_error(slices: Image, inside: NDArray[np.bool_]) -> float | None:
    """Return the standard deviation of the errors of a lossy compression in blocks, about; None where there is none.

    Blocks must show along both axes: steps between voxels are larger at every eighth place than at the places beside
    it, clearly, and at no other place.

    Args:
        slices: (S, H, W) of the scan, on the grid of its file.
        inside: (S, H, W) where the object is: the errors are those there.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> noise = rng.standard_normal((2, 64, 64)).astype(np.float32)
        >>> blocks = np.repeat(np.repeat(rng.standard_normal((2, 8, 8)).astype(np.float32), 8, 1), 8, 2)
        >>> block_error(noise, noise < 99), round(block_error(noise + 3 * blocks, noise < 99), 1)
        (None, 2.2)
    """
    some = evenly_spaced(len(slices), max(4, _VOXELS // max(1, slices[0].size)))
    effects, variances = [], []
    for axis in (1, 2):
        images, where = np.moveaxis(slices[some], axis, -1), np.moveaxis(inside[some], axis, -1)
        if images.shape[-1] < 3 * _SIDE:
            return None
        steps = np.abs(np.diff(images))
        effect, border = _borders(steps, (images[..., 1:] != 0) | (images[..., :-1] != 0))
        if effect < _LEAST:
            return None
        effects.append(effect)
        variances.append(_variance(steps, where[..., 1:] & where[..., :-1], border))
    return math.sqrt(max(0.0, float(np.mean(variances)))) if np.mean(effects) > _CLEAR else None


def _borders(steps: Image, where: NDArray[np.bool_]) -> tuple[float, int]:
    """Return how much larger the steps at borders are than those beside them, of the mean step, and their place."""
    more = steps[..., 1:-1] - (steps[..., :-2] + steps[..., 2:]) / 2
    where = where[..., 1:-1] & where[..., :-2] & where[..., 2:]
    place = np.broadcast_to(np.arange(1, steps.shape[-1] - 1) % _SIDE, more.shape)[where]
    own, more = steps[..., 1:-1][where], more[where]
    count = np.bincount(place, minlength=_SIDE)
    if count.min() == 0 or not own.any():
        return 0.0, 0
    most = np.percentile(own, 100 * _USUAL)
    more = np.clip(more, -most, most)
    mean = np.bincount(place, more, _SIDE) / count / own.mean()
    effect = (mean - (np.roll(mean, 1) + np.roll(mean, -1)) / 2) / 2
    border, second = int(np.argmax(effect)), float(np.sort(effect)[-2])
    error = float(more.std() / own.mean()) / math.sqrt(count[border])
    return (0.0 if effect[border] < max(_SURE * error, _ALONE * second) else float(effect[border])), border


def _variance(steps: Image, where: NDArray[np.bool_], border: int) -> float:
    """Return the variance of the errors: half of what the square of a step has more at a border than elsewhere."""
    place = np.broadcast_to(np.arange(steps.shape[-1]) % _SIDE, steps.shape)
    squares = [_mean_of_usual(np.square(steps[where & (place == one)])) for one in range(_SIDE)]
    return (squares[border] - float(np.median(np.delete(squares, border)))) / 2


def _mean_of_usual(values: Image) -> float:
    """Return the mean of all but the largest; 0 of none."""
    return float(np.sort(values)[: max(1, int(_USUAL * len(values)))].mean()) if values.size else 0.0
