# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Slices that are empty beside full ones are missing and count nowhere; where an object ends, they are air."""

from __future__ import annotations

import numpy as np
import pytest
from phantoms import rmse
from scipy import ndimage
from stacks import GRID, cut, phantom

from monai_strainer import Volume, load_prior
from monai_strainer.fusing.fuse import fuse
from monai_strainer.restoring.missing_slices import missing_slices

STILL = [0.0] * 6


def without(stack: Volume, lost: slice) -> Volume:
    """The same stack with slices of zeros."""
    data = stack.data.copy()
    np.moveaxis(data, stack.slice_axis, 0)[lost] = 0
    return Volume(data, stack.grid, slice_axis=stack.slice_axis)


@pytest.fixture(scope="module")
def stacks() -> list[Volume]:
    return [cut(phantom(), axis, 4, STILL) for axis in (2, 1, 0)]


@pytest.mark.parametrize("lost", [slice(0, 6), slice(6, None), slice(0, 12, 2), slice(5, 6)])
def test_lost_slices_are_found(stacks: list[Volume], lost: slice) -> None:
    assert missing_slices(without(stacks[1], lost)) == tuple(range(12))[lost]


def test_slices_beyond_a_stripped_object_are_not_missing() -> None:
    whole = phantom()
    low = Volume(whole, GRID, slice_axis=1)
    assert (np.ptp(np.moveaxis(whole, 1, 0).reshape(48, -1), axis=1) == 0).any()
    assert missing_slices(low) == ()


@pytest.mark.parametrize("method", ["kriging", "mean", "network"])
def test_a_stack_without_every_second_slice_is_better_than_none_and_a_note(stacks: list[Volume], method: str) -> None:
    truth = phantom()
    inside = ndimage.binary_erosion(truth > 0, iterations=2)
    broken = [stacks[0], without(stacks[1], slice(0, 12, 2)), stacks[2]]
    two, found = (fuse(some, load_prior(), spacing=2.0, method=method, align=False) for some in (stacks[::2], broken))
    held = np.repeat(np.arange(12) % 2 == 1, 4)
    for planes in (slice(None), held):  # of all, and of those that the stack still shows
        assert rmse(found.volume.data[:, planes], truth[:, planes], inside[:, planes]) < rmse(
            two.volume.data[:, planes], truth[:, planes], inside[:, planes]
        )
    assert "stack 2: 6 of 12 slices are empty beside full ones, and do not count" in found.details.notes


def test_in_lost_slices_the_mean_is_that_of_the_other_stacks(stacks: list[Volume]) -> None:
    broken = [stacks[0], without(stacks[1], slice(0, 12, 2)), stacks[2]]
    two, found = (
        fuse(some, load_prior(), spacing=2.0, method="mean", align=False).volume.data for some in (stacks[::2], broken)
    )
    lost = np.repeat(np.arange(12) % 2 == 0, 4)
    np.testing.assert_allclose(found[:, lost], two[:, lost], rtol=1e-5, atol=1e-3)
    assert np.abs(found - two)[:, ~lost].max() > 10
