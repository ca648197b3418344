# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Slices are upright in figures."""

from __future__ import annotations

import numpy as np
import pytest

from monai_strainer.geometry import Grid
from monai_strainer.reporting.figure import upright


@pytest.mark.parametrize("signs", [(1, 1), (-1, 1), (1, -1), (-1, -1)])
@pytest.mark.parametrize("swapped", [False, True])
def test_anterior_is_up_and_the_right_side_is_on_the_left(signs: tuple[int, int], swapped: bool) -> None:
    x, y = np.meshgrid([-1, 1], [-1, 1], indexing="ij")  # -1 is left or back
    image = 10 * x + y
    image, affine = image[:: signs[0], :: signs[1]], np.diag([*signs, 1.0, 1.0])
    if swapped:
        image, affine = image.T, affine[:, [1, 0, 2, 3]]
    wanted = [[11, -9], [9, -11]]  # right front, left front; right back, left back
    assert upright(image, Grid((2, 2, 1), affine), axis=2).tolist() == wanted
