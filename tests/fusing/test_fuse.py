# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of fusion: better than the best single stack, in the place and units of the first, and safe input checks."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from phantoms import rmse
from scipy import ndimage
from stacks import GRID, MOTIONS, SHAPE, cut, cut_moved, interleaved, phantom, three, with_gaps, zero_filled

from benchmarks.stacks import placed
from monai_strainer import Grid, InputError, Prior, Volume, load_prior
from monai_strainer.fusing.fuse import Fused, _deviation, fuse
from monai_strainer.fusing.placing import target_of
from monai_strainer.physics import rigid_matrix


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


@pytest.mark.parametrize("method", ["kriging", "auto"])
def test_a_result_of_wider_voxels_is_better_than_the_average_of_the_stacks(prior: Prior, method: str) -> None:
    found = fuse(three(), prior, spacing=4.0, method=method)

    def wider(image: np.ndarray) -> np.ndarray:
        return image.reshape(24, 2, 24, 2, 24, 2).mean((1, 3, 5))

    lying = [placed(one, one, tuple(q), GRID) for one, q in zip(three(), MOTIONS)]
    truth, average = wider(phantom()), wider(np.mean(lying, axis=0))
    inside = ndimage.binary_erosion(truth > 0, iterations=2)
    assert found.volume.grid.shape == truth.shape
    assert rmse(found.volume.data, truth, inside) < 0.6 * rmse(average, truth, inside)
    assert not any("residual" in word for word in found.details.warnings)
    assert (np.abs(found.volume.data - truth) < 1.645 * found.std)[inside].mean() > 0.8


def test_the_deviation_of_wider_voxels_falls_with_their_number_unless_the_stacks_disagree() -> None:
    left = torch.randn(48, 48, 48, generator=torch.Generator().manual_seed(0))
    target = target_of(GRID, 4.0, None, 6.0, finest=2.0)
    alone, shared = (float(_deviation(left, target, disagree).mean()) for disagree in (False, True))
    assert alone == pytest.approx(8**-0.5, rel=0.1) and shared == pytest.approx(1.0, rel=0.1)


def test_a_single_slice_counts_where_its_header_says(prior: Prior) -> None:
    first, second, third = (cut(phantom(), axis, 3, MOTIONS[0]) for axis in (2, 1, 0))
    data, grid = second.data[:, 7:8], second.grid.part((0, 7, 0), (48, 1, 48))
    alone = Volume(np.ascontiguousarray(data), grid, slice_axis=1)
    found = fuse([first, alone, third], prior, spacing=2.0, method="network", align=False)
    assert rmse(found.volume.data, phantom(), phantom() > 0) < rmse(interpolated(first), phantom(), phantom() > 0)


def test_what_is_unusual_about_the_file_of_a_stack_is_a_warning(prior: Prior) -> None:
    stacks = three()
    stacks[1] = replace(stacks[1], source=SimpleNamespace(findings=("position is guessed",)))
    found = fuse(stacks, prior, spacing=4.0, method="kriging", align=False)
    assert "stack 2: position is guessed" in found.details.warnings


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


@pytest.fixture(scope="module")
def still() -> list[Volume]:
    """Three stacks that have not moved, so that nothing need be aligned."""
    return [cut(phantom(), axis, 3, [0.0] * 6) for axis in (2, 1, 0)]


@pytest.fixture(scope="module")
def straight(prior: Prior, still: list[Volume]) -> Fused:
    return fuse(still, prior, spacing=2.0, method="kriging", align=False)


def test_the_mean_of_the_stacks_is_that_of_their_splines(prior: Prior, still: list[Volume], straight: Fused) -> None:
    found = fuse(still, prior, spacing=2.0, method="mean", align=False)
    inside = ndimage.binary_erosion(phantom() > 0, iterations=2)
    expected = np.mean([interpolated(one) for one in still], axis=0)
    assert rmse(found.volume.data, expected, inside) < 4.0  # noise is 8
    assert found.details.method == "mean" and {one.prior for one in found.details.stacks} == {"none"}
    assert (found.std[inside] > 0).all()
    assert rmse(straight.volume.data, phantom(), inside) < 0.7 * rmse(found.volume.data, phantom(), inside)


