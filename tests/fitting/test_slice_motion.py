# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Slices that have moved are found, and the result is better; a stack whose slices lie still stays as it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from stacks import GRID, SHAPE, cut_moved, interleaved, phantom

from monai_strainer.fitting.slice_motion import align_slices
from monai_strainer.fitting.stack_registration import Stack
from monai_strainer.fusing.images import corrected, kriged_start
from monai_strainer.physics import Profile, SliceOperator, StackOperator

COUNT = 12  # slices


def moved_stack(axis: int, motions: NDArray[np.float64]) -> Stack:
    """A stack whose slices have moved, in intensities of about 1."""
    one = cut_moved(axis, motions)
    return Stack(torch.from_numpy(one.data / np.float32(1000)), one.grid, axis, 0.008)


def psnr(stacks: list[Stack]) -> float:
    truth = torch.from_numpy(phantom() / np.float32(1000))
    image = corrected(kriged_start(stacks, GRID), [one.data(GRID) for one in stacks])
    return float(-10 * (image - truth)[truth > 0].square().mean().log10())


def test_slices_of_a_moved_stack_are_found_and_the_result_is_better() -> None:
    still = np.zeros((COUNT, 6))
    motions = [still, interleaved(COUNT, 1), still]
    stacks = [moved_stack(axis, own) for axis, own in zip((2, 1, 0), motions)]
    found = align_slices(stacks, GRID)
    assert psnr([one.stack for one in found]) > psnr(stacks) + 1
    shifts = np.abs(found[1].stack.slices - motions[1])[2:-2, 3:]
    assert shifts.mean() < 0.3 < np.abs(motions[1][3::2, 3:]).mean()


def test_slices_that_lie_still_stay() -> None:
    stacks = [moved_stack(axis, np.zeros((COUNT, 6))) for axis in (2, 1, 0)]
    found = [one.stack for one in align_slices(stacks, GRID)]
    assert psnr(found) > psnr(stacks) - 0.1


@pytest.mark.parametrize("profile", [Profile(), Profile("gaussian"), Profile("box", 1.3)])
def test_without_motion_the_operator_is_that_of_the_stack(profile: Profile) -> None:
    stack, motion = GRID.resize((48, 12, 48)), np.array([3.0, -2.0, 4.0, 1.0, 2.0, -1.0])
    one = SliceOperator(GRID, stack, 1, profile, motion, np.zeros((12, 6)))
    x = torch.rand(SHAPE, generator=torch.Generator().manual_seed(0))
    whole = StackOperator(GRID, stack, 1, profile, motion).A(x)
    assert torch.allclose(
        one.A(x)[:, 1:-1], whole[:, 1:-1], atol=1e-3
    )  # three slices hold a Gaussian but for its tails
    y = torch.rand(stack.shape, generator=torch.Generator().manual_seed(1))
    assert float((one.A(x) * y).sum()) == pytest.approx(float((x * one.adjoint(y)).sum()), rel=1e-4)


def test_a_part_of_a_stack_keeps_the_motion_of_its_slices() -> None:
    motion = np.array([0.0, 0.0, 90.0, 0.0, 0.0, 0.0])
    stack = Stack(
        torch.zeros(48, 12, 48), GRID.resize((48, 12, 48)), 1, 0.01, motion=motion, slices=interleaved(COUNT, 1)
    )
    x = torch.rand(SHAPE, generator=torch.Generator().manual_seed(0))
    part = stack.within(GRID)
    assert torch.allclose(part.operator(GRID).A(x), stack.operator(GRID).A(x), atol=1e-4)
