# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Find slices of a stack that hold nothing: a transfer lost them, or a resampling filled them.

Around a stripped object slices are empty too, but there it grows smaller from slice to slice before it ends.
"""

from __future__ import annotations

import numpy as np

from ..volume import Volume

__all__ = ["missing_slices"]

_FULL = 0.5  # of the greatest area: an object that ends has less in its last slice


def missing_slices(scan: Volume) -> tuple[int, ...]:
    """Return the slices that are empty beside one that is full.

    Args:
        scan: with its slice axis.

    Example:
        >>> from monai_strainer.geometry import Grid
        >>> data = np.ones((4, 4, 6)) * np.arange(16).reshape(4, 4, 1)
        >>> data[:, :, 4:] = 0
        >>> missing_slices(Volume(data, Grid((4, 4, 6), np.diag([1, 1, 3, 1]))))
        (4, 5)
    """
    images = scan.slices(scan.slice_axis).reshape(scan.grid.shape[scan.slice_axis], -1)
    empty = np.ptp(images, axis=1) == 0
    area = np.where(empty, 0, np.count_nonzero(images, axis=1))
    full = area > _FULL * area.max()
    held = np.flatnonzero(~empty)
    found = []
    for k in np.flatnonzero(empty):
        after = int(np.searchsorted(held, k))
        beside = [held[j] for j in (after - 1, after) if 0 <= j < len(held)]
        if any(full[j] for j in beside):
            found.append(int(k))
    return tuple(found)
