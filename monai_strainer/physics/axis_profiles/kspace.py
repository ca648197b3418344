# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The k-space profile: the high spatial frequencies of the axis were not measured."""

from __future__ import annotations

from torch import Tensor

from ..axis_matrices import kspace_matrix

__all__ = ["matrix"]


def matrix(fine: int, measured: int, ratio: float) -> Tensor:
    """Return the weights of truncated k-space; ``ratio`` has no meaning here."""
    return kspace_matrix(fine, measured)
