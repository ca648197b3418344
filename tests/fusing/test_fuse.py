# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of fusion: better than the best single stack, in the place and units of the first, and safe input checks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from phantoms import rmse
from scipy import ndimage
from stacks import GRID, MOTIONS, phantom, three

from monai_strainer import Grid, InputError, Prior, Volume, load_prior
from monai_strainer.fusing import Fused, fuse


@pytest.fixture(scope="module")
def prior() -> Prior:
    return load_prior()


@pytest.fixture(scope="module")
def fused(prior: Prior) -> Fused:
    return fuse(three(gains=(1.0, 1.3, 0.8)), prior, spacing=2.0, method="kriging")


def interpolated(one: Volume) -> np.ndarray:
    """The first stack on the grid of the truth, by cubic splines."""
    matrix = np.linalg.inv(one.grid.affine) @ GRID.affine
    return ndimage.affine_transform(
        one.data, matrix[:3, :3], matrix[:3, 3], output_shape=GRID.shape, order=3, mode="nearest"
    )


def test_kriging_of_three_stacks_is_better_than_the_best_interpolation(fused: Fused) -> None:
    truth = phantom()
    alone = rmse(interpolated(three()[0]), truth, truth > 0)
    assert fused.volume.grid.shape == GRID.shape
    assert rmse(fused.volume.data, truth, truth > 0) < 0.6 * alone


def test_the_result_lies_on_the_axes_and_has_the_units_of_the_first_stack(fused: Fused) -> None:
    truth = phantom()
    assert np.allclose(fused.volume.grid.affine, GRID.affine)
    ratio = fused.volume.data[truth > 400].mean() / truth[truth > 400].mean()
    assert ratio == pytest.approx(1.0, abs=0.02)
    assert (fused.volume.data >= 0).all()


def test_the_report_says_where_the_stacks_lie_and_what_they_have_in_common(fused: Fused) -> None:
    for one, motion, gain in zip(fused.details.stacks, MOTIONS, (1.0, 1.3, 0.8)):
        assert np.allclose(one.shift, motion[3:], atol=0.1) and np.allclose(one.rotation, motion[:3], atol=0.8)
        assert one.gain == pytest.approx(gain, rel=0.03)
        assert one.converged and one.common > 0.7
    assert fused.details.as_dict()["stacks"][1]["gain"] == fused.details.stacks[1].gain


def test_the_bars_hold_most_of_the_truth(fused: Fused) -> None:
    truth = phantom()
    inside = ndimage.binary_erosion(truth > 0, iterations=2)
    held = np.abs(fused.volume.data - truth)[inside] < 1.645 * fused.std[inside]
    assert 0.8 < held.mean() < 0.99


def test_stacks_that_are_not_aligned_lie_as_their_headers_say(prior: Prior) -> None:
    found = fuse(three(), prior, spacing=4.0, method="kriging", align=False)
    assert all(one.rotation == one.shift == (0.0, 0.0, 0.0) for one in found.details.stacks)


def test_zeros_around_a_stripped_object_stay(prior: Prior) -> None:
    empty = phantom() == 0
    stacks = []
    for one in three():
        thick = one.data.shape[one.slice_axis]
        low = np.moveaxis(np.moveaxis(empty, one.slice_axis, 0).reshape(thick, 3, 48, 48).all(1), 0, one.slice_axis)
        stacks.append(Volume(np.where(low, 0, one.data), one.grid, slice_axis=one.slice_axis))
    found = fuse(stacks, prior, spacing=2.0, method="kriging")
    corners = found.volume.data[:6, :6, :6]
    assert (corners == 0).all()


FAR = Grid(GRID.shape, GRID.affine + np.array([[0, 0, 0, 500.0], *[[0.0] * 4] * 3]))


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (lambda some: some[:1], {}, "1 stack cannot be fused"),
        (lambda some: [some[0], Volume(phantom(), FAR)], {}, "0 % of its field of view in common"),
        (lambda some: [some[0], Volume(some[1].data - 700, some[1].grid)], {}, "values below zero"),
        (lambda some: some, {"spacing": -1.0}, "not above 0"),
        (lambda some: some, {"spacing": 0.01}, "make a volume of"),
        (lambda some: some, {"method": "magic"}, "there is no method 'magic'"),
        (lambda some: some, {"scale": 2}, "there is no option 'scale'"),
    ],
)
def test_what_cannot_be_fused_is_refused(prior: Prior, change: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        fuse(change(three()), prior, **options)
