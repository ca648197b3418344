# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Display order and marks follow the affine, whatever the order and the direction of the file's axes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from phantoms import affine_of, turn

from monai_strainer import Grid
from monai_strainer.reporting.figure import upright
from monai_strainer.reporting.orientation import DISPLAY, displayed, edge_marks, obliqueness

SHAPE = (5, 6, 7)
TURNED = [
    affine_of(np.eye(3)[:, list(order)] * signs * (1.0, 2.0, 3.0))
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]


def positions(grid: Grid, axis: int) -> np.ndarray:
    """The coordinate of every voxel along a RAS axis, (X, Y, Z)."""
    index = np.indices(grid.shape)
    return np.tensordot(grid.affine[axis, :3], index, 1) + grid.affine[axis, 3]


@pytest.mark.parametrize("affine", TURNED)
def test_axes_run_to_superior_to_posterior_and_to_the_left(affine: np.ndarray) -> None:
    grid = Grid(SHAPE, affine)
    for place, (ras, sign) in enumerate(((2, 1), (1, -1), (0, -1))):
        steps = np.diff(displayed(positions(grid, ras), grid), axis=place)
        assert (sign * steps > 0).all()


@pytest.mark.parametrize("affine", TURNED)
def test_marks_of_a_straight_scan_do_not_depend_on_the_file(affine: np.ndarray) -> None:
    marks = edge_marks(Grid(SHAPE, affine))
    assert marks["axial"] == {"left": "R", "right": "L", "top": "A", "bottom": "P"}
    assert marks["coronal"] == {"left": "R", "right": "L", "top": "S", "bottom": "I"}
    assert marks["sagittal"] == {"left": "A", "right": "P", "top": "S", "bottom": "I"}
    assert obliqueness(Grid(SHAPE, affine)) == 0


@pytest.mark.parametrize("affine", TURNED[::5])
def test_slices_are_those_of_the_figures(affine: np.ndarray) -> None:
    grid, data = Grid(SHAPE, affine), np.random.default_rng(0).random(SHAPE)
    shown = displayed(data, grid)
    for place, plane in enumerate(DISPLAY):
        axis = grid.axis_of(plane)
        images = np.moveaxis(shown, place, 0)
        images = images if plane == "axial" else images[:, ::-1]  # superior is up
        figures = [upright(np.take(data, k, axis), grid, axis) for k in range(SHAPE[axis])]
        assert any(np.array_equal(images[0], figures[k]) for k in (0, -1))


def test_a_turned_scan_has_marks_of_two_letters_the_larger_first() -> None:
    grid = Grid(SHAPE, affine_of(turn(30, 0)))  # about the axis from left to right
    marks = edge_marks(grid)
    assert marks["axial"]["left"] == "R" and marks["axial"]["top"] in ("AS", "AI")
    assert {marks["sagittal"]["top"][0], marks["sagittal"]["left"][0]} == {"S", "A"}
    assert obliqueness(grid) == pytest.approx(30)
    assert edge_marks(Grid(SHAPE, affine_of(turn(10, 0))))["axial"]["top"] == "A"
