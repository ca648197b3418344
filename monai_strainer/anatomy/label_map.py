# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Tell a mask or a label map from a scan by its values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["is_label_map"]

_FEW = 8  # values; an image of so few whole numbers is a label map
_MANY = 512  # values; label maps of whole atlases hold less
_FLAT = 0.7  # fraction of neighbours of one value within a label map, at least


def is_label_map(data: NDArray[Any]) -> bool:
    """Return whether an image is a mask or a label map by its values: few whole numbers in large flat pieces.

    Args:
        data: (X, Y, Z)

    Example:
        >>> is_label_map(np.arange(4.0).repeat(16).reshape(4, 4, 4)), is_label_map(np.random.rand(4, 4, 4))
        (True, False)
    """
    thinned = data[:: max(1, data.shape[0] // 64)]
    if not np.array_equal(thinned, np.round(thinned)):
        return False
    if len(np.unique(thinned)) > _MANY:
        return False
    count = len(np.unique(data))
    if count <= _FEW or count > _MANY:
        return count <= _FEW
    first, second = data[:, :-1], data[:, 1:]
    inside = (first != data.min()) & (second != data.min())
    return bool(inside.any()) and float((first == second)[inside].mean()) > _FLAT
