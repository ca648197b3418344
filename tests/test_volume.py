# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of volumes: slices and the way back, and the axis that the scanner stepped along."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from phantoms import affine_of, turn

from monai_strainer.errors import InputError
from monai_strainer.geometry import Grid
from monai_strainer.volume import Volume

SHAPE = (4, 5, 6)


def counted(matrix: np.ndarray, slice_axis: int = -1) -> Volume:
    return Volume(np.arange(120.0).reshape(SHAPE), Grid(SHAPE, affine_of(matrix)), "the source", slice_axis)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_and_the_way_back_are_the_volume(axis: int) -> None:
    scan = counted(np.diag([1.0, 2, 3]))
    back = scan.with_slices(scan.slices(axis), axis, scan.grid)
    np.testing.assert_array_equal(back.data, scan.data)
    assert back.grid is scan.grid


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_slice_is_what_indexing_along_its_axis_gives(axis: int) -> None:
    scan = counted(np.eye(3))
    for k, image in enumerate(scan.slices(axis)):
        np.testing.assert_array_equal(image, np.take(scan.data, k, axis))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_refined_slices_make_a_volume_on_the_refined_grid(axis: int) -> None:
    scan = counted(np.eye(3))
    factors = [1 if k == axis else 2 for k in range(3)]
    images = scan.slices(axis).repeat(2, axis=1).repeat(2, axis=2)
    fine = scan.with_slices(images, axis, scan.grid.refine(factors))
    assert fine.data.shape == fine.grid.shape
    blocks = fine.data.reshape([v for n, f in zip(SHAPE, factors) for v in (n, f)])
    np.testing.assert_array_equal(blocks.mean((1, 3, 5)), scan.data)


def test_source_and_slice_axis_are_kept() -> None:
    scan = counted(np.eye(3), slice_axis=1)
    back = scan.with_slices(scan.slices(0), 0, scan.grid)
    assert (back.source, back.slice_axis) == ("the source", 1)


@pytest.mark.parametrize("widest", [0, 1, 2])
def test_slices_are_stacked_along_the_widest_step(widest: int) -> None:
    spacing = np.where(np.arange(3) == widest, 3.0, 1.0)
    assert counted(turn(8, 0) @ np.diag(spacing)).slice_axis == widest


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_isotropic_scans_are_cut_into_axial_slices(order: tuple[int, int, int]) -> None:
    matrix = np.zeros((3, 3))
    matrix[list(order), range(3)] = 1, -1, 1
    assert counted(turn(10, 1) @ matrix).slice_axis == order.index(2)


def test_a_step_wider_by_rounding_alone_is_isotropic() -> None:
    assert counted(np.diag([1.0001, 1.0, 1.0])).slice_axis == 2


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_image_of_one_slice_is_that_slice(axis: int) -> None:
    shape = tuple(1 if k == axis else 7 for k in range(3))
    assert Volume(np.zeros(shape), Grid(shape, np.diag([3.0, 2, 1, 1]))).slice_axis == axis


def test_what_the_reader_says_goes_before_the_spacing() -> None:
    assert counted(np.diag([1.0, 1, 4]), slice_axis=0).slice_axis == 0


def test_intensities_are_kept_as_float32() -> None:
    assert Volume(np.ones(SHAPE, np.int16), Grid(SHAPE, np.eye(4))).data.dtype == np.float32


def test_data_that_do_not_fit_their_grid_are_refused() -> None:
    with pytest.raises(InputError, match=r"\(4, 5, 6\).*\(4, 5, 7\)"):
        Volume(np.zeros(SHAPE), Grid((4, 5, 7), np.eye(4)))


def test_data_of_four_axes_are_refused() -> None:
    with pytest.raises(InputError, match="do not fit"):
        Volume(np.zeros((*SHAPE, 2)), Grid(SHAPE, np.eye(4)))


@pytest.mark.parametrize("axis", [3, -2, "x"])
def test_a_slice_axis_that_is_no_axis_is_refused(axis: Any) -> None:
    with pytest.raises(InputError, match="slice axis"):
        Volume(np.zeros((2, 3, 4)), Grid((2, 3, 4), np.eye(4)), slice_axis=axis)


@pytest.mark.parametrize("thickness", [0.0, -1.0, np.nan, "thick"])
def test_slices_that_are_not_thicker_than_nothing_are_refused(thickness: Any) -> None:
    with pytest.raises(InputError, match="slice thickness"):
        Volume(np.zeros((2, 3, 4)), Grid((2, 3, 4), np.eye(4)), thickness=thickness)


def test_complex_data_are_refused() -> None:
    with pytest.raises(InputError, match="complex"):
        Volume(np.zeros((2, 3, 4), np.complex64), Grid((2, 3, 4), np.eye(4)))
