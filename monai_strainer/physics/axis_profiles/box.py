# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The box profile: a measured voxel is the average of what lies in it."""

from __future__ import annotations

from torch import Tensor

from ..axis_matrices import box_matrix

__all__ = ["matrix"]


def matrix(fine: int, measured: int, ratio: float) -> Tensor:
    """Return the weights of boxes that are ``ratio`` times as wide as the step between them."""
    return box_matrix(fine, measured, ratio * fine / measured)
