# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A copy of a stack is refused, whatever its header, order of axes or units; a second measurement is none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from stacks import cut, phantom

from monai_strainer import Grid, InputError, Volume
from monai_strainer.fusing.copies import is_copy, require_no_copies

STILL = [0.0] * 6


@pytest.fixture(scope="module")
def axial() -> Volume:
    return cut(phantom(), 2, 4, STILL)


def moved(one: Volume) -> Grid:
    """Another header: 5 mm away."""
    affine = one.grid.affine.copy()
    affine[0, 3] += 5
    return Grid(one.grid.shape, affine)


@pytest.mark.parametrize(
    ("copy", "said"),
    [
        (lambda one: one, "stack 3 holds the voxels of stack 1. Pass every stack once"),
        (lambda one: Volume(1.7 * one.data, one.grid), "Pass every stack once"),
        (lambda one: Volume(np.round(one.data), one.grid), "Pass every stack once"),
        (lambda one: Volume(one.data, moved(one)), "their headers differ"),
        (
            lambda one: Volume(
                np.flip(one.data, 1).transpose(2, 0, 1), Grid((12, 48, 48), np.diag([8.0, 2.0, 2.0, 1.0]))
            ),
            "their headers differ",
        ),
    ],
)
def test_a_copy_is_refused(axial: Volume, copy: Callable[[Volume], Volume], said: str) -> None:
    with pytest.raises(InputError, match=said):
        require_no_copies([axial, cut(phantom(), 1, 4, STILL), copy(axial)])


def test_a_second_measurement_of_the_same_slices_is_no_copy(axial: Volume) -> None:
    noise = np.random.default_rng(7).normal(0, 4.0, axial.data.shape)
    assert not is_copy(axial.data, (axial.data + noise).astype(np.float32))
    require_no_copies([axial, cut(phantom(), 1, 4, STILL), cut(phantom(), 0, 4, STILL)])
