# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of grids: refining keeps the field of view, axes follow the anatomy, coordinates are edge-aligned."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from phantoms import affine_of, turn

from monai_strainer.errors import InputError
from monai_strainer.geometry import Grid, centres, ras_to_lps

SHAPES = st.tuples(*[st.integers(1, 320)] * 3)
FACTORS = st.floats(0.2, 6)
LAWS = settings(max_examples=25, deadline=None)


@st.composite
def affines(draw: st.DrawFn) -> np.ndarray:
    """Any orientation, any tilt, anisotropic, mirrored or not, sheared up to about 17 degrees."""
    matrix = (
        turn(draw(st.floats(-180, 180)), 0) @ turn(draw(st.floats(-180, 180)), 1) @ turn(draw(st.floats(-180, 180)), 2)
    )
    shear = np.eye(3)
    shear[np.triu_indices(3, 1)] = draw(st.tuples(*[st.floats(-0.3, 0.3)] * 3))
    spacing = np.array(draw(st.tuples(*[st.floats(0.2, 8)] * 3))) * draw(st.sampled_from([1, -1]))
    return affine_of(matrix @ shear * spacing, draw(st.tuples(*[st.floats(-300, 300)] * 3)))


GRIDS = st.builds(Grid, SHAPES, affines())


@given(GRIDS, st.one_of(FACTORS, st.tuples(FACTORS, FACTORS, FACTORS)))
@LAWS
def test_refining_keeps_the_eight_corners(grid: Grid, factor: float | tuple[float, float, float]) -> None:
    assert np.abs(grid.refine(factor).corners() - grid.corners()).max() < 1e-4  # mm


@given(GRIDS, SHAPES)
@LAWS
def test_resizing_there_and_back_is_the_grid_itself(grid: Grid, shape: tuple[int, int, int]) -> None:
    back = grid.resize(shape).resize(grid.shape)
    assert back.shape == grid.shape
    np.testing.assert_allclose(back.affine, grid.affine, atol=1e-9)


@given(GRIDS, st.integers(1, 4), st.integers(1, 4))
@LAWS
def test_refining_twice_is_refining_by_the_product(grid: Grid, one: int, two: int) -> None:
    twice, once = grid.refine(one).refine(two), grid.refine(one * two)
    assert twice.shape == once.shape
    np.testing.assert_allclose(twice.affine, once.affine, atol=1e-9)


@given(GRIDS, FACTORS)
@LAWS
def test_the_extent_survives_and_spacing_follows_the_count(grid: Grid, factor: float) -> None:
    fine = grid.refine(factor)
    np.testing.assert_allclose(fine.extent, grid.extent, rtol=1e-12)
    np.testing.assert_allclose(fine.spacing * fine.shape, grid.spacing * grid.shape, rtol=1e-12)
    assert fine.shape == tuple(max(1, round(n * factor)) for n in grid.shape)


@given(GRIDS, st.integers(1, 5))
@LAWS
def test_the_centres_of_the_children_of_a_voxel_average_to_its_own(grid: Grid, factor: int) -> None:
    fine = grid.refine(factor)
    children = np.array(list(itertools.product(range(factor), repeat=3)))
    positions = children @ fine.affine[:3, :3].T + fine.affine[:3, 3]
    np.testing.assert_allclose(positions.mean(0), grid.affine[:3, 3], atol=1e-8)


@given(affines())
@LAWS
def test_corners_are_edges_and_not_centres(affine: np.ndarray) -> None:
    corners = Grid((1, 1, 1), affine).corners()
    np.testing.assert_allclose(corners.mean(0), affine[:3, 3], atol=1e-9)
    np.testing.assert_allclose(corners[-1] - corners[0], affine[:3, :3].sum(1), atol=1e-9)


def test_axes_follow_every_permutation_and_flip() -> None:
    tilt = turn(14, 0) @ turn(-9, 1) @ turn(11, 2)
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            matrix = np.zeros((3, 3))
            matrix[list(order), range(3)] = signs
            grid = Grid((4, 5, 6), affine_of(tilt @ matrix * [1.0, 2.0, 5.0]))
            assert grid.axes == tuple(zip(order, signs))
            for plane, ras in {"sagittal": 0, "coronal": 1, "axial": 2}.items():
                assert grid.axis_of(plane) == order.index(ras)


@given(affines())
@LAWS
def test_every_anatomical_axis_is_used_once(affine: np.ndarray) -> None:
    assert sorted(ras for ras, _ in Grid((3, 3, 3), affine).axes) == [0, 1, 2]


