# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The k-space profile is a cut of k-space, whatever the ratio."""

from __future__ import annotations

import torch

from monai_strainer.physics.axis_matrices import kspace_matrix
from monai_strainer.physics.axis_profiles.kspace import matrix


def test_the_ratio_means_nothing_to_k_space() -> None:
    assert torch.equal(matrix(12, 5, 0.5), matrix(12, 5, 1.0)) and torch.equal(matrix(12, 5, 1.0), kspace_matrix(12, 5))
