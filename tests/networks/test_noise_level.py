# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the noise level network: right about noise before any training, in every unit, whatever was cut away."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from monai_strainer.networks.noise_level import NoiseLevelNet


def network() -> NoiseLevelNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return NoiseLevelNet(channels=8, layers=3).eval()


def noise(sigma: float = 1.0) -> Tensor:
    return 10 + sigma * torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def level(patch: Tensor) -> list[float]:
    return network()(patch)[0].exp().tolist()


def test_an_untrained_network_is_right_about_pure_noise() -> None:
    assert level(noise()) == pytest.approx([1.0, 1.0], rel=0.06)


@pytest.mark.parametrize("gain", [1e-3, 7.0, 1e4])
def test_the_level_follows_the_unit(gain: float) -> None:
    assert level(gain * noise()) == pytest.approx([gain * value for value in level(noise())], rel=1e-3)


def test_background_that_was_cut_away_counts_for_nothing() -> None:
    cut = noise() - 10
    cut[..., 40:] = 0
    assert level(cut) == pytest.approx(level(cut[..., :40]), rel=0.03)


def test_a_patch_without_anything_stays_finite() -> None:
    assert all(map(math.isfinite, network()(torch.zeros(1, 1, 8, 8))[0].tolist()))
