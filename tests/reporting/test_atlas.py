# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A picture of all slices gives every voxel back in its place, and its size is bounded."""

from __future__ import annotations

import numpy as np
import pytest
from atlas_reader import voxels_of
from phantoms import affine_of, ellipsoid

from monai_strainer import Grid, Volume
from monai_strainer.reporting.atlas import Window, atlas_of
from monai_strainer.reporting.orientation import displayed


def smooth(shape: tuple[int, int, int]) -> np.ndarray:
    """Values from 0 to 1 that differ from place to place, and that compression hardly changes."""
    x, y, z = (np.linspace(0, 1, n) for n in shape)
    return (0.5 * x[:, None, None] + 0.3 * y[:, None] + 0.2 * z).astype(np.float32)


@pytest.mark.parametrize("slice_axis", [0, 1, 2])
@pytest.mark.parametrize("shape", [(20, 13, 9), (30, 1, 17), (64, 40, 5), (1, 1, 8)])
def test_every_voxel_is_where_it_was(shape: tuple[int, int, int], slice_axis: int) -> None:
    grid = Grid(shape, affine_of(np.eye(3)[:, [1, 2, 0]] * (1, -1, 1)))
    scan = Volume(smooth(shape), grid, slice_axis=slice_axis)
    atlas = atlas_of(scan, Window(0, 1))
    expected = displayed(scan.data, grid)
    assert atlas.steps == (1, 1, 1) and atlas.shape == expected.shape
    assert np.abs(voxels_of(atlas) / 255 - expected).max() < 0.03


def test_black_and_white_are_the_ends_of_the_window() -> None:
    data = np.zeros((16, 16, 4), np.float32)
    data[:8], data[8:] = -7, 9
    found = voxels_of(atlas_of(Volume(data, Grid(data.shape, np.eye(4))), Window(-5, 5)))
    assert found.min() == 0 and found.max() == 255


def test_a_large_volume_is_averaged_where_its_voxels_are_small_and_keeps_its_field_of_view() -> None:
    shape = (50, 41, 6)
    scan = Volume(smooth(shape), Grid(shape, np.diag([1, 1, 3, 1])))
    atlas = atlas_of(scan, Window(0, 1), most=scan.data.size // 4)
    assert atlas.steps == (3, 2, 1) and atlas.shape == (6, 21, 17)  # 25 x 21 x 6 are too many
    found = voxels_of(atlas) / 255
    assert found.mean() == pytest.approx(scan.data.mean(), abs=0.01)
    assert found[0, 0].mean() > found[0, -1].mean()  # anterior first
    even = Volume(smooth((16, 16, 16)), Grid((16, 16, 16), np.eye(4)))
    assert atlas_of(even, Window(0, 1), most=512).steps == (2, 2, 2)
    assert atlas_of(even, Window(0, 1), most=1).shape == (1, 1, 1)


def test_a_noisy_head_takes_few_bits() -> None:
    rng = np.random.default_rng(0)
    head = ellipsoid((128, 128, 24)) / 800
    noisy = np.hypot(head + 0.05 * rng.standard_normal(head.shape), 0.05 * rng.standard_normal(head.shape))
    atlas = atlas_of(Volume(noisy, Grid(head.shape, np.eye(4))), Window(0, 1))
    assert 6 * len(atlas.src) < 6 * noisy.size  # of base64: 6 bits a letter; below 6 bits a voxel at the best quality
