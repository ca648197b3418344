# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of what every pass shares: slices and back, and the operator between two grids."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from phantoms import small_head, small_prior

from monai_strainer.anatomy.foreground import foreground
from monai_strainer.anatomy.head_frame import find_pose
from monai_strainer.geometry import Grid
from monai_strainer.physics import Profile, RicianNoise
from monai_strainer.restoring.pass_context import (
    PassContext,
    in_units,
    operator_between,
    slice_operator,
    slices_with_noise,
)


def context_of(intensity_scale: float) -> PassContext:
    scan = small_head((18, 20, 6))
    pose = find_pose(foreground(scan.data), scan.grid)
    return PassContext(small_prior(), pose, intensity_scale, RicianNoise, Profile())


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_go_back_to_the_scan_they_came_from(axis: int) -> None:
    scan = small_head((18, 20, 6))
    y, noise = slices_with_noise(scan, axis, context_of(512.0), 0.02)
    assert len(y) == scan.data.shape[axis] and float(noise.sigma) == pytest.approx(0.02)
    np.testing.assert_allclose(in_units(y, axis, scan, 512.0), scan.data, rtol=1e-6)


def test_a_noise_map_is_sliced_as_the_scan_is() -> None:
    scan = small_head((18, 20, 6))
    level = np.random.default_rng(0).random(scan.data.shape, np.float32)
    _, noise = slices_with_noise(scan, 1, context_of(1.0), level)
    np.testing.assert_array_equal(noise.sigma[3].numpy(), level[:, 3])


def test_a_magnitude_gets_no_value_below_zero_and_signed_data_keep_theirs() -> None:
    scan, images = small_head((4, 5, 2)), torch.full((2, 4, 5), -1.0)
    assert in_units(images, 2, scan, 10.0).min() == 0
    scan.data[0, 0, 0] = -1
    assert in_units(images, 2, scan, 10.0).max() == -10


def test_the_operator_of_slices_leaves_the_slice_axis_out() -> None:
    fine, given = Grid((8, 12, 6), np.eye(4)), Grid((4, 6, 6), np.diag([2, 2, 1, 1.0]))
    operator = operator_between(fine, given, Profile(), axis=2)
    assert (operator.shape_in, operator.shape_out) == ((8, 12), (4, 6))
    whole = operator_between(fine, given, Profile())
    assert (whole.shape_in, whole.shape_out) == ((8, 12, 6), (4, 6, 6))


def test_a_zero_filled_axis_has_cut_k_space_whatever_the_profile_of_the_others() -> None:
    x = torch.rand(8, 8, dtype=torch.float64)
    mixed = slice_operator((8, 8), (4, 4), Profile("box"), (True, False)).A(x)
    box = slice_operator((8, 8), (8, 4), Profile("box"), (False, False)).A(x)
    kspace = slice_operator((8, 4), (4, 4), Profile("kspace"), (False, False)).A(box)
    torch.testing.assert_close(mixed, kspace)
