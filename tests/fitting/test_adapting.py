# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the adaptation: it learns from noise alone, the same seed gives the same bytes, small scans get few steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from phantoms import slice_images
from torch import Tensor

from monai_strainer.fitting import ADAPTATION, Stack, adapt, amortise, recorrupted, steps_for
from monai_strainer.fitting.adapting import _loss, _rate
from monai_strainer.networks import DetailPrior
from monai_strainer.physics import GaussianNoise, Identity, Measurement, NoiseModel, RicianNoise

SHAPE = (4, 40, 48)


def network() -> DetailPrior:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return DetailPrior(channels=(8, 8), blocks=1, features=0, equivariant=True).eval()


def noisy(noise: NoiseModel) -> tuple[Tensor, Tensor]:
    clean = slice_images(*SHAPE)
    return clean, noise.sample(clean, torch.Generator().manual_seed(1))


def error(detail: DetailPrior, clean: Tensor, y: Tensor, noise: NoiseModel) -> float:
    found = amortise(detail, Measurement(Identity(SHAPE[1:]), y, noise))
    inside = clean > 0.05
    return float((found.images - clean)[inside].square().mean())


@pytest.mark.parametrize("noise", [RicianNoise(0.1), GaussianNoise(0.1)])
def test_a_network_that_knows_nothing_learns_to_denoise_from_the_noisy_scan_alone(noise: NoiseModel) -> None:
    clean, y = noisy(noise)
    stack = Stack(y, noise, clean > 0.05, 1.0)
    before = network()
    after = adapt(before, [stack], replace(ADAPTATION, steps=60, side=32, rate=1e-2, passes=1e3))
    assert error(after, clean, y, noise) < 0.7 * error(before, clean, y, noise)


def test_the_network_that_is_given_is_not_changed_and_the_same_seed_gives_the_same_bytes() -> None:
    clean, y = noisy(RicianNoise(0.1))
    stack, before = Stack(y, RicianNoise(0.1), clean > 0.05, 1.0), network()
    kept = [weight.clone() for weight in before.parameters()]
    recipe = replace(ADAPTATION, steps=3, side=32)
    one, two, other = (adapt(before, [stack], recipe, seed=seed) for seed in (4, 4, 5))
    assert all(torch.equal(a, b) for a, b in zip(kept, before.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters()))
    assert not all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters()))


def test_input_and_target_have_uncorrelated_noise_and_the_target_is_unbiased() -> None:
    """A network that gives the input back has the loss of both noises added: no noise is shared."""
    mix, sigma = 0.8, 0.05
    y = GaussianNoise(sigma).sample(torch.full((4, 64, 64), 0.7), torch.Generator().manual_seed(2))
    stack = Stack(y, GaussianNoise(sigma), torch.ones_like(y, dtype=torch.bool), 1.0)
    same = network()
    torch.nn.init.zeros_(same.tail.weight)  # mean = the slice in the middle
    recipe = replace(ADAPTATION, mixing=(mix, mix), patches=40)
    loss = _loss(same, same, stack, recipe, np.random.default_rng(0), torch.Generator().manual_seed(3)).item()
    # input - target = sigma n (mix + 1 / mix): fresh noise alone, in units of the input's sigma sqrt(1 + mix^2)
    assert loss == pytest.approx((mix + 1 / mix) ** 2 / (1 + mix**2), rel=0.02)


def test_steps_follow_the_size_of_the_object_and_a_scan_too_small_for_a_patch_gets_none() -> None:
    y = torch.rand(8, 64, 64)
    all_of_it = Stack(y, RicianNoise(0.1), y > -1, 1.0)
    half = Stack(y, RicianNoise(0.1), y > y.median(), 1.0)
    assert steps_for([half]) == -(-steps_for([all_of_it]) // 2)
    assert steps_for([all_of_it], replace(ADAPTATION, steps=7)) == 7
    small = Stack(y[:, :10], RicianNoise(0.1), y[:, :10] > -1, 1.0)
    assert steps_for([small]) == 0
    before = network()
    assert all(torch.equal(a, b) for a, b in zip(before.parameters(), adapt(before, [small]).parameters()))


def test_neighbours_that_are_hidden_from_the_network_do_not_matter() -> None:
    clean, y = noisy(RicianNoise(0.1))
    lone, recipe = y[:1].repeat(4, 1, 1), replace(ADAPTATION, steps=2, side=32)
    inside = clean > 0.05
    inside[1:] = False  # only the first slice may be restored
    changed = lone.clone()
    changed[1:] += 0.3
    one, two = (adapt(network(), [Stack(z, RicianNoise(0.1), inside, 0.0)], recipe) for z in (lone, changed))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters()))


