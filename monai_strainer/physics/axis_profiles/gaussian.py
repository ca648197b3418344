# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The Gaussian profile: a measured voxel is an average that weighs its centre most."""

from __future__ import annotations

from torch import Tensor

from ..axis_matrices import gaussian_matrix

__all__ = ["matrix"]


def matrix(fine: int, measured: int, ratio: float) -> Tensor:
    """Return the weights of Gaussians whose full width at half maximum is ``ratio`` times the step between them."""
    return gaussian_matrix(fine, measured, ratio * fine / measured)
