# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Take single voxels that differ from all around them out of a scan to refine; interpolate them.

Black and white voxels of a fit or of a faulty transfer are not anatomy measured by larger voxels: a network that undoes
that measurement makes them larger, and rings around them. A small vessel across the plane looks the same. So the scan
is split: what such voxels have more or less than their neighbours is interpolated, the rest is restored, and both are
added. Nothing that the scan shows is lost, and none of these voxels is made sharper than by interpolation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..volume import Volume

__all__ = ["interpolated", "single_voxels"]

_HIGH = 0.3  # of the bright end of the object: how far such a voxel is from its neighbours at least
_SPREAD = 2.0  # times the spread of its neighbours
_NEAREST = [(0, 1), (2, 1), (1, 0), (1, 2)]  # places in a window of 3 x 3
_AROUND = [(r, c) for r in range(3) for c in range(3) if (r, c) != (1, 1)]
_MOST = 0.05  # of the object's voxels: more are its texture, or noise

Image = NDArray[np.float32]


def single_voxels(scan: Volume, inside: NDArray[np.bool_]) -> Image | None:
    """Return what single voxels have more or less than the eight around them in their slice.

    Such a voxel is above the second highest of the eight, or below the second lowest, by 0.3 of the bright end of the
    object and by twice the difference of those two. What it has more is counted from their median.

    Args:
        scan: to refine.
        inside: (X, Y, Z) where the object is.

    Returns:
        (X, Y, Z), 0 at all other voxels; None where there is no such voxel, or where more than 5 % of the object are.

    Example:
        >>> from monai_strainer.geometry import Grid
        >>> data = np.ones((5, 5, 1), np.float32)
        >>> data[2, 2] = 9
        >>> found = single_voxels(Volume(data, Grid((5, 5, 1), np.eye(4))), data > 0)
        >>> float(found[2, 2, 0]), int(np.count_nonzero(found))
        (8.0, 1)
    """
    axis = scan.slice_axis
    if not inside.any() or min(n for k, n in enumerate(scan.grid.shape) if k != axis) < 3:
        return None
    least = _HIGH * float(np.percentile(np.abs(scan.data[inside]), 99))
    found = np.zeros(scan.grid.shape, np.float32)
    for plane, image in zip(np.moveaxis(found, axis, 0), np.moveaxis(scan.data, axis, 0)):
        _take_out(plane, image, least)
    count = int(np.count_nonzero(found))
    return found if 0 < count <= _MOST * int(inside.sum()) else None


def _take_out(plane: Image, image: Image, least: float) -> None:
    """Write what the single voxels of an image have more than those around them."""
    height, width = image.shape
    wide = np.pad(image, 1, mode="reflect")
    sides = [image - wide[r : r + height, c : c + width] for r, c in _NEAREST]
    higher, lower = (np.sum([sign * side > least for side in sides], 0, np.int8) >= 3 for sign in (1, -1))
    rows, columns = np.nonzero(higher | lower)  # one of the eight may be as bright: 3 of the nearest 4 are not
    if not len(rows):
        return
    around = np.sort([wide[rows + r, columns + c] for r, c in _AROUND], axis=0)
    second, highest = around[1], around[-2]
    own = image[rows, columns]
    beyond = np.maximum(own - highest, second - own)
    is_single = beyond > np.maximum(least, _SPREAD * (highest - second))
    plane[rows[is_single], columns[is_single]] = (own - np.median(around, axis=0))[is_single]


def interpolated(data: Image, shape: Sequence[int]) -> Image:
    """Interpolate by cubic splines to a finer grid of the same field of view.

    Args:
        data: (X, Y, Z); an axis whose length stays is left as it is.
        shape: (X', Y', Z').

    Example:
        >>> interpolated(np.ones((4, 4, 1), np.float32), (8, 6, 1)).shape
        (8, 6, 1)
    """
    for axis, (n, m) in enumerate(zip(data.shape, shape)):
        if n != m:
            matrix = ndimage.zoom(np.eye(n, dtype=np.float32), (m / n, 1), order=3, grid_mode=True, mode="nearest")
            data = np.moveaxis(np.tensordot(matrix, data, (1, axis)), 0, axis)
    return data
