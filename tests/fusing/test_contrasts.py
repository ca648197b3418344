# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of a restoration with other contrasts: sharper than alone, no leak, not used where it does not help."""

from __future__ import annotations

import numpy as np
import pytest
from phantoms import rmse
from scipy import ndimage
from stacks import GRID, cut

from monai_strainer import Grid, InputError, Prior, Volume, load_prior, restore
from monai_strainer.fusing.contrasts import RestoredWith, restore_with, sharpen
from monai_strainer.physics import rigid_matrix
from monai_strainer.restoring.restore import Restored

FACTORS = (1, 1, 4)


def tissues() -> np.ndarray:
    """0 outside, and three tissues with a folded border."""
    field = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(GRID.shape), 3.0)
    index = (np.indices(GRID.shape) - 23.5) / 23.5
    body = np.sqrt((index[0] / 0.8) ** 2 + (index[1] / 0.9) ** 2 + (index[2] / 0.95) ** 2) < 1
    return np.where(body, 1 + np.digitize(field, np.quantile(field, [0.3, 0.7])), 0)


def shown(values: tuple[float, ...]) -> np.ndarray:
    """A contrast of the tissues."""
    return ndimage.gaussian_filter(np.array(values, np.float32)[tissues()], 0.6)


TRUTH = shown((0, 300, 500, 700))


def other() -> np.ndarray:
    """The same anatomy in a contrast where another tissue is the brightest."""
    return shown((0, 900, 400, 650))


