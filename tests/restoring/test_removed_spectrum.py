# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the spectrum of what a network takes off: flat for white noise, and falling for filtered noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from phantoms import body_part as anatomy
from phantoms import body_volume as volume
from scipy import ndimage

from monai_strainer import load_prior
from monai_strainer.physics import RicianNoise
from monai_strainer.restoring.removed_spectrum import removed, spectrum_fall


def noise(width: float, size: int = 96) -> np.ndarray:
    """White noise after a Gaussian filter of a full width at half maximum, in voxels."""
    white = np.random.default_rng(2).standard_normal((3, size, size)).astype(np.float32)
    return ndimage.gaussian_filter(white, (0, width / 2.355, width / 2.355)) if width else white


def test_the_wider_a_filter_the_more_the_spectrum_falls() -> None:
    inside = np.ones((3, 96, 96), bool)
    falls = [spectrum_fall(noise(width), inside) for width in (0.0, 1.0, 1.2, 1.5)]
    assert falls == sorted(falls, reverse=True)
    assert falls[0] == pytest.approx(1, abs=0.05) and falls[2] == pytest.approx(0.66, abs=0.05) and falls[3] < 0.45


@pytest.mark.parametrize("gain", [1e-3, 250.0])
def test_units_and_slopes_do_not_count(gain: float) -> None:
    inside, image = np.ones((3, 96, 96), bool), noise(1.2)
    rise = np.linspace(0, 20, 96, dtype=np.float32)
    slope = rise[:, None] * rise  # along both axes: it has amplitude along diagonals
    assert spectrum_fall(gain * (image + 5), inside) == pytest.approx(spectrum_fall(image, inside), rel=1e-3)
    assert spectrum_fall(image + slope, inside) == pytest.approx(spectrum_fall(image, inside), rel=0.03)


def test_too_few_patches_give_no_number() -> None:
    inside = np.zeros((3, 96, 96), bool)
    inside[:, :32, :16] = True  # two patches in each of three slices
    assert math.isnan(spectrum_fall(noise(0.0), inside))


def test_what_is_taken_off_a_scan_tells_white_noise_from_filtered_noise() -> None:
    truth, inside = anatomy()
    general = load_prior().general
    assert general is not None
    sigma, falls = 32.0, []
    for width in (0.0, 1.5):
        blur = (width / 2.355, width / 2.355, 0)
        parts = np.random.default_rng(3).standard_normal((2, *truth.shape))
        real, imaginary, image = (ndimage.gaussian_filter(one, blur) if width else one for one in (*parts, truth))
        level = sigma / np.std(real)
        scan = volume(np.hypot(image + level * real, level * imaginary).astype(np.float32))
        falls.append(spectrum_fall(*removed(general.detail, scan, inside, 800.0, RicianNoise(sigma / 800))))
    assert falls[0] > 0.85 and falls[1] < 0.55