TURNED = np.array([[0, -1, 0, 47], [0, 0, 1, 0], [-1, 0, 0, 47], [0, 0, 0, 1]])  # array axes swapped and reversed


def test_the_result_lies_on_the_grid_of_another_image_of_any_orientation(
    prior: Prior, still: list[Volume], straight: Fused
) -> None:
    like = Grid(SHAPE, GRID.affine @ TURNED)
    found = fuse(still, prior, like=like, method="kriging", align=False)
    assert found.volume.grid is like and found.details.spacing == (2.0, 2.0, 2.0)
    at = TURNED[:3, :3] @ np.indices(SHAPE).reshape(3, -1) + TURNED[:3, 3:]
    swapped = straight.volume.data[tuple(at.astype(int))].reshape(SHAPE)
    assert rmse(found.volume.data, swapped, swapped > 0) < 2.0  # noise is 8


def test_a_thick_voxel_of_another_image_is_the_mean_over_its_extent(
    prior: Prior, still: list[Volume], straight: Fused
) -> None:
    turn = rigid_matrix([0, 0, 10, 1, 0, 0], [0, 0, 0])
    thick = Grid(SHAPE, turn @ GRID.affine).resize((48, 48, 12))
    found = fuse(still, prior, like=thick, method="kriging", align=False).volume.data
    matrix = np.linalg.inv(GRID.affine) @ turn @ GRID.affine
    fine = ndimage.affine_transform(straight.volume.data, matrix[:3, :3], matrix[:3, 3], order=3)
    mean = fine.reshape(48, 48, 12, 4).mean(3)
    assert rmse(found, mean, mean > 100) < 6.0


def test_a_grid_that_the_stacks_cover_in_part_is_zero_elsewhere_and_says_so(prior: Prior, still: list[Volume]) -> None:
    affine = GRID.affine.copy()
    affine[0, 3] += 60.0  # mm: the last 18 of 48 voxels still lie in the stacks
    found = fuse(still, prior, like=Grid(SHAPE, affine), method="kriging", align=False)
    assert (found.volume.data[20:] == 0).all() and (found.std[20:] == 0).all() and found.volume.data[:16].max() > 300
    assert any("lies outside all stacks" in text for text in found.details.warnings) and found.details.seen < 0.5


@pytest.mark.parametrize("end", ["not measured", "lost"])
def test_what_the_first_stack_does_not_show_comes_from_the_others(prior: Prior, end: str) -> None:
    first, *others = three(4)
    data = first.data[:, :, :6] if end == "not measured" else np.where(np.arange(12) < 6, first.data, 0)
    first = replace(first, data=data, grid=Grid((48, 48, data.shape[2]), first.grid.affine))
    found, truth = fuse([first, *others], prior, like=GRID, method="kriging"), phantom()
    inside = ndimage.binary_erosion(truth > 50, iterations=3)
    beyond = inside & (np.arange(48) >= 24)
    assert rmse(found.volume.data, truth, beyond) < 1.6 * rmse(found.volume.data, truth, inside & ~beyond)
    assert (1.645 * found.std >= np.abs(found.volume.data - truth))[beyond].mean() > 0.85


def test_zero_filled_stacks_are_fused_on_their_acquired_grid(
    prior: Prior, still: list[Volume], straight: Fused
) -> None:
    found = fuse([zero_filled(one, 80) for one in still], prior, spacing=2.0, method="kriging", align=False)
    truth = phantom()
    assert rmse(found.volume.data, truth, truth > 0) < 1.2 * rmse(straight.volume.data, truth, truth > 0)
    for one, note in zip(found.details.stacks, found.details.notes, strict=True):
        assert one.sigma == pytest.approx(8.0, rel=0.15)  # on the given grid it reads 0.6
        assert one.misfit < 2 and f"stack {one.number}: zero-filled: " in note


def test_gaps_between_slices_are_filled_by_the_other_stacks_and_the_bars_know_of_them(prior: Prior) -> None:
    stacks = [with_gaps(axis) for axis in (2, 1, 0)]
    found = fuse(stacks, prior, spacing=2.0, method="kriging", align=False)
    inside = ndimage.binary_erosion(phantom() > 0, iterations=2)
    mean = np.mean([interpolated(one) for one in stacks], axis=0)
    assert rmse(found.volume.data, phantom(), inside) < 0.8 * rmse(mean, phantom(), inside)
    held = np.abs(found.volume.data - phantom())[inside] < 1.645 * found.std[inside]
    assert 0.8 < held.mean() < 0.99
    unstated = [replace(one, thickness=None) for one in stacks]
    stated = fuse(unstated, prior, spacing=2.0, method="kriging", align=False, thickness=2.0)
    assert np.array_equal(stated.volume.data, found.volume.data)