def lesion(radius: float, centre: tuple[int, int, int]) -> np.ndarray:
    """A ball of 1 with a soft edge."""
    index = np.indices(GRID.shape)
    distance = np.sqrt(sum((index[k] - centre[k]) ** 2 for k in range(3)))
    return np.clip(radius + 0.5 - distance, 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def prior() -> Prior:
    return load_prior()


@pytest.fixture(scope="module")
def slices() -> Volume:
    return cut(TRUTH, 2, 4, (0.0,) * 6)


@pytest.fixture(scope="module")
def alone(slices: Volume, prior: Prior) -> Restored:
    return restore(slices, prior, FACTORS)


@pytest.fixture(scope="module")
def found(slices: Volume, alone: Restored, prior: Prior) -> RestoredWith:
    return sharpen(slices, alone, [Volume(other(), GRID)], prior, align=False)


def thick(image: np.ndarray) -> np.ndarray:
    return image.reshape(48, 48, 12, 4).mean(-1)


def test_it_is_nearer_to_the_truth_than_the_scan_alone(found: RestoredWith, alone: Restored) -> None:
    inside = tissues() > 0
    assert found.details.used and found.details.agreement > 0.2
    assert rmse(found.volume.data, TRUTH, inside) < 0.95 * rmse(alone.volume.data, TRUTH, inside)
    assert found.details.error_with < 0.98 * found.details.error_without


def test_no_voxel_moves_far_or_below_zero(found: RestoredWith, alone: Restored) -> None:
    assert found.volume.data.min() >= 0
    assert (np.abs(found.volume.data - alone.volume.data) <= 1.5 * alone.std + 0.1).all()


def test_the_bars_are_narrower_where_the_contrast_counts_and_still_hold_the_truth(
    found: RestoredWith, alone: Restored
) -> None:
    inside = tissues() > 0
    trusted = inside & (np.repeat(found.trust, 4, 2) > 0.9)
    ratio = found.details.error_with / found.details.error_without
    assert (found.std <= alone.std).all()
    assert np.median(found.std[trusted] / alone.std[trusted]) == pytest.approx(ratio, abs=0.03)
    for where in (inside, trusted):
        assert (np.abs(found.volume.data - TRUTH) < 1.645 * found.std)[where].mean() > 0.88


def test_the_averages_of_slices_and_the_background_stay(found: RestoredWith, alone: Restored) -> None:
    background = alone.volume.data == 0
    assert (found.volume.data[background] == 0).all()
    inside = ~background.reshape(48, 48, 12, 4).any(-1)
    assert np.abs(thick(found.volume.data) - thick(alone.volume.data))[inside].max() < 1  # of about 600


@pytest.mark.parametrize("centre", [(24, 24, 24), (16, 27, 22)])
def test_a_lesion_of_the_other_contrast_does_not_appear(
    slices: Volume, alone: Restored, prior: Prior, centre: tuple[int, int, int]
) -> None:
    step = 300 * lesion(4.0, centre)
    bright, dark = (
        sharpen(slices, alone, [Volume((other() + sign * step).clip(0), GRID)], prior, align=False) for sign in (1, -1)
    )
    assert bright.details.used and dark.details.used
    ghost = float((bright.volume.data - dark.volume.data)[step > 150].mean()) / (2 * 300)
    assert abs(ghost) < 0.01


def test_a_lesion_of_the_scan_alone_stays(prior: Prior) -> None:
    step = 300 * lesion(4.0, (24, 24, 24))
    ill = cut(TRUTH + step, 2, 4, (0.0,) * 6)
    alone = restore(ill, prior, FACTORS)
    out = sharpen(ill, alone, [Volume(other(), GRID)], prior, align=False)
    there = step > 150
    seen = [float((one - TRUTH)[there].mean()) / 300 for one in (alone.volume.data, out.volume.data)]
    assert seen[1] > seen[0] - 0.02


def test_a_contrast_that_shows_another_object_changes_next_to_nothing(
    slices: Volume, alone: Restored, prior: Prior
) -> None:
    wrong = sharpen(slices, alone, [Volume(other()[::-1].copy(), GRID)], prior, align=False)
    inside = tissues() > 0
    assert rmse(wrong.volume.data, TRUTH, inside) < 1.01 * rmse(alone.volume.data, TRUTH, inside)


def test_a_contrast_without_structure_is_not_used(slices: Volume, alone: Restored, prior: Prior) -> None:
    flat = np.random.default_rng(0).uniform(500, 501, GRID.shape).astype(np.float32)
    out = sharpen(slices, alone, [Volume(flat, GRID)], prior, align=False)
    assert not out.details.used and "or less is needed" in out.details.warnings[0]
    assert np.allclose(out.volume.data, alone.volume.data, rtol=1e-5)


def test_a_wrong_position_is_found(slices: Volume, alone: Restored, prior: Prior) -> None:
    motion = np.array([2.0, -1.0, 1.5, 2.0, -3.0, 2.5])
    moved = Grid(GRID.shape, rigid_matrix(motion, GRID.corners().mean(0)) @ GRID.affine)
    (one,) = sharpen(slices, alone, [Volume(other(), moved)], prior).details.guides
    assert one.moved and np.allclose(one.shift, -motion[3:], atol=1.0)


def test_a_thick_contrast_is_restored_first_and_still_helps(slices: Volume, alone: Restored, prior: Prior) -> None:
    sagittal = cut(other(), 0, 3, (0.0,) * 6)
    out = sharpen(slices, alone, [sagittal], prior, align=False)
    inside = tissues() > 0
    assert out.details.guides[0].restored
    assert rmse(out.volume.data, TRUTH, inside) < rmse(alone.volume.data, TRUTH, inside)


FAR = Grid(GRID.shape, GRID.affine + np.array([[0, 0, 0, 500.0], *[[0.0] * 4] * 3]))


@pytest.mark.parametrize(
    ("guides", "said"),
    [
        ([], "no other contrast was given"),
        ([Volume(other(), FAR)], "does not overlap"),
        ([Volume(other() - 900, GRID)], "values below zero"),
    ],
)
def test_what_cannot_help_is_refused(
    slices: Volume, alone: Restored, prior: Prior, guides: list[Volume], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        sharpen(slices, alone, guides, prior)


def test_a_scan_that_is_only_denoised_is_refused(slices: Volume, prior: Prior) -> None:
    with pytest.raises(InputError, match="no axis is refined"):
        restore_with(slices, [Volume(other(), GRID)], prior, 1)


def test_an_unknown_option_is_refused(slices: Volume, prior: Prior) -> None:
    with pytest.raises(InputError, match="there is no option sigmma"):
        restore_with(slices, [Volume(other(), GRID)], prior, FACTORS, sigmma=3)
