# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The test at twice the thickness: its truth is measured, a good guide lowers the error, few slices give no test."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from phantoms import affine_of
from scipy import ndimage

from monai_strainer import Grid, Profile, RestoreOptions, Volume, load_prior
from monai_strainer.fusing.contrast_guide import Measured
from monai_strainer.fusing.merged_slices import merged_errors


def errors(slices: int) -> tuple[float, float]:
    """Of a scan with some slices of 4 voxels, with its own truth as the guide."""
    fine = Grid((32, 32, 4 * slices), affine_of(2 * np.eye(3)))
    field = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(fine.shape), 3.0)
    truth = ndimage.gaussian_filter(np.select([field < -0.02, field < 0.02], [0.3, 0.6], 0.9), 0.6).astype(np.float32)
    low = (32, 32, slices)
    operator = Profile()(fine.shape, low)
    y = operator.A(torch.from_numpy(truth))
    scan = Volume(700 * y.numpy(), fine.resize(low), slice_axis=2)
    measured = Measured(y, scan.grid, 2, operator, fine)  # type: ignore[arg-type]
    return merged_errors(scan, measured, torch.from_numpy(truth)[None], load_prior(), RestoreOptions(), "cpu")


def test_a_guide_that_is_the_truth_lowers_the_error() -> None:
    alone, guided = errors(8)
    assert 0 < guided < 0.95 * alone


@pytest.mark.parametrize("slices", [1, 5])
def test_fewer_than_three_pairs_are_no_test(slices: int) -> None:
    assert errors(slices) == (0.0, 0.0)
