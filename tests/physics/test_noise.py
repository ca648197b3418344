# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Noise models: their moments, their likelihoods, and how well their level is read off one scan."""

from __future__ import annotations

import pytest
import torch
from scipy import stats
from torch import Tensor

from monai_strainer.errors import InputError
from monai_strainer.physics import GaussianNoise, NoiseModel, NoncentralChiNoise, RicianNoise

FOUR = NoncentralChiNoise.of("4")
MODELS = [GaussianNoise, RicianNoise, FOUR]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def phantom(slices: int = 6, height: int = 128, width: int = 112) -> Tensor:
    """(S, H, W) brains of smooth ellipses on exact zeros: folded white matter, grey rim, dark ventricles; largest 1."""
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    radius, angle = torch.hypot(rows / 0.85, columns / 0.75), torch.atan2(rows, columns)
    images = []
    for k in range(slices):
        white = torch.sigmoid((0.72 + 0.06 * torch.cos((9 + k) * angle) - radius) / 0.015)
        ventricle = torch.sigmoid((0.22 - torch.hypot(rows, (columns.abs() - 0.15) * 2.2)) / 0.015)
        tissue = ((0.55 + 0.35 * white) * (1 - ventricle) + 0.15 * ventricle) * (1 + 0.05 * rows)
        images.append(tissue * (radius < 0.97))
    stack = torch.stack(images)
    return stack / stack.max()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("shape", [(), (4, 1, 1), (50, 40)])
def test_samples_repeat_with_the_seed_and_take_maps(model: type[NoiseModel], shape: tuple[int, ...]) -> None:
    noise, x = model(torch.full(shape, 0.1)), torch.rand(4, 50, 40, generator=seeded(1))
    assert torch.equal(noise.sample(x, seeded()), noise.sample(x, seeded()))
    assert noise.sample(x, seeded()).shape == x.shape
    assert not torch.equal(noise.sample(x, seeded()), noise.sample(x, seeded(1)))


def test_a_map_sets_the_level_of_every_voxel() -> None:
    levels = torch.tensor([0.0, 1.0, 5.0])
    y = GaussianNoise(levels).sample(torch.zeros(40000, 3), seeded())
    torch.testing.assert_close(y.std(0), levels, rtol=0.02, atol=1e-6)


@pytest.mark.parametrize("signal", [0.0, 0.5, 3.0])
def test_rician_samples_have_the_distribution(signal: float) -> None:
    y = RicianNoise(0.5).sample(torch.full((5000,), signal), seeded())
    assert stats.kstest(y.numpy(), stats.rice(signal / 0.5, scale=0.5).cdf).pvalue > 0.01
    assert float(y.square().mean()) == pytest.approx(signal**2 + 2 * 0.5**2, rel=0.05)


