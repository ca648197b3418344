# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A detail network with one output is the network with two: same weights, same image, same deviation."""

from __future__ import annotations

import pytest
import torch

from monai_strainer.networks import DetailChannels, DetailPrior
from monai_strainer.networks.detail import CONDITIONS

SIZES = {"channels": (8, 8), "blocks": 1, "features": 0, "equivariant": True}


@pytest.fixture
def pair() -> tuple[DetailChannels, DetailPrior]:
    torch.manual_seed(0)
    one, two = DetailChannels(**SIZES).eval(), DetailPrior(**SIZES).eval()
    with torch.no_grad():
        for weight in one.parameters():
            weight.normal_(std=0.1)
    two.load_state_dict(one.state_dict())
    return one, two


@torch.no_grad()
def test_the_channels_are_the_image_and_its_deviation(pair: tuple[DetailChannels, DetailPrior]) -> None:
    one, two = pair
    image, conditions = torch.rand(2, 7, 16, 24), torch.rand(2, CONDITIONS)
    mean, log_std = two(image, conditions)
    assert torch.equal(one(image, conditions), torch.cat([mean, log_std.exp()], dim=1))


@torch.no_grad()
def test_without_conditions_noise_is_rician_and_slices_are_near(
    pair: tuple[DetailChannels, DetailPrior],
) -> None:
    one, two = pair
    image, conditions = torch.rand(1, 7, 16, 16), torch.zeros(1, CONDITIONS)
    conditions[:, 8:] = 1
    assert torch.equal(one(image)[:, :1], two(image, conditions)[0])
    conditions[:, 9] = 0
    assert not torch.equal(one(image)[:, :1], two(image, conditions)[0])
