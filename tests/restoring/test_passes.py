# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of two passes: together they meet the measurement of all axes, and their errors add up."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from phantoms import ellipsoid, small_prior_with_detail

from monai_strainer import Grid, Profile, Restored, Volume, restore

SCAN = Volume(ellipsoid((20, 24, 6)), Grid((20, 24, 6), np.diag([6.5, 7.0, 20.0, 1.0])), slice_axis=2)
SIGMA = 5.0


@pytest.fixture(scope="module")
def out() -> Restored:
    return restore(SCAN, small_prior_with_detail(tail=0.005), (2, 1, 5), sigma=SIGMA)


def test_after_two_passes_the_result_agrees_with_the_measurement_of_all_axes(out: Restored) -> None:
    seen = Profile()(out.volume.data.shape, SCAN.data.shape).A(torch.from_numpy(out.volume.data)).numpy()
    assert np.sqrt(np.square(seen - SCAN.data).mean()) < 0.2 * SIGMA


def test_the_errors_of_two_passes_add_up(out: Restored) -> None:
    scale = out.report["noise"]["sigma"] / out.report["noise"]["relative"]
    each = [np.mean(one["error_std"]) for one in out.report["passes"]]
    whole = np.sqrt(np.square(out.std[out.std > 0], dtype=np.float64).mean()) / scale  # the background has none
    assert whole == pytest.approx(np.hypot(*each), rel=0.05) and len(each) == 2
