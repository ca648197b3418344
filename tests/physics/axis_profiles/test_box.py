# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The box profile averages what lies in a box as wide as the ratio says."""

from __future__ import annotations

import torch

from monai_strainer.physics.axis_profiles.box import matrix


def test_a_box_of_ratio_one_averages_its_voxels_and_a_thinner_one_leaves_the_gaps_out() -> None:
    one, half = matrix(12, 3, 1.0)[1], matrix(12, 3, 0.5)[1]
    assert torch.allclose(one[4:8], torch.full((4,), 0.25, dtype=torch.float64)) and float(one[4:8].sum()) == 1
    assert torch.allclose(half[5:7], torch.full((2,), 0.5, dtype=torch.float64)) and float(half[5:7].sum()) == 1
