# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Metrics: known values, what must not change them, agreement with scikit-image, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_strainer.errors import InputError
from monai_strainer.metrics import coverage, psnr, ssim, whiteness

few = settings(deadline=None, max_examples=20)


def pair(seed: int = 0, shape: tuple[int, ...] = (2, 24, 20)) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    truth = draw.random(shape)
    return truth + 0.1 * draw.normal(size=shape), truth


@few
@given(error=st.floats(1e-3, 10), data_range=st.floats(0.1, 1e4))
def test_psnr_of_a_constant_error_is_its_ratio_to_the_range(error: float, data_range: float) -> None:
    assert psnr(np.full(9, error), np.zeros(9), data_range=data_range) == pytest.approx(
        20 * np.log10(data_range / error)
    )


@few
@given(seed=st.integers(0, 99), unit=st.floats(1e-3, 1e4))
def test_the_unit_of_intensity_does_not_matter(seed: int, unit: float) -> None:
    image, truth = pair(seed)
    for metric in (psnr, ssim):
        assert metric(unit * image, unit * truth, data_range=unit) == pytest.approx(
            metric(image, truth, data_range=1), rel=1e-6
        )


def test_half_the_error_is_six_decibels() -> None:
    image, truth = pair()
    gain = psnr((image + truth) / 2, truth, data_range=1) - psnr(image, truth, data_range=1)
    assert gain == pytest.approx(20 * np.log10(2))


def test_the_same_image_is_perfect() -> None:
    _, truth = pair()
    assert psnr(truth, truth, data_range=1) == np.inf
    assert ssim(truth, truth, data_range=1) == pytest.approx(1)
    assert coverage(truth, truth, np.zeros_like(truth)) == 1


def test_what_lies_outside_the_mask_does_not_count() -> None:
    image, truth = pair()
    mask = np.zeros(truth.shape, bool)
    mask[:, :10] = True
    degraded = np.where(mask, image, 99)
    assert psnr(degraded, truth, data_range=1, mask=mask) == psnr(image, truth, data_range=1, mask=mask)
    assert coverage(degraded, truth, 0 * truth + 0.1, mask=mask) == coverage(image, truth, 0 * truth + 0.1, mask=mask)
    inner = mask.copy()
    inner[:, 5:] = False  # windows reach five pixels beyond
    assert ssim(degraded, truth, data_range=1, mask=inner) == pytest.approx(
        ssim(image, truth, data_range=1, mask=inner)
    )


def test_a_full_mask_is_no_mask() -> None:
    image, truth = pair()
    assert psnr(image, truth, data_range=1, mask=truth == truth) == psnr(image, truth, data_range=1)


def test_ssim_of_a_stack_is_the_mean_of_its_slices() -> None:
    image, truth = pair()
    alone = [ssim(a, b, data_range=1) for a, b in zip(image, truth)]
    assert ssim(image, truth, data_range=1) == pytest.approx(np.mean(alone))


def test_ssim_is_symmetric_and_falls_with_noise() -> None:
    image, truth = pair()
    assert ssim(image, truth, data_range=1) == pytest.approx(ssim(truth, image, data_range=1))
    worse = truth + 3 * (image - truth)
    assert ssim(worse, truth, data_range=1) < ssim(image, truth, data_range=1) < 1


def test_agrees_with_scikit_image() -> None:
    peers = pytest.importorskip("skimage.metrics", reason="scikit-image is not installed")
    image, truth = pair(shape=(32, 40))
    assert psnr(image, truth, data_range=1.3) == pytest.approx(
        peers.peak_signal_noise_ratio(truth, image, data_range=1.3)
    )
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.3}
    mean, values = peers.structural_similarity(truth, image, full=True, **options)
    assert ssim(image, truth, data_range=1.3) == pytest.approx(mean, abs=1e-9)
    mask = truth > 0.5
    assert ssim(image, truth, data_range=1.3, mask=mask) == pytest.approx(values[mask].mean(), abs=1e-9)


@pytest.mark.parametrize("fraction", [0.5, 0.9, 0.99])
def test_calibrated_error_bars_cover_their_fraction(fraction: float) -> None:
    draw = np.random.default_rng(1)
    std = 0.1 + draw.random(40_000)
    assert coverage(std * draw.normal(size=std.size), 0 * std, std, fraction) == pytest.approx(fraction, abs=0.01)


def test_short_error_bars_cover_less() -> None:
    image, truth = pair()
    bars = np.full(truth.shape, 0.1)
    assert coverage(image, truth, bars / 2) < coverage(image, truth, bars) < coverage(image, truth, 2 * bars)


def test_white_noise_is_white_and_smooth_noise_is_not() -> None:
    from scipy import ndimage

    noise = np.random.default_rng(2).normal(size=(3, 64, 64))
    assert abs(whiteness(noise)) < 4 / np.sqrt(2 * noise.size)
    assert whiteness(ndimage.gaussian_filter(noise, (0, 1.5, 1.5))) > 0.7
    assert whiteness(5 * noise + 7) == pytest.approx(whiteness(noise))


def test_whiteness_looks_inside_the_mask_alone() -> None:
    noise = np.random.default_rng(3).normal(size=(48, 48))
    mask = np.zeros(noise.shape, bool)
    mask[:, :32] = True
    assert whiteness(np.where(mask, noise, 50), mask) == pytest.approx(whiteness(noise[:, :32]))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: psnr(np.ones(3), np.ones(4), data_range=1), "to be compared"),
        (lambda: psnr(np.ones(3), np.zeros(3), data_range=0), "data range"),
        (lambda: psnr(np.ones(3), np.zeros(3), data_range=1, mask=np.zeros(3)), "mask is empty"),
        (lambda: psnr(np.ones(3), np.zeros(3), data_range=1, mask=np.ones(4)), "mask is"),
        (lambda: ssim(np.ones((9, 30)), np.ones((9, 30)), data_range=1), "smaller than the window"),
        (lambda: coverage([0.0], [0.0], [1.0], fraction=90), "fraction"),
        (lambda: coverage([0.0], [0.0], [-1.0]), "standard deviation"),
        (lambda: whiteness(np.ones((4, 4))), "constant"),
        (lambda: whiteness(np.ones(4)), "rows and columns"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=words):
        call()
