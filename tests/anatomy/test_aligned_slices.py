# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Points of aligned slices are x, y, z of the head, whatever the plane."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from monai_strainer.anatomy.aligned_slices import AlignedSlices


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_point_has_the_coordinate_of_its_slice_row_and_column(order: tuple[int, int, int]) -> None:
    axes = (np.float32([-0.5, 0.5]), np.float32([1, 2, 3]), np.float32([10, 20]))
    points = AlignedSlices(np.zeros((1, 2, 3, 2), np.float16), axes, order).points(1, np.array([0, 5]))
    assert points[order[0]].tolist() == [0.5, 0.5]
    assert points[order[1]].tolist() == [1, 3] and points[order[2]].tolist() == [10, 20]