@given(affines(), st.sampled_from([0, 1, 2]))
@LAWS
def test_mirroring_an_array_axis_changes_its_sign_alone(affine: np.ndarray, axis: int) -> None:
    cosines = np.abs(Grid((3, 3, 3), affine).affine[:3, :3])
    assume(cosines.min() > 1e-6)
    mirror = np.eye(4)
    mirror[axis, axis] = -1
    before, after = Grid((3, 3, 3), affine).axes, Grid((3, 3, 3), affine @ mirror).axes
    assert after == tuple((ras, -sign if k == axis else sign) for k, (ras, sign) in enumerate(before))


@given(st.integers(1, 500))
@LAWS
def test_coordinates_are_edge_aligned(n: int) -> None:
    c = centres(n)
    assert np.isclose(c[0] - 1 / n, -1) and np.isclose(c[-1] + 1 / n, 1)
    np.testing.assert_allclose(np.diff(c), 2 / n)
    np.testing.assert_allclose(c, -c[::-1], atol=1e-12)


@given(st.integers(1, 60), st.integers(1, 6))
@LAWS
def test_finer_coordinates_average_to_the_coarse_ones(n: int, factor: int) -> None:
    np.testing.assert_allclose(centres(n * factor).reshape(n, factor).mean(1), centres(n), atol=1e-12)


@given(affines())
@LAWS
def test_lps_is_its_own_inverse_and_mirrors_two_axes(affine: np.ndarray) -> None:
    np.testing.assert_array_equal(ras_to_lps(ras_to_lps(affine)), affine)
    np.testing.assert_array_equal(ras_to_lps(affine)[:2], -affine[:2])
    np.testing.assert_array_equal(ras_to_lps(affine)[2:], affine[2:])


def test_a_grid_cannot_be_changed() -> None:
    grid = Grid((2, 2, 2), np.eye(4))
    with pytest.raises(ValueError, match="read-only"):
        grid.affine[0, 0] = 2


def test_a_grid_keeps_its_own_copy_of_the_affine() -> None:
    affine = np.eye(4)
    grid = Grid((2, 2, 2), affine)
    affine[0, 0] = 7
    assert grid.affine[0, 0] == 1


def test_a_grid_without_voxels_is_refused() -> None:
    with pytest.raises(InputError, match="no voxels"):
        Grid((4, 0, 4), np.eye(4))


def test_a_grid_of_two_axes_is_refused() -> None:
    with pytest.raises(InputError, match="not three axes"):
        Grid((4, 4), np.eye(4))  # type: ignore[arg-type]


def test_an_affine_that_is_not_finite_is_refused() -> None:
    with pytest.raises(InputError, match="not a finite 4x4 matrix"):
        Grid((4, 4, 4), np.diag([1, 1, np.nan, 1]))


def test_an_affine_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match="not a finite 4x4 matrix"):
        Grid((4, 4, 4), np.eye(3))


def test_an_axis_without_length_is_refused() -> None:
    with pytest.raises(InputError, match="singular"):
        Grid((4, 4, 4), np.diag([1.0, 0, 1, 1]))


def test_two_axes_of_one_direction_are_refused() -> None:
    with pytest.raises(InputError, match="singular"):
        Grid((4, 4, 4), affine_of(np.array([[1.0, 2, 0], [1, 2, 0], [0, 0, 1]])))


@pytest.mark.parametrize("factor", [0, -1, np.nan, np.inf, (2, 0, 1)])
def test_a_factor_that_is_not_positive_and_finite_is_refused(factor: float) -> None:
    with pytest.raises(InputError, match="not positive"):
        Grid((4, 4, 4), np.eye(4)).refine(factor)


def test_two_factors_for_three_axes_are_refused() -> None:
    with pytest.raises(InputError):
        Grid((4, 4, 4), np.eye(4)).refine((2, 2))


def test_cutting_the_field_of_view_into_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="at least one voxel"):
        Grid((4, 4, 4), np.eye(4)).resize((4, 0, 4))


def test_a_plane_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InputError, match="'oblique'"):
        Grid((4, 4, 4), np.eye(4)).axis_of("oblique")


def test_grids_are_apart_by_what_moves_their_corners() -> None:
    grid = Grid((4, 5, 6), np.diag([1.0, 2.0, 3.0, 1.0]))
    step = np.zeros((4, 4))
    step[:3, 3] = (0.5, -3.0, 1.0)
    assert grid.apart(grid) == 0 and grid.apart(Grid(grid.shape, grid.affine + step)) == pytest.approx(3.0)
