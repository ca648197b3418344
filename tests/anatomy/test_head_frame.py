# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the pose: one anatomical place has one head coordinate, whatever the resolution or the order of the array."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phantoms import affine_of, small_head, turn

from monai_strainer.anatomy.foreground import foreground
from monai_strainer.anatomy.head_frame import Pose, find_pose
from monai_strainer.errors import InputError
from monai_strainer.geometry import Grid
from monai_strainer.volume import Volume

POSE = Pose(((1, -1), (0, 1), (2, 1)), (0.1, -0.2, 0.05), (0.7, 0.8, 0.6))


def pose_of(scan: Volume) -> Pose:
    return find_pose(foreground(scan.data), scan.grid)


def rearranged(scan: Volume, order: tuple[int, ...], flips: tuple[bool, ...]) -> Volume:
    """The same scan in memory another way round: every voxel keeps its place in the room."""
    step = np.eye(4)
    step[:3, :3] = np.eye(3)[:, list(order)]
    data = scan.data.transpose(order)
    for axis, is_flipped in enumerate(flips):
        if is_flipped:
            data = np.flip(data, axis)
            mirror = np.eye(4)
            mirror[axis, axis], mirror[axis, 3] = -1, data.shape[axis] - 1
            step = step @ mirror
    return Volume(data, Grid(data.shape, scan.grid.affine @ step))


@given(st.tuples(*[st.integers(1, 4)] * 3), st.sampled_from([0, 1, 2]))
@settings(max_examples=15, deadline=None)
def test_coordinates_of_a_refined_grid_average_to_those_of_the_coarse_one(
    factors: tuple[int, int, int], axis: int
) -> None:
    shape = (4, 5, 3)
    fine_shape = tuple(n * f for n, f in zip(shape, factors))
    fine = np.moveaxis(POSE.coordinates(fine_shape, axis), 0, axis + 1)  # (3, X, Y, Z)
    blocks = fine.reshape([3, *(v for n, f in zip(shape, factors) for v in (n, f))])
    coarse = np.moveaxis(POSE.coordinates(shape, axis), 0, axis + 1)
    np.testing.assert_allclose(blocks.mean((2, 4, 6)), coarse, atol=1e-6)


def test_some_slices_have_the_coordinates_they_have_among_all() -> None:
    np.testing.assert_array_equal(POSE.coordinates((4, 5, 6), 1, slice(2, 4)), POSE.coordinates((4, 5, 6), 1)[2:4])


def test_the_pose_of_a_refined_scan_is_the_same(phantom: Volume) -> None:
    mask = phantom.data > 300
    fine = np.kron(mask, np.ones((2, 2, 2), bool))
    one, two = find_pose(mask, phantom.grid), find_pose(fine, phantom.grid.refine(2))
    np.testing.assert_allclose(two.centre, one.centre, atol=1e-9)
    np.testing.assert_allclose(two.half, one.half, atol=1e-9)


ARRANGEMENTS = [(o, f) for o in itertools.permutations(range(3)) for f in [(0, 0, 0), (1, 0, 0), (0, 1, 1)]]


@pytest.mark.parametrize(("order", "flips"), ARRANGEMENTS)
def test_a_place_has_one_head_coordinate_however_the_array_lies(
    order: tuple[int, ...], flips: tuple[bool, ...]
) -> None:
    scan = small_head((22, 26, 18))
    other = rearranged(scan, order, flips)
    there = np.moveaxis(pose_of(scan).coordinates(scan.grid.shape, 0), 0, 1)  # (3, X, Y, Z)
    here = np.moveaxis(pose_of(other).coordinates(other.grid.shape, 0), 0, 1)
    flipped = [axis + 1 for axis, is_flipped in enumerate(flips) if is_flipped]
    back = np.flip(here, flipped).transpose(0, *(1 + order.index(k) for k in range(3)))
    np.testing.assert_allclose(back, there, atol=1e-5)


def test_head_coordinates_point_right_anterior_and_superior() -> None:
    scan = small_head()
    coords = np.moveaxis(pose_of(scan).coordinates(scan.grid.shape, 0), 1, -1).reshape(-1, 3)  # (N, 3)
    index = np.stack(np.meshgrid(*map(np.arange, scan.grid.shape), indexing="ij"), -1).reshape(-1, 3)
    place = index @ scan.grid.affine[:3, :3].T  # (N, 3) mm
    for axis in range(3):
        assert np.corrcoef(coords[:, axis], place[:, axis])[0, 1] > 0.9


def test_the_box_of_the_head_spans_minus_one_to_one() -> None:
    mask = np.zeros((40, 40, 40), bool)
    mask[10:30, 4:36, 20:40] = True
    pose = find_pose(mask, Grid((40, 40, 40), np.eye(4)))
    inside = [pose.axis_coordinates(k, 40)[mask.any(tuple(j for j in range(3) if j != k))] for k in range(3)]
    for values in inside:
        n = len(values)
        np.testing.assert_allclose([values[0], values[-1]], [1 / n - 1, 1 - 1 / n], atol=0.005)


def test_the_size_of_the_head_is_in_mm_and_in_anatomical_order() -> None:
    mask = np.zeros((20, 30, 40), bool)
    mask[5:15, 10:25, 8:28] = True
    matrix = np.array([[0, 0, 2.0], [3, 0, 0], [0, 1, 0]])  # array axes run along y (3 mm), z (1 mm), x (2 mm)
    half = find_pose(mask, Grid(mask.shape, affine_of(turn(5, 1) @ matrix)))
    np.testing.assert_allclose(half.half_mm(Grid(mask.shape, affine_of(turn(5, 1) @ matrix))), [20, 15, 7.5], rtol=0.01)


def test_an_empty_mask_has_no_pose() -> None:
    with pytest.raises(InputError, match="no foreground"):
        find_pose(np.zeros((6, 6, 6), bool), Grid((6, 6, 6), np.eye(4)))
