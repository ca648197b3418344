# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Compute the box profile: a measured voxel is the average of what lies in it."""

from __future__ import annotations

from torch import Tensor

from ..axis_matrices import box_matrix

__all__ = ["matrix"]


def matrix(fine: int, measured: int, ratio: float) -> Tensor:
    """Return the weights of boxes.

    Args:
        fine: voxels before.
        measured: voxels after, on the same field of view.
        ratio: width of a box over the step between boxes.

    Returns:
        ``(measured, fine)``; rows sum to 1.
    """
    return box_matrix(fine, measured, ratio * fine / measured)