def test_a_map_of_equal_levels_is_one_level() -> None:
    clean, y = noisy(RicianNoise(0.1))
    inside, recipe = clean > 0.05, replace(ADAPTATION, steps=2, side=32)
    maps = RicianNoise(torch.full(SHAPE, 0.1))
    one, two = (adapt(network(), [Stack(y, noise, inside, 1.0)], recipe) for noise in (RicianNoise(0.1), maps))
    for a, b in zip(one.parameters(), two.parameters()):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_the_weights_of_the_lowest_risk_are_returned_and_the_risk_may_move_the_network_it_gets() -> None:
    clean, y = noisy(RicianNoise(0.1))
    stack, recipe = Stack(y, RicianNoise(0.1), clean > 0.05, 1.0), replace(ADAPTATION, steps=4, side=32, every=2)
    risks, given = [2.0, 1.0, 1.0], []
    still: list[DetailPrior] = []

    def moving(detail: DetailPrior) -> float:
        given.append(detail.double())  # another type, as another device: both are changed in place
        return risks[len(given) - 1]

    def looking(detail: DetailPrior) -> float:
        still.append(detail)
        return risks[len(still) - 1]

    found, other = (adapt(network(), [stack], recipe, risk=risk) for risk in (moving, looking))
    assert len(given) == 3 and found is given[1] and other is still[1]
    for a, b in zip(found.parameters(), other.parameters()):
        assert torch.equal(a.float(), b)


def test_an_adaptation_ends_where_the_risk_rises() -> None:
    clean, y = noisy(RicianNoise(0.1))
    stack, recipe = Stack(y, RicianNoise(0.1), clean > 0.05, 1.0), replace(ADAPTATION, steps=8, side=32, every=2)
    risks, given, done = [2.0, 1.0, 1.5, 0.5], [], []

    def risk(detail: DetailPrior) -> float:
        given.append(detail)
        return risks[len(given) - 1]

    found = adapt(network(), [stack], recipe, risk=risk, on_step=lambda step, total: done.append((step, total)))
    assert found is given[1] and len(given) == 3
    assert done == [(1, 8), (2, 8), (3, 8), (8, 8)]


def test_the_rate_falls_with_the_square_root_of_the_noise_above_the_usual() -> None:
    y = torch.rand(4, 40, 48)

    def rate(level: float) -> float:
        return _rate([Stack(y, RicianNoise(level), y > 0, 1.0)], ADAPTATION)

    usual = ADAPTATION.usual
    assert rate(usual / 3) == rate(usual) == ADAPTATION.rate
    assert rate(4 * usual) == pytest.approx(ADAPTATION.rate / 2)


@pytest.mark.parametrize("noise", [GaussianNoise(0.05), RicianNoise(0.05)])
def test_recorrupted_images_are_unbiased_and_their_noises_are_uncorrelated(noise: NoiseModel) -> None:
    clean = torch.full((4, 128, 128), 0.6)
    y = noise.sample(clean, torch.Generator().manual_seed(0))
    moved, target = recorrupted(y, noise, torch.Generator().manual_seed(1))
    one, two = (image - clean for image in (type(noise)(0.05 * 2**0.5).debias(moved), target))
    for image in (one, two):
        assert abs(float(image.mean())) < 2e-3
        assert float(image.square().mean()) == pytest.approx(2 * 0.05**2, rel=0.05)
    assert abs(float((one * two).mean())) < 0.03 * 2 * 0.05**2
