# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Find the blocks of 8 x 8 voxels that a lossy compression leaves in a scan, and how large its errors are.

JPEG rounds the cosine coefficients of every block for itself, those of high frequencies to zero. Fine noise is rounded
away with fine anatomy, so that the scan looks clean; the errors of the rounding are left. Blocks that begin at another
voxel have all their coefficients. At the border of two blocks the errors are not related: the mean square of the step
between neighbouring voxels is larger there, by twice the variance of the errors.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from .patches import evenly_spaced

__all__ = ["block_error"]

_SIDE = 8  # voxels of a block
_HIGH = np.add.outer(np.arange(_SIDE), np.arange(_SIDE)) >= 6  # coefficients that a compression sets to zero
_ZERO = 0.5  # of the least that blocks have there which begin 2 voxels away or more, along both axes
_FEWEST, _MOST = 30, 1500  # blocks that are looked at
_USUAL = 0.9  # share of the steps that count: the largest are edges of the anatomy
_VOXELS = 2_000_000  # of all slices whose steps are read

Image = NDArray[np.float32]


def block_error(slices: Image, inside: NDArray[np.bool_]) -> float | None:
    """Return the standard deviation of the errors of a lossy compression in blocks, about; None where there is none.

    There are blocks where the median of the high cosine coefficients is less than half of what it is for any that
    begin two voxels away or more, along both axes.

    Args:
        slices: (S, H, W) of the scan, on the grid of its file.
        inside: (S, H, W) where the object is: the errors are those there.

    Example:
        >>> noise = np.random.default_rng(0).standard_normal((4, 64, 64)).astype(np.float32)
        >>> blocks = dctn(noise.reshape(4, 8, 8, 8, 8), axes=(2, 4), norm="ortho")
        >>> blocks[:, :, 2:, :, 2:] = 0  # as a compression does to high frequencies
        >>> compressed = dctn(blocks, type=3, axes=(2, 4), norm="ortho").reshape(noise.shape)
        >>> block_error(noise, noise < 99), round(block_error(compressed, noise < 99), 1)
        (None, 0.4)
    """
    start = _first_block(slices)
    if start is None:
        return None
    some = evenly_spaced(len(slices), max(4, _VOXELS // max(1, slices[0].size)))
    variances = []
    for axis, first in zip((1, 2), start):
        images, where = np.moveaxis(slices[some], axis, -1), np.moveaxis(inside[some], axis, -1)
        variances.append(_variance(np.abs(np.diff(images)), where[..., 1:] & where[..., :-1], (first - 1) % _SIDE))
    return math.sqrt(max(0.0, float(np.mean(variances))))


def _first_block(slices: Image) -> tuple[int, int] | None:
    """Return row and column of the first block; None where no place stands out."""
    places = [(row, column) for row in range(_SIDE) for column in range(_SIDE)]
    medians = [_median_high(_blocks(slices, *place)) for place in places]
    best = int(np.argmin(medians))
    far = [
        median
        for median, place in zip(medians, places)
        if all(2 <= (a - b) % _SIDE <= _SIDE - 2 for a, b in zip(place, places[best]))
    ]
    return places[best] if medians[best] < _ZERO * min(far) and max(medians) < math.inf else None


def _blocks(slices: Image, row: int, column: int) -> Image:
    """Return blocks (N, 8, 8) that begin at a row and a column, of those that are not even."""
    height, width = ((n - first) // _SIDE for n, first in zip(slices.shape[1:], (row, column)))
    if height < 1 or width < 1:
        return np.empty((0, _SIDE, _SIDE), np.float32)
    some = evenly_spaced(len(slices), max(2, 4 * _MOST // (height * width)))
    cut = slices[some, row : row + height * _SIDE, column : column + width * _SIDE]
    blocks = cut.reshape(-1, height, _SIDE, width, _SIDE).swapaxes(2, 3).reshape(-1, _SIDE, _SIDE)
    blocks = blocks[np.ptp(blocks, axis=(1, 2)) > 0]
    return blocks[:: max(1, len(blocks) // _MOST)]


def _median_high(blocks: Image) -> float:
    """Return the median size of high coefficients; infinite for too few blocks."""
    if len(blocks) < _FEWEST:
        return math.inf
    return float(np.median(np.abs(dctn(blocks, axes=(1, 2), norm="ortho")[:, _HIGH])))


def _variance(steps: Image, where: NDArray[np.bool_], border: int) -> float:
    """Return the variance of the errors: half of what the square of a step has more at a border than elsewhere."""
    place = np.broadcast_to(np.arange(steps.shape[-1]) % _SIDE, steps.shape)
    squares = [_mean_of_usual(np.square(steps[where & (place == one)])) for one in range(_SIDE)]
    return (squares[border] - float(np.median(np.delete(squares, border)))) / 2


def _mean_of_usual(values: Image) -> float:
    """Return the mean of all but the largest; 0 of none."""
    return float(np.sort(values)[: max(1, int(_USUAL * len(values)))].mean()) if values.size else 0.0