@pytest.mark.parametrize("sigma", [0.02, 0.5])
def test_likelihoods_are_those_of_the_distributions(sigma: float) -> None:
    x = torch.linspace(0.01, 1.5, 40, dtype=torch.float64)
    y = torch.full_like(x, 0.6)
    for model, law in (
        (GaussianNoise, stats.norm(x.numpy(), sigma)),
        (RicianNoise, stats.rice(x.numpy() / sigma, scale=sigma)),
    ):
        ours, exact = model(sigma).negative_log_likelihood(x, y), torch.from_numpy(-law.logpdf(y.numpy()))
        keep = exact.isfinite()  # scipy overflows far from the mode
        difference = (ours - exact)[keep]
        torch.testing.assert_close(difference, difference[:1].expand_as(difference), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("sigma", [0.0, 1e-4, 1.0, 1e3])
def test_likelihoods_and_gradients_are_finite_everywhere(model: type[NoiseModel], sigma: float) -> None:
    values = torch.tensor([0.0, 1e-6, 0.3, 1.0, 4000.0])
    x, y = (v.flatten().clone() for v in torch.meshgrid(values, values, indexing="ij"))
    loss = model(sigma).negative_log_likelihood(x.requires_grad_(), y)
    loss.sum().backward()
    assert loss.isfinite().all() and x.grad is not None and x.grad.isfinite().all()


@pytest.mark.parametrize("model", MODELS)
def test_gradients_are_those_of_finite_differences(model: type[NoiseModel]) -> None:
    x = torch.tensor([0.02, 0.3, 1.0, 2.0], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([0.5, 0.0, 1.1, 0.2], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda v: model(0.2).negative_log_likelihood(v, y), (x,))


def test_a_negative_prediction_is_led_back_by_the_rician_likelihood() -> None:
    x = torch.tensor([-0.2, -1.0], requires_grad=True)
    RicianNoise(0.1).negative_log_likelihood(x, torch.tensor([0.5, 0.0])).sum().backward()
    assert x.grad is not None and (x.grad < 0).all()


def test_rician_likelihood_is_gaussian_far_above_the_noise() -> None:
    x, y = torch.full((5,), 1.0, dtype=torch.float64), torch.linspace(0.98, 1.02, 5, dtype=torch.float64)
    rician = torch.func.grad(lambda v: RicianNoise(0.01).negative_log_likelihood(v, y).sum())(x)
    gaussian = torch.func.grad(lambda v: GaussianNoise(0.01).negative_log_likelihood(v, y).sum())(x)
    torch.testing.assert_close(rician, gaussian, atol=1.0, rtol=0)  # next to 200 at the ends


@pytest.mark.parametrize(("ratio", "left"), [(0.0, 0.78), (1.0, 0.15), (1.5, 0.03), (3.0, 0.03), (10.0, 0.03)])
def test_debiasing_takes_the_rician_bias_off(ratio: float, left: float) -> None:
    noise = RicianNoise(1.0)
    y = noise.sample(torch.full((200_000,), ratio), seeded())
    assert abs(float(noise.debias(y).mean()) - ratio) < left
    assert float(noise.debias(y).mean()) < float(y.mean())


def test_gaussian_data_have_no_bias_to_take_off() -> None:
    y = torch.randn(5, generator=seeded())
    assert torch.equal(GaussianNoise(1.0).debias(y), y)


@pytest.mark.parametrize("level", [0.01, 0.03, 0.05, 0.09])
@pytest.mark.parametrize("background", ["air", "zeros"])
@pytest.mark.parametrize("model", MODELS)
def test_the_level_of_a_phantom_is_found(model: type[NoiseModel], background: str, level: float) -> None:
    for seed in range(3):
        x = phantom()
        y = model(level).sample(x, seeded(seed))
        y = y * (x > 0) if background == "zeros" else y
        found = model.estimate(y)
        assert isinstance(found, model)
        assert float(found.sigma) == pytest.approx(model.measure(y).sigma)
        assert float(found.sigma) == pytest.approx(level, rel=0.15)


@pytest.mark.parametrize("model", MODELS)
def test_one_slice_is_enough_for_an_estimate(model: type[NoiseModel]) -> None:
    x = phantom(slices=1)[0]
    assert float(model.estimate(model(0.05).sample(x, seeded())).sigma) == pytest.approx(0.05, rel=0.2)


@pytest.mark.parametrize("sigma", [-0.1, float("nan"), torch.tensor([0.1, -0.1])], ids=str)
@pytest.mark.parametrize("model", MODELS)
def test_a_level_below_zero_is_refused(model: type[NoiseModel], sigma: float | Tensor) -> None:
    with pytest.raises(InputError, match="noise level"):
        model(sigma)


@pytest.mark.parametrize("model", MODELS)
def test_a_map_of_another_shape_is_refused(model: type[NoiseModel]) -> None:
    with pytest.raises(InputError, match=r"\(3, 3\).*\(4, 4\)"):
        model(torch.ones(3, 3)).sample(torch.zeros(4, 4), seeded())


@pytest.mark.parametrize("model", MODELS)
def test_data_of_another_shape_are_refused(model: type[NoiseModel]) -> None:
    with pytest.raises(InputError, match=r"\(3, 3\).*\(4, 4\)"):
        model(1.0).negative_log_likelihood(torch.zeros(3, 3), torch.zeros(4, 4))


@pytest.mark.parametrize("model", MODELS)
def test_a_scan_that_is_not_finite_is_refused(model: type[NoiseModel]) -> None:
    with pytest.raises(InputError, match="not finite"):
        model.estimate(torch.full((4, 4), float("nan")))


@pytest.mark.parametrize("model", MODELS)
def test_a_scan_without_slices_is_refused(model: type[NoiseModel]) -> None:
    with pytest.raises(InputError, match=r"\(4,\)"):
        model.estimate(torch.ones(4))
