# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The Gaussian profile has the full width at half maximum that the ratio says."""

from __future__ import annotations

import math

import pytest
import torch

from monai_strainer.physics.axis_profiles.gaussian import matrix


@pytest.mark.parametrize("ratio", [0.6, 1.0, 1.5])
def test_the_variance_is_that_of_the_width(ratio: float) -> None:
    row = matrix(60, 6, ratio)[3]  # 10 voxels a step
    x = torch.arange(60, dtype=torch.float64) - 34.5
    assert float((row * x**2).sum()) == pytest.approx((10 * ratio) ** 2 / (8 * math.log(2)), rel=0.05)
