# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Stacks of one object agree in detail, whatever their noise and gain; those of two aligned heads do not."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from stacks import GRID, MOTIONS, cut, phantom

from benchmarks.stacks import around, coarser
from monai_strainer import Grid, Volume, read
from monai_strainer.fitting.stack_likeness import local_likeness
from monai_strainer.fitting.stack_registration import Stack

FOUND = [6.7, -1.1, 0.9, 1.5, 26.5, 0.5]  # degrees and mm by which ``align_stacks`` moves the head 1006 onto 1000


def stack_of(truth: Volume, axis: int, motion: list[float], noise: float) -> Stack:
    """A stack of slices of two voxels, at its true place."""
    sigma = noise * float(np.percentile(truth.data[truth.data > 0], 99.9))
    one = cut(truth.data, axis, 2, motion, sigma, truth.grid)
    scale = float(np.percentile(one.data[one.data > 0], 99))
    place = np.array(motion, float)
    return Stack(torch.from_numpy(one.data / np.float32(scale)), one.grid, axis, sigma / scale, motion=place)


@pytest.mark.parametrize("noise", [0.01, 0.05])
def test_stacks_of_one_object_agree_whatever_their_noise_and_gain(noise: float) -> None:
    truth = Volume(phantom(), GRID)
    first, second = stack_of(truth, 2, MOTIONS[0], noise), stack_of(truth, 1, MOTIONS[1], noise)
    found = local_likeness(second, first, GRID)
    assert found is not None and found > 0.95
    assert local_likeness(replace(second, gain=1.7), first, GRID) == pytest.approx(found, abs=1e-3)


def test_a_stack_at_the_wrong_place_agrees_less() -> None:
    truth = Volume(phantom(), GRID)
    first, second = stack_of(truth, 2, MOTIONS[0], 0.01), stack_of(truth, 1, MOTIONS[0], 0.01)
    away = [local_likeness(replace(second, motion=np.array([0, 0, 0, d, 0, 0])), first, GRID) for d in (0.0, 4.0, 8.0)]
    assert away[0] > away[1] > away[2]


def test_too_little_in_common_says_nothing() -> None:
    truth = Volume(phantom(), GRID)
    first, second = stack_of(truth, 2, MOTIONS[0], 0.01), stack_of(truth, 1, MOTIONS[0], 0.01)
    assert local_likeness(replace(second, motion=np.array([0, 0, 0, 85.0, 0, 0])), first, GRID) is None
    noise = replace(second, y=0.05 * torch.randn(second.y.shape, generator=torch.Generator().manual_seed(0)))
    assert local_likeness(replace(noise, sigma=0.05), first, GRID) is None


@lru_cache
def head(folder: Path, number: int) -> Volume:
    return coarser(around(read(folder / f"sub-{number}" / "anat" / f"sub-{number}_T1w.nii.gz")), 2.0)


def test_heads_of_two_people_are_told_apart_though_they_are_aligned(oasis: Path) -> None:
    one, other = (Volume(v.data, Grid(v.data.shape, v.grid.affine)) for v in (head(oasis, 1000), head(oasis, 1006)))
    first = stack_of(one, 2, MOTIONS[0], 0.02)
    own = local_likeness(stack_of(one, 1, MOTIONS[1], 0.02), first, first.grid)
    theirs = local_likeness(replace(stack_of(other, 1, MOTIONS[1], 0.02), motion=np.array(FOUND)), first, first.grid)
    assert own is not None and own > 0.98 and theirs is not None and theirs < 0.77
