# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A scan whose voxels are repeated is restored from one of each, and given back on its own grid."""

from __future__ import annotations

import numpy as np
import pytest
from phantoms import body_part, body_volume, rician

from monai_strainer import Grid, Volume, load_prior, restore
from monai_strainer.restoring.repeated_voxels import repeats_of


@pytest.mark.parametrize("times", [(1, 1, 1), (2, 1, 1), (2, 3, 1), (1, 1, 5), (4, 4, 2)])
def test_repeats_are_counted(times: tuple[int, int, int]) -> None:
    image = np.random.default_rng(0).random((6, 5, 4))
    for axis, count in enumerate(times):
        image = image.repeat(count, axis)
    assert repeats_of(image) == times


def test_what_is_drawn_or_coarse_or_ends_within_a_voxel_is_not_repeated() -> None:
    ball = np.linalg.norm(np.indices((24, 24, 24)) - 11.5, axis=0) < 9
    noise = np.random.default_rng(0).random((12, 12, 12))
    rod = ball[:, :, 12:13].repeat(24, 2)
    for image in (
        rod * 7.0,
        ball * 7.0,
        np.ones((8, 8, 8)),
        np.round(3 * noise),
        noise.repeat(2, 0)[1:],
        noise.repeat(2, 0)[:-1],
    ):
        assert repeats_of(image) == (1, 1, 1)


def pair(times: tuple[int, int, int]) -> tuple[Volume, Volume]:
    """A noisy scan, and the same on a finer grid whose voxels are repeated."""
    few = body_volume(rician(body_part()[0], 30))
    many = few.data
    for axis, count in enumerate(times):
        many = many.repeat(count, axis)
    return few, Volume(many, few.grid.refine(times), slice_axis=few.slice_axis)


def test_denoising_gives_the_result_of_one_of_each_repeated() -> None:
    few, many = pair((2, 2, 1))
    alone, found = (restore(scan, load_prior(), 1) for scan in (few, many))
    assert found.volume.grid.shape == many.grid.shape
    np.testing.assert_allclose(found.volume.data, alone.volume.data.repeat(2, 0).repeat(2, 1), rtol=1e-5)
    np.testing.assert_allclose(found.std, alone.std.repeat(2, 0).repeat(2, 1), rtol=1e-5)
    assert found.report["noise"]["sigma"] == pytest.approx(alone.report["noise"]["sigma"])
    assert any("2 times along axis 0, 2 times along axis 1" in note for note in found.report["notes"])


def test_super_resolution_refines_one_of_each() -> None:
    few, many = pair((2, 2, 1))
    finer = restore(few, load_prior(), (3, 3, 1))
    found = restore(many, load_prior(), (1.5, 1.5, 1))
    assert found.volume.grid.shape == finer.volume.grid.shape
    apart = np.abs(found.volume.data - finer.volume.data) / finer.volume.data.max()
    assert np.median(apart) < 1e-3 and np.sqrt(np.square(apart).mean()) < 0.02  # single voxels are found in one alone


def test_repeated_slices_are_restored_once() -> None:
    few, many = pair((1, 1, 2))
    alone, found = (restore(scan, load_prior(), 1).volume for scan in (few, many))
    assert isinstance(found.grid, Grid) and found.grid.shape == many.grid.shape
    np.testing.assert_allclose(found.data, alone.data.repeat(2, 2), rtol=1e-5)
