# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the alignment of stacks: a known motion and gain are found, and stacks that fit stay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from stacks import GRID, MOTIONS, cut, phantom, three

from monai_strainer import read
from monai_strainer.fitting.stack_registration import Stack, align_stacks
from monai_strainer.geometry import Grid
from monai_strainer.volume import Volume


def fitted(volumes: list[Volume]) -> list[Stack]:
    return [Stack(torch.from_numpy(one.data / 900), one.grid, one.slice_axis, 8 / 900) for one in volumes]


def test_known_motions_are_found() -> None:
    found = align_stacks(fitted(three()), GRID)
    for one, motion in zip(found, MOTIONS):
        assert one.converged
        assert np.abs(one.stack.motion[3:] - motion[3:]).max() < 0.05  # mm
        assert np.abs(one.stack.motion[:3] - motion[:3]).max() < 0.3  # degrees: a round body of 96 mm turns easily


@pytest.mark.parametrize(("axis", "motion"), [(1, MOTIONS[1]), (0, MOTIONS[2])])
def test_slices_that_are_thick_for_what_they_show_do_not_hold_a_stack_where_its_header_says(
    axis: int, motion: list[float]
) -> None:
    stacks = fitted([cut(phantom(), 2, 4, [0.0] * 6), cut(phantom(), axis, 4, motion)])
    found = align_stacks(stacks, GRID)[1]
    assert found.converged and np.abs(found.stack.motion[3:] - motion[3:]).max() < 0.05
    assert np.abs(found.stack.motion[:3] - motion[:3]).max() < 0.3


def test_motions_of_a_brain_are_found_to_a_tenth_of_a_millimetre_and_degree(oasis: Path) -> None:
    scan = read(oasis / "sub-1006" / "anat" / "sub-1006_T1w.nii.gz")
    motion = [-3.0, 2.0, 1.0, -1.0, 0.7, 2.0]
    made = [cut(scan.data, axis, 4, q, sigma=30.0, grid=scan.grid) for axis, q in ((2, [0.0] * 6), (0, motion))]
    scale = float(np.percentile(scan.data, 99))
    stacks = [Stack(torch.from_numpy(one.data / scale), one.grid, one.slice_axis, 30 / scale) for one in made]
    found = align_stacks(stacks, scan.grid)[1]
    assert found.converged and np.abs(found.stack.motion - motion).max() < 0.03


def test_the_gain_of_a_stack_is_found() -> None:
    found = align_stacks(fitted(three(gains=(1.0, 1.3, 0.8))), GRID)
    assert [one.stack.gain for one in found] == pytest.approx([1.0, 1.3, 0.8], rel=0.03)


def test_stacks_that_lie_right_stay() -> None:
    found = align_stacks(fitted([cut(phantom(), axis, 3, [0.0] * 6) for axis in (2, 1)]), GRID)
    assert np.abs(found[1].stack.motion).max() < 0.1 and found[1].converged


def test_a_stack_of_noise_keeps_the_position_of_its_header() -> None:
    noise = [Stack(torch.rand(one.grid.shape), one.grid, one.slice_axis, 0.3) for one in three()[:2]]
    found = align_stacks(noise, GRID)[1]
    assert not found.converged and not found.stack.motion.any()


def test_stacks_that_do_not_overlap_have_nothing_in_common() -> None:
    first, second = fitted(three()[:2])
    away = second.grid.affine.copy()
    away[0, 3] += 500
    found = align_stacks([first, replace(second, grid=Grid(second.grid.shape, away))], GRID)[1]
    assert found.common == 0 and not found.converged and not found.stack.motion.any()
