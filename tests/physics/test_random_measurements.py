# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of random measurements: the generator alone decides, nothing leaves the stated range, every kind comes up."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_strainer.physics import AcquisitionDistribution, GaussianNoise, Identity, NoiseModel, RicianNoise, Separable

SIDE = 96
DRAWS = 400


@pytest.fixture(scope="module")
def draws() -> list[tuple[Separable, NoiseModel]]:
    rng = np.random.default_rng(0)
    return [AcquisitionDistribution().draw(SIDE, rng) for _ in range(DRAWS)]


def factors(operator: Separable) -> tuple[float, ...]:
    return tuple(n / m for n, m in zip(operator.shape_in, operator.shape_out))


@given(st.integers(0, 10_000), st.sampled_from([16, 48, 96]))
@settings(max_examples=25, deadline=None)
def test_the_same_generator_draws_the_same_measurement(seed: int, side: int) -> None:
    np.random.seed(seed)  # noqa: NPY002
    one, two = (AcquisitionDistribution().draw(side, np.random.default_rng(seed)) for _ in range(2))
    assert type(one[1]) is type(two[1]) and torch.equal(one[1].sigma, two[1].sigma)
    assert one[0].shape_in == two[0].shape_in == (side, side)
    for a, b in zip(one[0].matrices, two[0].matrices):
        assert a is b is None or (a is not None and b is not None and torch.equal(a, b))


def test_factors_stay_within_the_stated_range(draws: list[tuple[Separable, NoiseModel]]) -> None:
    found = [f for operator, _ in draws for f in factors(operator)]
    assert min(found) == 1 and 5.5 < max(found) <= 6


@pytest.mark.parametrize("greatest", [2.0, 4.0])
def test_no_factor_is_greater_than_asked_for(greatest: float) -> None:
    rng, measurements = np.random.default_rng(1), AcquisitionDistribution(factor=greatest, whole=0.0)
    found = [f for _ in range(100) for f in factors(measurements.draw(SIDE, rng)[0])]
    assert 0.9 * greatest < max(found) <= greatest * 1.02  # voxels are whole


def test_noise_levels_stay_within_the_stated_range(draws: list[tuple[Separable, NoiseModel]]) -> None:
    for kind, most in ((RicianNoise, 0.12), (GaussianNoise, 0.2)):
        found = [float(noise.sigma) for _, noise in draws if isinstance(noise, kind)]
        assert min(found) >= 0 and 0.8 * most < max(found) <= most


def test_noise_levels_follow_the_range_asked_for() -> None:
    rng, measurements = np.random.default_rng(1), AcquisitionDistribution(rician=0.04, gaussian=0.06)
    for _ in range(100):
        _, noise = measurements.draw(16, rng)
        assert float(noise.sigma) <= (0.06 if isinstance(noise, GaussianNoise) else 0.04)


def test_every_kind_comes_up(draws: list[tuple[Separable, NoiseModel]]) -> None:
    operators = [operator for operator, _ in draws]
    touched = [tuple(m is not None for m in operator.matrices) for operator in operators]
    assert set(touched) == {(False, False), (True, False), (False, True), (True, True)}
    both = [factors(operator) for operator, kind in zip(operators, touched) if kind == (True, True)]
    assert any(a == b for a, b in both) and any(a != b for a, b in both)
    rows = [row for row in (_middle(operator) for operator in operators) if row is not None]
    assert any(bool((row < -1e-3).any()) for row in rows)  # cut-off k-space
    assert any(len(row.unique()) <= 2 for row in rows)  # boxes
    widths = [float(1 / row.square().sum()) for row in rows]
    assert min(widths) < 1.5 and max(widths) > 5
    assert any(isinstance(noise, GaussianNoise) for _, noise in draws)


def _middle(operator: Separable) -> torch.Tensor | None:
    """The profile of a voxel in the middle, of the first axis that is touched."""
    return next((m[len(m) // 2] for m in operator.matrices if m is not None), None)


def test_fractions_are_those_asked_for(draws: list[tuple[Separable, NoiseModel]]) -> None:
    whole = np.mean([isinstance(operator, Identity) for operator, _ in draws])
    across = np.mean([sum(m is not None for m in operator.matrices) == 1 for operator, _ in draws])
    assert whole == pytest.approx(0.4, abs=0.08) and across == pytest.approx(0.3, abs=0.08)


def test_thick_slices_have_the_noise_of_magnitudes(draws: list[tuple[Separable, NoiseModel]]) -> None:
    assert all(isinstance(noise, RicianNoise) for operator, noise in draws if not isinstance(operator, Identity))


def test_every_measurement_of_a_constant_is_that_constant(draws: list[tuple[Separable, NoiseModel]]) -> None:
    for operator, _ in draws[:60]:
        torch.testing.assert_close(
            operator.A(torch.ones(SIDE, SIDE)), torch.ones(operator.shape_out), atol=1e-5, rtol=0
        )