def test_a_prior_without_a_network_fuses_by_the_data_alone() -> None:
    with pytest.raises(InputError, match="no network that restores"):
        fuse(three(), Prior.cold(), spacing=4.0)
    assert fuse(three()[:2], Prior.cold(), spacing=4.0, method="kriging", align=False).details.method == "kriging"


def test_slices_that_moved_are_found_and_make_the_result_better(prior: Prior) -> None:
    motions = interleaved(12, seed=1)
    stacks = [cut_moved(axis, motions if axis == 1 else np.zeros((12, 6))) for axis in (2, 1, 0)]
    whole, found = (fuse(stacks, prior, spacing=2.0, method="kriging", motion=by) for by in ("stack", "slice"))
    truth = phantom()
    assert rmse(found.volume.data, truth, truth > 0) < 0.85 * rmse(whole.volume.data, truth, truth > 0)
    one, place = found.details.stacks[1], stacks[1].grid
    bulk = rigid_matrix([*one.rotation, *one.shift], place.corners().mean(0))
    centres = [place.affine @ [(SHAPE[0] - 1) / 2, k, (SHAPE[2] - 1) / 2, 1] for k in range(12)]
    moved = [bulk[:3, :3] @ (c[:3] + own[3:]) + bulk[:3, 3] - c[:3] for c, own in zip(centres, one.slices)]
    errors = np.abs(np.array(moved) - motions[:, 3:])[2:-2]  # the slices at the ends show little
    assert errors.mean() < 0.3 < np.abs(motions[1::2, 3:]).mean()
    assert any("stack 2: " in note and "slices have moved" in note for note in found.details.notes)


def one_slice(stack: Volume) -> Volume:
    """The middle slice of the second stack."""
    affine = stack.grid.affine.copy()
    affine[:3, 3] += 8 * affine[:3, 1]
    return Volume(stack.data[:, 8:9], Grid((48, 1, 48), affine), slice_axis=1)


def noise() -> np.ndarray:
    """Noise in the shape of the second stack."""
    return np.abs(np.random.default_rng(0).normal(1, 0.3, (48, 16, 48)))


FAR = Grid(GRID.shape, GRID.affine + np.array([[0, 0, 0, 500.0], *[[0.0] * 4] * 3]))


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (lambda some: some[:1], {}, "1 stack cannot be fused"),
        (lambda some: [some[0], Volume(phantom(), FAR)], {}, "0 % of its field of view in common"),
        (lambda some: [some[0], Volume(some[1].data - 700, some[1].grid)], {}, "values below zero"),
        (
            lambda some: [some[0], Volume(np.where(some[1].data > 700, np.nan, some[1].data), some[1].grid)],
            {},
            "stack 2: the scan holds values that are not finite",
        ),
        (
            lambda some: [some[0], one_slice(some[1])],
            {"spacing": 4.0},
            "stack 2 is a single slice, which cannot be aligned",
        ),
        (
            lambda some: [some[0], Volume(300 * noise(), some[1].grid, slice_axis=1)],
            {"spacing": 4.0},
            "stack 2: what the two show has a correlation of",
        ),
        (lambda some: some, {"spacing": -1.0}, "not above 0"),
        (lambda some: some, {"thickness": 0.0}, "is not above 0"),
        (lambda some: some, {"spacing": 0.01}, "make a volume of"),
        (lambda some: some, {"like": FAR}, "lies outside the stacks"),
        (lambda some: some, {"like": GRID, "spacing": 2.0}, "Give one of them"),
        (lambda some: some, {"profile": "kspace"}, "there is no profile 'kspace'"),
        (lambda some: some, {"method": "magic"}, "there is no method 'magic'"),
        (lambda some: some, {"scale": 2}, "there is no option scale"),
    ],
)
def test_what_cannot_be_fused_is_refused(prior: Prior, change: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        fuse(change(three()), prior, **options)
