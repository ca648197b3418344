# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Find the constant background of a scan and keep it: zeros outside a stripped head stay zeros.

A brain extraction, a deface mask or a padding value leaves one exact value in a large part of the scan. It is no
measurement; it must neither be read as noise-free air nor come back changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..geometry import centres

__all__ = ["Background", "constant_background", "is_signed", "nearest"]

_SHARE = 0.03  # of all voxels: less is a coincidence of rounded values
_SOLID = 0.9  # of its voxels lie among their like; noisy air that is rounded to zero here and there does not
_BELOW = 1e-3  # fraction of voxels below zero that makes data signed: fewer are overshoot of an interpolation
_DEEP = 0.02  # of the spread: how far below zero such values must reach


@dataclass(frozen=True, eq=False)
class Background:
    """Voxels of one exact value.

    Args:
        mask: (X, Y, Z) where they are.
        value: what they hold.
    """

    mask: NDArray[np.bool_]
    value: float

    def keep(self, data: NDArray[np.float32], other: float | None = None) -> NDArray[np.float32]:
        """Put the background back into the data, on the scan's own grid or on a finer one of the same field of view.

        Args:
            data: (X', Y', Z').
            other: the value to write instead of the scan's own.
        """
        return np.where(
            nearest(self.mask, data.shape), np.float32(self.value if other is None else other), data
        ).astype(np.float32)


def nearest(data: NDArray[Any], shape: Sequence[int]) -> NDArray[Any]:
    """Resample by nearest neighbour to another grid of the same field of view.

    Args:
        data: mask, labels or image, of any number of axes.
        shape: voxels of the new grid.

    Example:
        >>> nearest(np.array([[True, False]]), (1, 4)).tolist()
        [[True, True, False, False]]
    """
    if data.shape == tuple(shape):
        return data
    index = [np.floor((centres(n) + 1) / 2 * m).astype(int) for n, m in zip(shape, data.shape)]
    return data[np.ix_(*index)]


def constant_background(data: NDArray[np.float32]) -> Background | None:
    """Return the most frequent exact value, where it fills a solid part of the scan, or None where there is none.

    Args:
        data: (X, Y, Z).

    Example:
        >>> data = np.random.default_rng(0).random((8, 8, 8)).astype(np.float32)
        >>> constant_background(data) is None
        True
        >>> data[:4] = 0
        >>> constant_background(data).value
        0.0
    """
    flat = data.ravel()
    candidates = {float(flat.min()), 0.0, float(flat[0]), float(flat[-1])}
    best = max(candidates, key=lambda value: int((flat == value).sum()))
    mask = data == np.float32(best)
    fraction = float(mask.mean())
    if not _SHARE <= fraction < 1:
        return None
    size = [3 if n > 2 else 1 for n in data.shape]
    near = ndimage.uniform_filter(mask.astype(np.float32), size=size, mode="nearest")
    solid = mask & (near > 0.75)
    return Background(mask, best) if solid.sum() >= _SOLID * 0.5 * mask.sum() else None


def is_signed(data: NDArray[np.float32], background: Background | None) -> bool:
    """Return whether values below zero are meant: z-scores, phase, CT, real parts, statistic maps.

    Negative padding is background and does not count, nor does the slight overshoot of an interpolation.

    Args:
        data: (X, Y, Z).
        background: of :func:`constant_background`.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> is_signed(rng.standard_normal((8, 8, 8)), None), is_signed(rng.random((8, 8, 8)), None)
        (True, False)
    """
    values = data if background is None else data[~background.mask]
    if values.size == 0:
        return False
    spread = float(np.percentile(np.abs(values), 99))
    return bool((values < -_DEEP * spread).mean() > _BELOW)
