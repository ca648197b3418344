# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of backgrounds: what was cut away stays as it was, and values below zero are seen for what they are."""

from __future__ import annotations

import numpy as np
import pytest

from monai_strainer.restoring.background import constant_background, is_signed, nearest


def ball(n: int = 24) -> np.ndarray:
    place = np.indices((n, n, n)) - (n - 1) / 2
    return (place**2).sum(0) < (n / 3) ** 2


def noisy(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (500 + 20 * rng.standard_normal((24, 24, 24))).astype(np.float32)


@pytest.mark.parametrize("value", [0.0, -2000.0, -1.0, 32767.0])
def test_a_constant_background_is_found_with_its_value(value: float) -> None:
    found = constant_background(np.where(ball(), noisy(), np.float32(value)))
    assert found is not None and found.value == value and (found.mask == ~ball()).all()


def test_noisy_air_is_no_background() -> None:
    rng = np.random.default_rng(0)
    air = np.hypot(*(8 * rng.standard_normal((2, 24, 24, 24)))).astype(np.float32)
    assert constant_background(np.where(ball(), noisy(), air)) is None


def test_zeros_here_and_there_are_no_background() -> None:
    scattered = np.random.default_rng(1).random((24, 24, 24)) < 0.1
    assert constant_background(np.where(scattered, np.float32(0), noisy())) is None


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_background_comes_back_on_any_grid(factor: int) -> None:
    found = constant_background(np.where(ball(), noisy(), np.float32(0)))
    assert found is not None
    fine = np.full([factor * 24] * 3, 7.0, np.float32)
    kept = found.keep(fine)
    assert ((kept == 0) == np.kron(~ball(), np.ones([factor] * 3, bool)).astype(bool)).all()
    assert (kept[kept != 0] == 7).all()


@pytest.mark.parametrize(
    "data",
    [
        np.where(ball(), (noisy() - 500) / 20, 0),  # z-scores in a stripped head
        2 * noisy() / noisy().max() - 1 - 1.2 * ~ball(),  # scaled to [-1, 1]
        np.where(ball(), noisy() - 460, -1000),  # CT
        np.random.default_rng(0).uniform(-np.pi, np.pi, (24, 24, 24)),  # phase
    ],
)
def test_values_below_zero_are_signed(data: np.ndarray) -> None:
    data = data.astype(np.float32)
    assert is_signed(data, constant_background(data))


@pytest.mark.parametrize(
    "data",
    [
        noisy(),
        np.where(ball(), noisy(), -2000),  # padding
        np.where(ball(), noisy(), np.random.default_rng(0).normal(0, 1, (24, 24, 24))),  # overshoot of a resampling
    ],
)
def test_padding_and_overshoot_are_not(data: np.ndarray) -> None:
    data = data.astype(np.float32)
    assert not is_signed(data, constant_background(data))


def test_nearest_is_the_identity_on_its_own_grid() -> None:
    assert (nearest(ball(), (24, 24, 24)) == ball()).all()
