# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Compute the k-space profile: the high spatial frequencies of the axis were not measured."""

from __future__ import annotations

from torch import Tensor

from ..axis_matrices import kspace_matrix

__all__ = ["matrix"]


def matrix(fine: int, measured: int, ratio: float) -> Tensor:
    """Return the weights of truncated k-space.

    Args:
        fine: voxels before.
        measured: voxels after, on the same field of view.
        ratio: not used: the width follows from ``measured``.

    Returns:
        ``(measured, fine)``; rows sum to 1.
    """
    return kspace_matrix(fine, measured)
