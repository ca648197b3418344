# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What experiments measure without truth agrees with the truth where there is one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from experiments.without_truth import (
    MIX,
    air_noise,
    bright,
    edge_correlation,
    flat_tissue,
    high_pass,
    recorrupted_risk,
)
from monai_strainer.fitting import recorrupted
from monai_strainer.physics import RicianNoise

SIGMA = 5.0


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    """(4, 128, 128): an object of three intensities with sharp borders in air."""
    rows, columns = np.indices((128, 128)) - 63.5
    radius = np.hypot(rows, columns)
    image = np.select([radius < 20, radius < 36, radius < 50], [300.0, 200.0, 100.0], 0.0)
    return np.repeat(image[None].astype(np.float32), 4, 0)


@pytest.fixture(scope="module")
def noisy(truth: np.ndarray) -> np.ndarray:
    real, imaginary = (SIGMA * np.random.default_rng(k).standard_normal(truth.shape) for k in (0, 1))
    return np.hypot(truth + real, imaginary).astype(np.float32)


def smoothed(image: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(image, (0, 0.7, 0.7))


def test_the_risk_is_the_mean_squared_error(truth: np.ndarray, noisy: np.ndarray) -> None:
    judged = truth > 0
    moved = recorrupted(torch.from_numpy(noisy), RicianNoise(SIGMA), torch.Generator().manual_seed(0), MIX)[0]
    error = np.square(smoothed(moved.numpy()) - truth)[judged].mean() / (SIGMA**2 * (1 + MIX**2))
    assert recorrupted_risk(smoothed, noisy, SIGMA, judged) == pytest.approx(error, rel=0.05)


def test_the_risk_of_the_truth_is_0_and_that_of_the_data_1(truth: np.ndarray, noisy: np.ndarray) -> None:
    level = np.full(noisy.shape, SIGMA, np.float32)
    assert recorrupted_risk(lambda y: truth, noisy, SIGMA, truth > 0) == pytest.approx(0, abs=0.1)
    assert recorrupted_risk(lambda y: y, noisy, level, truth > 0) == pytest.approx(1, abs=0.1)


def test_noise_has_no_edges_and_a_blur_has(truth: np.ndarray, noisy: np.ndarray) -> None:
    judged = bright(noisy, SIGMA, truth > 0)
    none, some = (edge_correlation(noisy, result, judged) for result in (truth, smoothed(smoothed(noisy))))
    assert none is not None and abs(none) < 0.05
    assert some is not None and some > 0.3
    assert edge_correlation(noisy, noisy, judged) is None


def test_flat_tissue_lies_within_one_intensity(truth: np.ndarray, noisy: np.ndarray) -> None:
    flat = flat_tissue(noisy, truth > 0)
    found = [np.unique(truth[where]).tolist() for where in flat.values()]
    assert list(flat) == ["dark", "middle", "bright"] and found == [[100.0], [200.0], [300.0]]


def test_the_high_pass_deviation_of_flat_tissue_is_that_of_the_noise(truth: np.ndarray, noisy: np.ndarray) -> None:
    for where in flat_tissue(noisy, truth > 0).values():
        assert high_pass(noisy, where) == pytest.approx(SIGMA, rel=0.1)
        assert high_pass(truth, where) == 0


@pytest.mark.parametrize(("width", "shared"), [(0.0, 0.0), (0.7, 0.6)])
def test_the_air_has_the_level_and_the_correlation_of_the_noise(truth: np.ndarray, width: float, shared: float) -> None:
    noise = np.random.default_rng(2).standard_normal((2, *truth.shape))
    noise = ndimage.gaussian_filter(noise, (0, 0, width, width)) if width else noise
    noise *= SIGMA / noise.std()
    found = air_noise(np.hypot(truth + noise[0], noise[1]).astype(np.float32), truth > 0)
    assert found is not None
    assert found[0] == pytest.approx(SIGMA, rel=0.05)
    assert found[1] == pytest.approx(shared, abs=0.1)


def test_air_that_was_cut_away_is_not_measured(truth: np.ndarray, noisy: np.ndarray) -> None:
    assert air_noise(np.where(truth > 0, noisy, 0), truth > 0) is None
