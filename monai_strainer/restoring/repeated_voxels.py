# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Find how often a scan repeats its voxels: it was interpolated to their nearest neighbours.

Equal neighbours look like anatomy without noise: a level reads a tenth of what it is, and nothing is taken off.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["repeats_of"]

_MOST = 8  # times
_DIFFERENT = 0.5  # of the neighbours of one voxel of each: in a drawn object more are equal


def repeats_of(data: NDArray[Any]) -> tuple[int, int, int]:
    """Return how often every voxel is repeated along each axis, up to 8 times; 1 where it is not.

    Args:
        data: (X, Y, Z) intensities.

    Example:
        >>> image = np.random.default_rng(0).random((6, 5, 4))
        >>> repeats_of(image.repeat(2, 0).repeat(3, 1)), repeats_of(np.ones((6, 6, 6)))
        ((2, 3, 1), (1, 1, 1))
    """
    first, second, third = (_along(np.moveaxis(data, axis, 0)) for axis in range(3))
    return first, second, third


def _along(planes: NDArray[Any]) -> int:
    """Return how often every plane is repeated."""
    for times in range(min(_MOST, len(planes) // 2), 1, -1):
        if len(planes) % times == 0 and all(np.array_equal(planes[::times], planes[k::times]) for k in range(1, times)):
            kept = planes[::times]
            there = (kept[1:] != planes.min()) & (kept[:-1] != planes.min())
            return times if there.any() and (kept[1:] != kept[:-1])[there].mean() > _DIFFERENT else 1
    return 1
