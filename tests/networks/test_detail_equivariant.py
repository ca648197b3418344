# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of equivariance: no unit and no offset changes what the network says, by construction."""

from __future__ import annotations

import pytest
import torch

from monai_strainer.fitting import amortise, slice_prediction
from monai_strainer.networks import DetailPrior
from monai_strainer.networks.noise_level import FLOOR, NoiseLevelNet
from monai_strainer.physics import Downsample, GaussianNoise, Identity, Measurement, RicianNoise


@pytest.fixture(scope="module")
def network() -> DetailPrior:
    torch.manual_seed(0)
    net = DetailPrior(channels=(8, 16), blocks=1, features=0, equivariant=True)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return net.eval()


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products in float32, whatever the processor is fast at."""
    monkeypatch.setattr(slice_prediction, "has_bfloat16", lambda device: False)


def slices(seed: int = 0) -> torch.Tensor:
    return torch.rand(3, 16, 20, generator=torch.Generator().manual_seed(seed)) + 0.1


@pytest.mark.parametrize("gain", [1e-3, 0.3, 4.0, 1e5])
@pytest.mark.parametrize("offset", [0.0, -2.0, 50.0])
def test_gaussian_results_follow_gain_and_offset(network: DetailPrior, gain: float, offset: float) -> None:
    y, operator = slices(), Identity((16, 20))
    plain = amortise(network, Measurement(operator, y, GaussianNoise(0.05)))
    moved = amortise(network, Measurement(operator, gain * (y + offset), GaussianNoise(gain * 0.05)))
    assert torch.allclose(moved.images / gain - offset, plain.images, atol=2e-3)
    assert torch.allclose(moved.std / gain, plain.std, rtol=2e-2)


@pytest.mark.parametrize("gain", [1e-3, 0.3, 4.0, 1e5])
def test_rician_results_follow_the_gain(network: DetailPrior, gain: float) -> None:
    y, operator = slices(), Downsample((32, 40), 2)
    plain = amortise(network, Measurement(operator, y, RicianNoise(0.05)), data_step=False)
    moved = amortise(network, Measurement(operator, gain * y, RicianNoise(gain * 0.05)), data_step=False)
    assert torch.allclose(moved.images / gain, plain.images, atol=1e-3)


def test_hidden_neighbours_stay_hidden(network: DetailPrior) -> None:
    y = slices()
    other = torch.stack([y[0] * 3, y[1], y[2] * 0.2])
    one, two = (
        amortise(network, Measurement(Identity((16, 20)), s, GaussianNoise(0.05)), spacing_ratio=0.0, only=slice(1, 2))
        for s in (y, other)
    )
    assert torch.equal(one.images, two.images)


def test_a_constant_slice_stays_finite(network: DetailPrior) -> None:
    found = amortise(network, Measurement(Identity((16, 20)), torch.zeros(3, 16, 20), RicianNoise(0.0)))
    assert torch.isfinite(found.images).all() and torch.isfinite(found.std).all()


@pytest.mark.parametrize("gain", [1e-3, 40.0])
def test_noise_levels_follow_the_gain(gain: float) -> None:
    torch.manual_seed(0)
    net = NoiseLevelNet(channels=8, layers=3)
    image = slices()[:, None]
    one, two = net(image)[0].exp(), net(gain * image)[0].exp()
    assert torch.allclose(two / gain, one, rtol=1e-3) and FLOOR > 0


def test_background_that_was_cut_away_counts_for_nothing() -> None:
    torch.manual_seed(0)
    net = NoiseLevelNet(channels=8, layers=3)
    image = torch.zeros(1, 1, 40, 40)
    image[..., 10:30, 10:30] = 1 + 0.1 * torch.randn(20, 20)
    wide = torch.zeros(1, 1, 80, 80)
    wide[..., 20:60, 20:60] = image
    assert torch.allclose(net(image)[0], net(wide)[0], atol=1e-4)
