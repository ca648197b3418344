# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Positions that were rounded lie on a line; a slice that is missing is missed in spite of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dicom_files import AXES, ORIGIN, SHAPE, series, stored
from pydicom.dataset import Dataset

from monai_strainer.errors import InputError
from monai_strainer.io import read


def rounded(decimals: int, step: float, stated: str | None = None, gap: int = 99) -> Callable[[int, Dataset], None]:
    """Positions of few decimals, with a slice left out before slice ``gap``."""

    def change(k: int, image: Dataset) -> None:
        place = ORIGIN + step * (k + (k >= gap)) * AXES[:, 2]
        image.ImagePositionPatient = [f"{value:.{decimals}f}" for value in place]
        image.SliceThickness = image.SpacingBetweenSlices = stated or f"{step:g}"
        if stated is None:
            del image.SpacingBetweenSlices

    return change


@pytest.mark.parametrize("stated", [True, False], ids=["stated", "not stated"])
@pytest.mark.parametrize(("decimals", "step"), [(2, 0.9), (1, 3.0), (1, 0.9), (2, 0.3), (0, 5.0)])
def test_rounded_positions_are_read(tmp_path: Path, decimals: int, step: float, stated: bool) -> None:
    scan = read(series(tmp_path / "s", rounded(decimals, step, f"{step:g}" if stated else None)))
    np.testing.assert_array_equal(scan.data, stored())
    assert scan.grid.spacing[2] == pytest.approx(step, rel=1e-6 if stated else 0.03)
    corner = scan.grid.affine[:3, 3] * [-1, -1, 1]
    np.testing.assert_allclose(corner, ORIGIN, atol=10.0**-decimals)


@pytest.mark.parametrize("stated", [True, False], ids=["stated", "not stated"])
@pytest.mark.parametrize("gap", [1, 4, 7])
@pytest.mark.parametrize(("decimals", "step"), [(2, 0.9), (1, 3.0), (1, 0.9), (0, 5.0)])
def test_a_missing_slice_is_missed(tmp_path: Path, decimals: int, step: float, gap: int, stated: bool) -> None:
    with pytest.raises(InputError, match="slices are missing"):
        read(series(tmp_path / "s", rounded(decimals, step, f"{step:g}" if stated else None, gap)))


def test_positions_too_coarse_for_the_step_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"rounded to 1 mm, too coarse for slices 0\.9 mm apart.*all decimals"):
        read(series(tmp_path / "s", rounded(0, 0.9, "0.9")))


def test_slices_a_multiple_of_the_step_apart_are_a_warning(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="6 mm apart, SpacingBetweenSlices .* says 3 mm: 1 of every 2 may be missing"):
        assert read(series(tmp_path / "s", rounded(6, 6.0, "3"))).data.shape == SHAPE
