# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The report of a fusion names stacks by the number they were given, and says what to check."""

from __future__ import annotations

import numpy as np
from stacks import three

from monai_strainer import Volume, load_prior
from monai_strainer.fusing.fuse import fuse


def test_a_stack_that_cannot_be_aligned_keeps_its_number() -> None:
    stacks = three()
    noise = np.abs(np.random.default_rng(0).normal(300, 100, stacks[1].data.shape)).astype(np.float32)
    stacks[1] = Volume(noise, stacks[1].grid, slice_axis=1)
    report = fuse(stacks, load_prior(), spacing=4.0, method="kriging").details
    assert [one.number for one in report.stacks] == [1, 3] and report.left_out == (2,)
    assert "stack 2 could not be aligned with the first and is left out" in report.warnings


def test_the_motion_of_slices_is_a_note_and_slices_that_are_not_sure_a_warning() -> None:
    stacks = three()
    report = fuse(stacks, load_prior(), spacing=6.0, method="kriging", motion="slice").details
    for one, stack in zip(report.stacks, stacks):
        assert len(one.slices) == stack.data.shape[stack.slice_axis] and len(one.slices[0]) == 6
        assert any(note.startswith(f"stack {one.number}: ") and "slices" in note for note in report.notes)
        assert bool(one.unsure) == any(f"stack {one.number}: the motion of" in text for text in report.warnings)
