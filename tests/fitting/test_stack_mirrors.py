# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A stack that a header mirrors is found out; one that is right, moved, or of another contrast is not suspected."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from stacks import GRID, cut, phantom

from monai_strainer.fitting.stack_mirrors import fits_better_mirrored
from monai_strainer.fitting.stack_registration import Stack


@pytest.fixture(scope="module")
def pair() -> list[Stack]:
    made = [cut(phantom(), axis, 3, [0.0] * 6) for axis in (2, 1)]
    return [Stack(torch.from_numpy(one.data / 900), one.grid, one.slice_axis, 8 / 900) for one in made]


def test_a_mirrored_stack_is_found_out_whichever_of_the_two_it_is(pair: list[Stack]) -> None:
    first, second = pair
    assert fits_better_mirrored(replace(second, y=second.y.flip(0)), first, GRID)
    assert fits_better_mirrored(second, replace(first, y=first.y.flip(0)), GRID)


def test_a_stack_that_lies_right_is_not_suspected(pair: list[Stack]) -> None:
    first, second = pair
    assert not fits_better_mirrored(second, first, GRID)
    noisy = second.y + 0.2 * torch.randn(second.y.shape, generator=torch.Generator().manual_seed(0))
    assert not fits_better_mirrored(replace(second, y=noisy, motion=np.array([3.0, 0, 0, 2, 0, 0])), first, GRID)
