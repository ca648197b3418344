# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the risk estimate: it equals the true error in the mean, and a network that harms is set aside."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from monai_strainer.restoring.risk import check_risk, mean_risk

SHAPE = (4, 96, 96)
SIGMA = 0.1


def context(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = ndimage.gaussian_filter(rng.standard_normal(SHAPE), (1, 2, 2)).astype(np.float32) * 4
    return truth, (truth + SIGMA * rng.standard_normal(SHAPE)).astype(np.float32)


def smoothed(width: float, y: np.ndarray, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """A linear filter and its divergence, read by a random change."""
    change = np.random.default_rng(seed).standard_normal(SHAPE).astype(np.float32)

    def run(x: np.ndarray) -> np.ndarray:
        return ndimage.gaussian_filter(x, (0, width, width)).astype(np.float32)

    return run(y), change * (run(y + 1e-2 * change) - run(y)) / 1e-2


INSIDE = np.ones(SHAPE, bool)


@pytest.mark.parametrize("width", [0.3, 0.8, 2.0, 5.0])
def test_the_estimate_is_the_true_error(width: float) -> None:
    truth, y = context()
    image, slope = smoothed(width, y)
    true = float(np.square(image - truth).mean())
    assert mean_risk(image, y, SIGMA**2, slope, INSIDE) == pytest.approx(true, rel=0.08, abs=0.05 * SIGMA**2)


def test_a_filter_that_harms_is_mixed_with_the_data() -> None:
    truth, y = context()
    image, slope = smoothed(6.0, y)
    found = check_risk(image, np.full(SHAPE, 0.02, np.float32), y, SIGMA**2, slope, INSIDE)
    before, after, given = (float(np.square(x - truth).mean()) for x in (image, found.image, y))
    assert before > given and after < 1.01 * given
    assert found.weight.mean() < 0.5


def test_a_good_filter_is_left_alone() -> None:
    _, y = context()
    image, slope = smoothed(0.8, y)
    found = check_risk(image, np.full(SHAPE, 0.1, np.float32), y, SIGMA**2, slope, INSIDE)
    assert found.weight.mean() > 0.97
    assert np.abs(found.image - image).max() < 0.25 * SIGMA


def test_only_the_harmed_half_is_set_aside() -> None:
    _, y = context()
    good, slope_good = smoothed(0.8, y)
    bad, slope_bad = smoothed(6.0, y)
    left = np.arange(SHAPE[2]) < 48
    image, slope = np.where(left, good, bad), np.where(left, slope_good, slope_bad)
    found = check_risk(image, np.full(SHAPE, 0.1, np.float32), y, SIGMA**2, slope, INSIDE)
    assert found.weight[:, :, :24].mean() > 0.95 > 0.6 > found.weight[:, :, 72:].mean()


def test_the_local_estimate_is_the_true_error_of_each_half() -> None:
    truth, y = context()
    (good, slope_good), (bad, slope_bad) = smoothed(0.8, y), smoothed(2.0, y)
    left, inside = np.arange(SHAPE[2]) < 48, INSIDE.copy()
    inside[:, :8] = False
    image, slope = np.where(left, good, bad), np.where(left, slope_good, slope_bad)
    found = check_risk(image, np.full(SHAPE, 0.1, np.float32), y, SIGMA**2, slope, inside)
    for part in (np.s_[:, 20:76, :30], np.s_[:, 20:76, 66:]):
        true = float(np.square(found.image - truth)[part].mean() / np.square(y - truth)[part].mean()) ** 0.5
        assert found.relative_error[part].mean() == pytest.approx(true, rel=0.15)
    assert not found.relative_error[:, :8].any() and found.relative_error[inside].min() > 0


def test_deviations_grow_to_the_error_and_never_shrink() -> None:
    truth, y = context()
    image, slope = smoothed(0.8, y)
    true = float(np.square(image - truth).mean()) ** 0.5
    small, large = (np.full(SHAPE, value, np.float32) for value in (0.5 * true, 4 * true))
    wider = check_risk(image, small, y, SIGMA**2, slope, INSIDE)
    kept = check_risk(image, large, y, SIGMA**2, slope, INSIDE)
    assert 0.75 * true < np.sqrt(np.square(wider.std).mean()) < 1.4 * true
    assert (kept.std >= 0.99 * large * kept.weight).all()


def test_outside_the_object_nothing_changes() -> None:
    _, y = context()
    image, slope = smoothed(6.0, y)
    inside = np.zeros(SHAPE, bool)
    found = check_risk(image, np.full(SHAPE, 0.02, np.float32), y, SIGMA**2, slope, inside)
    assert (found.weight == 1).all() and np.array_equal(found.image, y + (image - y))


def test_what_was_not_read_is_left_out_of_the_mean() -> None:
    _, y = context()
    image, slope = smoothed(0.8, y)
    some = slope.copy()
    some[:, ::2] = np.nan
    std = np.full(SHAPE, 0.05, np.float32)
    whole, part = (check_risk(image, std, y, SIGMA**2, part, INSIDE) for part in (slope, some))
    assert part.risk == pytest.approx(whole.risk, abs=0.05 * SIGMA**2)
    np.testing.assert_allclose(part.weight, whole.weight, atol=0.1)
    assert np.isfinite(part.image).all() and np.isfinite(part.std).all()
