# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the tests on the scan itself: no noise is shared by what is restored and what it is compared with."""

from __future__ import annotations

import pytest
import torch
from phantoms import slice_images
from torch import Tensor

from monai_strainer.geometry import MIRRORS
from monai_strainer.networks import DetailPrior
from monai_strainer.physics import GaussianNoise, NoiseModel, Profile, RicianNoise
from monai_strainer.restoring import choice
from monai_strainer.restoring.choice import (
    Candidate,
    Trial,
    coarser_plane,
    coarser_trial,
    noise_trial,
    restored_slices,
    some_slices,
)

BOX, SHAPE = Profile(), (3, 96, 96)


def interpolation() -> Candidate:
    """A network that adds nothing to the interpolated data."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        detail = DetailPrior(channels=(8, 8), blocks=1, features=0, equivariant=True).eval()
    torch.nn.init.zeros_(detail.tail.weight)
    return Candidate("none", detail, None, None, 1.0)


def knowing(scale: float = 0.1) -> Candidate:
    """A network that changes the data."""
    one = interpolation()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        torch.nn.init.normal_(one.detail.tail.weight, std=scale)
    return one


def coarser(y: Tensor, noise: NoiseModel) -> Trial:
    inside = torch.ones(y.shape, dtype=torch.bool)
    found = coarser_trial(interpolation(), BOX, (48, 48), y, noise, inside, [0, 1, 2])
    assert found is not None
    return found


@pytest.mark.parametrize("noise", [GaussianNoise(0.06), RicianNoise(0.06)])
def test_a_coarser_trial_of_noisy_data_estimates_the_error_from_the_clean_image(noise: NoiseModel) -> None:
    """Nothing but noise is to be removed from a flat image: the mean of four voxels has a quarter of its variance."""
    clean = torch.full(SHAPE, 0.6)
    found = coarser(noise.sample(clean, torch.Generator().manual_seed(0)), noise)
    assert 0 < found.plain < 0.5 * 2 * 0.06**2  # kriging smooths further
    assert 0 < found.risk < 0.5 * 2 * 0.06**2


def test_noise_does_not_change_which_of_two_images_a_trial_takes_for_better() -> None:
    """The coarser risk of clean data and that of noisy data differ by the noise that is left, and by no more."""
    clean = slice_images(*SHAPE).clamp_min(0.3)
    noise = GaussianNoise(0.04)
    quiet = coarser(clean, GaussianNoise(0.0))
    noisy = coarser(noise.sample(clean, torch.Generator().manual_seed(0)), noise)
    assert abs(noisy.risk - quiet.risk) < 2 * 0.04**2


def test_steins_risk_of_a_network_that_changes_nothing_is_that_of_the_data() -> None:
    noise = GaussianNoise(0.05)
    y = noise.sample(torch.full(SHAPE, 0.6), torch.Generator().manual_seed(0))
    found = noise_trial(interpolation(), y, noise, torch.ones(SHAPE, dtype=torch.bool), [0, 1, 2])
    assert found.plain == pytest.approx(0.05**2)
    assert found.risk == pytest.approx(0.05**2, rel=0.05)


def test_slices_are_measured_once_more_by_the_factors_of_the_restoration() -> None:
    assert coarser_plane((60, 50, 30), (2.0, 2.0, 1.0), 2) == (2, (30, 25))
    assert coarser_plane((60, 50, 44), (1.0, 1.0, 2.0), 0) == (0, (50, 22))


def test_thick_slices_too_few_for_a_coarser_copy_are_made_coarser_in_their_plane() -> None:
    assert coarser_plane((150, 180, 30), (1.0, 1.0, 5.0), 0) == (2, (150, 36))
    assert coarser_plane((150, 180, 30), (1.0, 1.0, 5.0), 1) == (2, (150, 36))


def test_where_the_factor_leaves_too_little_a_smaller_one_is_tested() -> None:
    assert coarser_plane((40, 60, 8), (4.0, 4.0, 1.0), 2) == (2, (20, 30))
    assert coarser_plane((60, 40, 8), (1.5, 3.0, 1.0), 2) == (2, (40, 20))
    assert coarser_plane((80, 80, 8), (4.0, 4.0, 1.0), 2) == (2, (20, 20))


def test_images_too_small_for_a_coarser_copy_are_not_tested() -> None:
    assert coarser_plane((24, 24, 8), (2.0, 2.0, 1.0), 2) is None
    assert coarser_plane((60, 60, 8), (1.0, 1.0, 5.0), 0) is None


def test_the_slices_to_test_hold_much_of_the_object() -> None:
    inside = torch.zeros(9, 4, 4, dtype=torch.bool)
    inside[2:7] = True
    assert some_slices(inside, 3) == [2, 4, 6]


def test_of_large_slices_fewer_are_tested_but_two() -> None:
    counts = [len(some_slices(torch.ones(9, n, n, dtype=torch.bool))) for n in (40, 256, 300, 512, 700)]
    assert counts == [4, 4, 3, 2, 2]


def test_slices_that_were_restored_once_are_not_restored_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of the slices gives the same trial as the network does, in another part of the object too."""
    noise, one = GaussianNoise(0.05), knowing()
    y = noise.sample(slice_images(*SHAPE), torch.Generator().manual_seed(0))
    inside = y > 0.3
    slow = noise_trial(one, y, noise, inside, [0, 2])
    known = restored_slices(one, y, noise, [0, 2])
    monkeypatch.setattr(choice, "amortise", None)
    assert noise_trial(one, y, noise, inside, [0, 2], known) == slow
    assert noise_trial(one, y, noise, y < 0.3, [0, 2], known) != slow


def test_a_trial_without_mirror_images_ranks_networks_as_one_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    noise, inside = GaussianNoise(0.05), torch.ones(SHAPE, dtype=torch.bool)
    y = noise.sample(slice_images(*SHAPE), torch.Generator().manual_seed(0))
    networks = [interpolation(), *(knowing(scale) for scale in (0.02, 0.3))]
    quick = [noise_trial(one, y, noise, inside, [0, 1]).risk for one in networks]
    monkeypatch.setattr(choice, "MIRRORS", {1: MIRRORS[4]})
    slow = [noise_trial(one, y, noise, inside, [0, 1]).risk for one in networks]
    assert sorted(range(3), key=quick.__getitem__) == sorted(range(3), key=slow.__getitem__)
    assert quick[0] == pytest.approx(slow[0], rel=0.05)
