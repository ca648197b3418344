# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Stacks are prepared each by itself: its noise, its intensity scale, its slice profile, its number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from stacks import MOTIONS, cut, phantom, three, zero_filled

from benchmarks.odd_scans_kinds import cropped
from monai_strainer import InputError, Profile, Volume, load_prior
from monai_strainer.fitting.stack_registration import Aligned, Stack
from monai_strainer.fusing.options import FuseOptions
from monai_strainer.fusing.stacks import averaged_stack, prepared_stacks
from monai_strainer.restoring import zero_filling


def test_every_stack_has_its_own_noise_and_intensity_scale() -> None:
    given = prepared_stacks(three(gains=(1.0, 2.0, 1.0)), load_prior(), FuseOptions())
    assert [one.number for one in given] == [1, 2, 3]
    assert given[1].scale == pytest.approx(2 * given[0].scale, rel=0.1)
    for one, sigma in zip(given, (8.0, 16.0, 8.0)):
        assert one.stack.sigma * one.scale == pytest.approx(sigma, rel=0.2)
        assert one.low is one.scan and not one.notes
        assert one.stack.profile == Profile("box", 1.0)
    assert float(np.percentile(given[0].stack.y.numpy(), 99)) == pytest.approx(1.0, abs=0.5)


def test_zero_filling_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked, size = [], zero_filling.acquired_size
    monkeypatch.setattr(zero_filling, "acquired_size", lambda *given: looked.append(given) or size(*given))
    given = prepared_stacks([zero_filled(one, 80) for one in three()[:2]], load_prior(), FuseOptions())
    assert all(one.notes for one in given)
    assert len(looked) == 2 * 3  # axes of two stacks


def test_a_single_slice_is_aligned_with_nothing() -> None:
    first, second = three()[:2]
    shape = list(second.grid.shape)
    shape[second.slice_axis] = 1
    slab = np.take(second.data, [0], second.slice_axis)
    slice_ = Volume(slab, second.grid.part((0, 0, 0), shape), slice_axis=second.slice_axis)
    with pytest.raises(InputError, match="stack 2 is a single slice, which cannot be aligned"):
        prepared_stacks([first, slice_], load_prior(), FuseOptions())
    assert len(prepared_stacks([first, slice_], load_prior(), FuseOptions(align=False))) == 2


def corners_emptied(scan: Volume, sigma: float) -> Volume:
    """The same slices with complex noise, whose k-space is an ellipse."""
    image = np.moveaxis(scan.data, scan.slice_axis, 0).astype(float)
    rng = np.random.default_rng(scan.slice_axis)
    drawn = image + sigma * (rng.standard_normal(image.shape) + 1j * rng.standard_normal(image.shape))
    made = np.abs(cropped(drawn, "ellipse")).astype(np.float32)
    return Volume(np.ascontiguousarray(np.moveaxis(made, 0, scan.slice_axis)), scan.grid, slice_axis=scan.slice_axis)


def test_noise_that_the_corners_of_kspace_lack_is_read_whole_and_the_note_says_so() -> None:
    stacks = [corners_emptied(cut(phantom(), axis, 3, MOTIONS[0], 0.0), 30.0) for axis in (2, 1)]
    for one in prepared_stacks(stacks, load_prior(), FuseOptions()):
        assert one.stack.sigma * one.scale == pytest.approx(30.0, rel=0.2)  # of the scan as it is, half of that
        assert [note for note in one.notes if note.startswith(f"stack {one.number}: the corners of k-space are empty")]


def test_single_voxels_are_taken_out_and_do_not_count() -> None:
    first, second = three()[:2]
    data = first.data.copy()
    data[24, 24, 8] = 5 * data.max()
    given = prepared_stacks([replace(first, data=data), second], load_prior(), FuseOptions())
    weights = given[0].stack.weights
    assert weights is not None and float(weights[24, 24, 8]) == 0 and int((weights == 0).sum()) < 20
    assert float(given[0].stack.y[24, 24, 8]) < 2
    assert "single voxels" in given[0].notes[0]


def aligned(stack: Stack) -> Aligned:
    """A stack that lies where its header says."""
    return Aligned(stack, True, (0.0, 0.0), 1.0, 1.0)


def test_voxels_much_finer_than_the_result_are_averaged_and_those_about_as_fine_are_not() -> None:
    given = prepared_stacks(three()[:2], load_prior(), FuseOptions(spacing=4.0))[0]  # 2 x 2 x 6 mm
    one, done = averaged_stack(given, aligned(given.stack), 4.0, "stack")
    assert one.low.grid.shape == one.stack.grid.shape == done.stack.grid.shape == (24, 24, 16)
    assert np.allclose(one.low.grid.extent, given.low.grid.extent)
    assert one.stack.sigma == pytest.approx(given.stack.sigma / 2)
    assert one.notes[-1].startswith("stack 1: voxels of 2 mm are averaged to 4 mm")
    assert float(one.stack.y.mean()) == pytest.approx(float(given.stack.y.mean()), rel=1e-4)
    assert np.allclose(one.low.data, one.stack.y.numpy() * given.scale)
    same, _ = averaged_stack(given, aligned(given.stack), 2.2, "stack")
    assert same is given


def test_slices_are_averaged_where_they_touch_and_do_not_move() -> None:
    given = prepared_stacks(three()[:2], load_prior(), FuseOptions(spacing=12.0))[0]
    gap = replace(given.stack, profile=Profile("box", 0.5))
    for stack, motion, slices in ((given.stack, "stack", 8), (gap, "stack", 16), (given.stack, "slice", 16)):
        _, done = averaged_stack(given, aligned(stack), 12.0, motion)
        assert done.stack.grid.shape == (8, 8, slices)
