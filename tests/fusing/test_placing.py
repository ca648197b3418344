# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Grids of a fusion: the field of view of the first stack or a wanted grid; stacks and grids elsewhere are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from phantoms import affine_of

from monai_strainer import Grid, InputError, Volume
from monai_strainer.fusing import placing
from monai_strainer.fusing.placing import averaged, isotropic, on_grid, require_overlap, target_of
from monai_strainer.physics import rigid_matrix

FIRST = Grid((20, 20, 5), np.diag([1.0, 1.0, 4.0, 1.0]))
LIKE = Grid((6, 8, 3), rigid_matrix([5, 10, -20, 3, 4, 5], [0, 0, 0]) @ np.diag([1.0, 1.0, -3.0, 1.0]))
THICK = Grid((20, 24, 5), affine_of(np.diag([1.0, 1.0, 4.0])))


def test_isotropic_voxels_keep_the_field_of_view() -> None:
    fine = isotropic(THICK, 2.0)
    assert fine.shape == (10, 12, 10) and np.allclose(fine.spacing, 2)
    np.testing.assert_allclose(fine.corners(), THICK.corners(), atol=1e-9)
    with pytest.raises(InputError, match="make a volume of"):
        isotropic(THICK, 0.001)


def test_stacks_of_another_place_are_refused_by_number() -> None:
    away = Grid(THICK.shape, affine_of(np.diag([1.0, 1.0, 4.0]), (300, 0, 0)))
    require_overlap([THICK, THICK])
    with pytest.raises(InputError, match="stack 2 has 0 %"):
        require_overlap([THICK, away])


def test_a_shift_of_the_stack_moves_its_image_and_its_border() -> None:
    data = np.zeros(THICK.shape, np.float32)
    data[8, 10, 2] = 1
    motion = np.array([0, 0, 0, 3.0, -2.0, 0])
    image, inside = on_grid(Volume(data, THICK), THICK, motion, THICK, order=1)
    assert np.argwhere(image.numpy() > 0.5).tolist() == [[11, 8, 2]]
    assert not inside[:3].any() and inside[3:, :22].all()


@pytest.mark.parametrize("low", [(12, 16, 3), (-3, -2, -1), (30, 30, 30)])
def test_a_block_is_interpolated_as_that_part_of_the_whole(low: tuple[int, int, int]) -> None:
    fine = THICK.refine((4, 4, 4))
    data = np.random.default_rng(0).random(fine.shape, np.float32)
    motion = np.array([0, 5.0, 10.0, 3.0, -2.0, 0])
    shape = [max(n, 50) for n in fine.shape]
    whole, inside = on_grid(Volume(data, fine), THICK, motion, fine.part((-10, -10, -10), [n + 20 for n in shape]))
    block, there = on_grid(Volume(data, fine), THICK, motion, fine.part(low, (8, 9, 10)))
    some = tuple(slice(a + 10, a + 10 + n) for a, n in zip(low, (8, 9, 10)))
    torch.testing.assert_close(block, whole[some], atol=1e-5, rtol=0)
    assert np.array_equal(there, inside[some])


def test_without_a_grid_voxels_are_isotropic_in_the_field_of_view_of_the_first_stack() -> None:
    target = target_of(FIRST, 2.0, None, 4.0)
    assert target.wanted is target.fitted and target.wanted.shape == (10, 10, 10)
    assert np.allclose(target.wanted.corners(), FIRST.corners())


@pytest.mark.parametrize("like", [None, LIKE])
def test_stacks_of_finer_voxels_are_fitted_in_voxels_of_their_size_as_far_as_there_is_room(
    like: Grid | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, finer = (target_of(FIRST, 2.0, like, 4.0, finest) for finest in (np.inf, 0.5))
    times = round(float(plain.fitted.spacing.min()) / 0.5)
    assert times > 1 and finer.times == tuple(times * k for k in plain.times)
    assert finer.fitted.shape == tuple(times * n for n in plain.fitted.shape)
    assert np.allclose(finer.fitted.corners(), plain.fitted.corners())
    monkeypatch.setattr(placing, "_MOST_FITTED", np.prod(plain.fitted.shape) * (times - 1) ** 3)
    assert target_of(FIRST, 2.0, like, 4.0, 0.5).times == tuple((times - 1) * k for k in plain.times)


@pytest.mark.parametrize("finest", [np.inf, 0.5])
def test_a_position_brought_to_the_wanted_grid_is_that_of_its_voxel(finest: float) -> None:
    """What is given back of the image "x in mm" is x in mm at the wanted voxels: nothing moves, nothing is mirrored."""
    target = target_of(FIRST, 1.0, LIKE, 4.0, finest)
    assert np.allclose(target.fitted.spacing, min(1.0, finest))
    for row in range(3):
        image, wanted = (
            np.einsum("k,k...->...", grid.affine[row, :3], np.indices(grid.shape)) + grid.affine[row, 3]
            for grid in (target.fitted, LIKE)
        )
        assert np.allclose(target.given(torch.from_numpy(image)).numpy(), wanted)


def test_the_fitted_grid_reaches_further_by_a_slice_on_every_side() -> None:
    target = target_of(FIRST, 1.0, LIKE, 4.0)
    assert np.allclose(target.fitted.extent - LIKE.extent, [8.0, 8.0, 12.0])


def test_a_grid_of_too_many_voxels_is_refused() -> None:
    huge = Grid((900, 900, 900), np.diag([0.1, 0.1, 0.1, 1.0]))
    with pytest.raises(InputError, match="make a volume of"):
        target_of(FIRST, 1.0, huge, 4.0)


def test_voxels_that_are_shorter_than_those_of_the_result_are_averaged() -> None:
    stripes = np.zeros((24, 6, 6), np.float32)
    stripes[::2] = 1
    fine = Volume(stripes, Grid(stripes.shape, affine_of(np.diag([0.5, 1.0, 1.0]))))
    coarse = Grid((12, 6, 6), affine_of(np.eye(3)))
    assert averaged(fine, coarse).data[4:-4].std() < 0.05 and averaged(fine, coarse).data.mean() == pytest.approx(0.5)
    assert averaged(fine, fine.grid) is fine
