# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Compute the Gaussian profile: a measured voxel is an average that weighs its centre most."""

from __future__ import annotations

from torch import Tensor

from ..axis_matrices import gaussian_matrix

__all__ = ["matrix"]


def matrix(fine: int, measured: int, ratio: float) -> Tensor:
    """Return the weights of Gaussians.

    Args:
        fine: voxels before.
        measured: voxels after, on the same field of view.
        ratio: full width at half maximum over the step between Gaussians.

    Returns:
        ``(measured, fine)``; rows sum to 1.
    """
    return gaussian_matrix(fine, measured, ratio * fine / measured)
