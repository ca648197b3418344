# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The report of a fusion names stacks by the number they were given, and says what to check."""

from __future__ import annotations

import numpy as np
from stacks import three

from monai_strainer import Volume, load_prior
from monai_strainer.fusing.describe import _moved_slices
from monai_strainer.fusing.fuse import fuse
from monai_strainer.fusing.report import StackReport


def test_a_stack_that_cannot_be_aligned_keeps_its_number() -> None:
    stacks = three()
    noise = np.abs(np.random.default_rng(0).normal(300, 100, stacks[1].data.shape)).astype(np.float32)
    stacks[1] = Volume(noise, stacks[1].grid, slice_axis=1)
    report = fuse(stacks, load_prior(), spacing=4.0, method="kriging").details
    assert [one.number for one in report.stacks] == [1, 3] and report.left_out == (2,)
    said = "stack 2 could not be aligned with the first and is left out: what the two show has a correlation of "
    assert any(text.startswith(said) for text in report.warnings)


def test_a_mirrored_stack_is_a_warning() -> None:
    stacks = three()[:2]
    mirrored = Volume(stacks[1].data[::-1].copy(), stacks[1].grid, slice_axis=1)
    found = [fuse([stacks[0], one], load_prior(), spacing=4.0, method="kriging") for one in (stacks[1], mirrored)]
    swapped = [any("left and right are swapped" in text for text in one.details.warnings) for one in found]
    assert swapped == [False, True]


def test_the_motion_of_slices_is_a_note() -> None:
    still, moved = (0.0,) * 6, (0.0, 3.0, 4.0, 0.0, 1.5, 2.0)
    stacks = [reported(1, ()), reported(2, (still, still)), reported(3, (still, moved))]
    assert _moved_slices(stacks) == [
        "stack 2: no motion between its slices was found",
        "stack 3: 1 of 2 slices have moved, by up to 2.5 mm and 5.0 degrees",
    ]


def reported(number: int, slices: tuple[tuple[float, ...], ...]) -> StackReport:
    return StackReport(
        number=number, spacing=(1.0, 1.0, 3.0), sigma=5.0, rotation=(0.0,) * 3, shift=(0.0,) * 3, gain=1.0,
        converged=True, common=0.8, disagreement=0.0, misfit=1.0, prior="none", slices=slices,
    )  # fmt: skip
