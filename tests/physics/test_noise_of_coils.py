# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Noise of several coils: its moments, its likelihood, and that one coil is Rician."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from monai_strainer.errors import InputError
from monai_strainer.physics import NoncentralChiNoise, RicianNoise


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("coils", [1, 2, 4, 32])
@pytest.mark.parametrize("signal", [0.0, 1.5, 20.0])
def test_samples_of_coils_have_the_distribution_and_the_power(coils: int, signal: float) -> None:
    sigma = 0.5
    y = NoncentralChiNoise(sigma, coils).sample(torch.full((20_000,), signal, dtype=torch.float64), seeded(1))
    law = stats.ncx2(2 * coils, (signal / sigma) ** 2) if signal else stats.chi2(2 * coils)
    assert stats.kstest((y / sigma).square().numpy(), law.cdf).pvalue > 0.01
    assert float(y.square().mean()) == pytest.approx(signal**2 + 2 * coils * sigma**2, rel=0.02)


@pytest.mark.parametrize("coils", [2, 4, 16, 64])
@pytest.mark.parametrize("sigma", [0.02, 0.5])
def test_the_likelihood_of_coils_is_that_of_the_distribution(coils: int, sigma: float) -> None:
    x = torch.linspace(0.01, 1.5, 40, dtype=torch.float64)
    y = torch.full_like(x, 0.6)
    ours = NoncentralChiNoise(sigma, coils).negative_log_likelihood(x, y)
    exact = torch.from_numpy(-stats.ncx2(2 * coils, (x.numpy() / sigma) ** 2).logpdf((0.6 / sigma) ** 2))
    keep = exact.isfinite()
    difference = (ours - exact)[keep]
    assert int(keep.sum()) > 15
    torch.testing.assert_close(difference, difference[:1].expand_as(difference), rtol=1e-5, atol=1e-6)


def test_one_coil_is_rician_to_the_last_bit() -> None:
    one, rician, x = NoncentralChiNoise(0.3, coils=1), RicianNoise(0.3), torch.rand(40, 30, generator=seeded(1))
    y = rician.sample(x, seeded())
    assert torch.equal(one.sample(x, seeded()), y) and torch.equal(one.debias(y), rician.debias(y))
    assert torch.equal(one.negative_log_likelihood(x, y), rician.negative_log_likelihood(x, y))
    assert one.kind.measure(y) == RicianNoise.measure(y)


@pytest.mark.parametrize("coils", [2, 8, 32])
def test_debiasing_takes_the_bias_of_coils_off(coils: int) -> None:
    noise, x = NoncentralChiNoise(1.0, coils), (2 * coils) ** 0.5
    y = noise.sample(torch.full((100_000,), x), seeded())
    assert abs(float(noise.debias(y).mean()) - x) < 0.1 < 0.5 < float(y.mean()) - x


def test_more_coils_make_a_faint_signal_less_likely() -> None:
    """What one coil takes for signal is noise to eight."""
    x, y = torch.linspace(0, 4, 81, dtype=torch.float64), torch.full((81,), 3.0, dtype=torch.float64)
    best = [int(NoncentralChiNoise(1.0, coils).negative_log_likelihood(x, y).argmin()) for coils in (1, 2, 4, 8)]
    assert best == sorted(best, reverse=True) and best[0] > 0 == best[-1]


def test_the_number_of_coils_stays_with_the_noise() -> None:
    noise = NoncentralChiNoise(torch.rand(6, 8, generator=seeded()), coils=8)
    part = noise.restrict(torch.arange(2), torch.arange(3))
    assert (part.coils, part.sigma.shape) == (8, (2, 3)) and noise.kind is NoncentralChiNoise.of("8")
    assert noise.kind(0.5).coils == 8 and isinstance(noise.kind(0.5), NoncentralChiNoise)


@pytest.mark.parametrize("parameter", ["0", "-1", "2.5", "many", ""])
def test_what_is_no_number_of_coils_is_refused(parameter: str) -> None:
    with pytest.raises(InputError, match="no number of coils"):
        NoncentralChiNoise.of(parameter)
    with pytest.raises(InputError, match="no parameter"):
        RicianNoise.of(parameter)
    with pytest.raises(InputError, match="coils"):
        NoncentralChiNoise(1.0, coils=0)
    with pytest.raises(InputError, match="number of coils is not known"):
        NoncentralChiNoise(1.0)
