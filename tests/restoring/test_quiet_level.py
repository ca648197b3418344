# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the level of the quietest windows: an upper limit that neither anatomy nor units nor darkness move."""

from __future__ import annotations

import math

import numpy as np
import pytest
from phantoms import body_part, rician
from scipy import ndimage

from monai_strainer.restoring.quiet_level import quiet_level


def slices(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(image, -1, 0), np.float32)


@pytest.mark.parametrize("sigma", [8.0, 40.0])
def test_anatomy_and_dark_background_move_it_little(sigma: float) -> None:
    truth, _ = body_part()
    found = quiet_level(slices(rician(truth, sigma)), is_magnitude=True)
    assert 0.7 * sigma < found < 1.1 * sigma


@pytest.mark.parametrize("bright", [0.0, 3.0, 100.0])
def test_a_magnitude_scatters_less_where_it_is_dark_and_the_level_is_the_same(bright: float) -> None:
    noisy = rician(np.full((96, 96, 3), 10 * bright), 10.0)
    assert quiet_level(slices(noisy), is_magnitude=True) == pytest.approx(9.0, rel=0.12)


def test_filtered_noise_is_read_nearly_in_full() -> None:
    """Neighbours that share noise leave fewer values in a window, and the quietest lie lower."""
    parts = np.random.default_rng(0).standard_normal((2, 4, 96, 96))
    parts = ndimage.gaussian_filter(parts, (0, 0, 0.64, 0.64))
    parts *= 20 / parts.std()
    found = quiet_level(np.hypot(500 + parts[0], parts[1]).astype(np.float32), is_magnitude=True)
    assert 0.55 * 20 < found < 20


def test_the_unit_is_that_of_the_slices() -> None:
    truth, _ = body_part()
    noisy = slices(rician(truth, 24))
    assert quiet_level(1e-4 * noisy, True) == pytest.approx(1e-4 * quiet_level(noisy, True), rel=1e-4)


def test_windows_without_noise_do_not_count() -> None:
    """A background of zeros or of a constant is no quiet tissue."""
    truth, inside = body_part()
    noisy = rician(truth, 24)
    for background in (0.0, 50.0):
        assert quiet_level(slices(np.where(inside, noisy, background)), True) > 0.7 * 24


def test_too_few_windows_give_no_number() -> None:
    assert math.isnan(quiet_level(np.zeros((3, 64, 64), np.float32), True))
    assert math.isnan(quiet_level(np.ones((3, 5, 64), np.float32), True))
