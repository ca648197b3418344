# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore within a mask: check it, and keep what lies outside as it was measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import InputError
from ..volume import Volume
from .background import nearest

__all__ = ["as_measured_outside", "checked_mask"]


def checked_mask(mask: NDArray[np.bool_] | None, scan: Volume) -> NDArray[np.bool_] | None:
    """Return a mask as booleans.

    Args:
        mask: (X, Y, Z), true or above 0 where the scan is restored; None restores all of it.
        scan: to restore.

    Raises:
        InputError: another shape than that of the scan, or nothing is inside.
    """
    if mask is None:
        return None
    if np.shape(mask) != scan.grid.shape:
        raise InputError(f"the mask is {np.shape(mask)}, the scan {scan.grid.shape}", "give a mask on the scan's grid")
    inside: NDArray[np.bool_] = np.asarray(mask) > 0
    if not inside.any() or np.ptp(scan.data[inside]) == 0:
        raise InputError("there is no image inside the mask", "give a mask that is above 0 where the object is")
    return inside


def as_measured_outside(
    data: NDArray[np.float32],
    mask: NDArray[np.bool_],
    image: NDArray[np.float32],
    std: NDArray[np.float32],
    sigma: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Put the scan back outside a mask: unchanged, or interpolated linearly where the result has a finer grid.

    Args:
        data: (X, Y, Z) the scan.
        mask: (X, Y, Z) what is restored.
        image: (X', Y', Z') the restored scan.
        std: (X', Y', Z') its standard deviation; outside it becomes that of the noise.
        sigma: noise level in the scan's units.

    Example:
        >>> data, mask = np.full((1, 2, 2), 5, np.float32), np.array([[[True, False], [True, False]]])
        >>> image, std = as_measured_outside(data, mask, 0 * data, 0 * data, 2.0)
        >>> image.tolist(), std.tolist()
        ([[[0.0, 5.0], [0.0, 5.0]]], [[[0.0, 2.0], [0.0, 2.0]]])
    """
    inside = nearest(mask, image.shape)
    given = data
    if image.shape != data.shape:
        zoom = [n / m for n, m in zip(image.shape, data.shape)]
        given = ndimage.zoom(data, zoom, order=1, grid_mode=True, mode="nearest")
    return np.where(inside, image, given), np.where(inside, std, np.float32(sigma))
