# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the alignment of stacks: a known motion and gain are found, and stacks that fit stay."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from stacks import GRID, MOTIONS, cut, phantom, three

from monai_strainer.fitting.stack_registration import Stack, align_stacks
from monai_strainer.volume import Volume


def fitted(volumes: list[Volume]) -> list[Stack]:
    return [Stack(torch.from_numpy(one.data / 900), one.grid, one.slice_axis, 8 / 900) for one in volumes]


def test_known_motions_are_found_to_a_tenth_of_a_millimetre_and_degree() -> None:
    found = align_stacks(fitted(three()), GRID)
    for one, motion in zip(found, MOTIONS):
        assert one.converged
        assert np.abs(one.stack.motion - motion).max() < 0.1


def test_the_gain_of_a_stack_is_found() -> None:
    found = align_stacks(fitted(three(gains=(1.0, 1.3, 0.8))), GRID)
    assert [one.stack.gain for one in found] == pytest.approx([1.0, 1.3, 0.8], rel=0.03)


def test_stacks_that_lie_right_stay() -> None:
    found = align_stacks(fitted([cut(phantom(), axis, 3, [0.0] * 6) for axis in (2, 1)]), GRID)
    assert np.abs(found[1].stack.motion).max() < 0.1 and found[1].converged


def test_stacks_of_noise_do_not_converge_or_do_not_move_far() -> None:
    noise = [Stack(torch.rand(one.grid.shape), one.grid, one.slice_axis, 0.3) for one in three()]
    found = align_stacks(noise, GRID)
    assert not any(one.converged and np.abs(one.stack.motion).max() > 5 for one in found[1:])
