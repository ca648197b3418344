# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What is known of a result: deviations of zero-filled scans grow where the noise level is not sure."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from monai_strainer import Grid, Volume, load_prior, restore
from monai_strainer.physics.acquired import fourier_resize
from monai_strainer.restoring.assess import _disagreement, _kept_noise, _uncertainty_of_risk
from monai_strainer.restoring.report import NoiseReading


def prepared(filled: tuple[int, ...], used: float, **record: Any) -> Any:
    level = SimpleNamespace(relative=used / 100, reading=NoiseReading(**record))
    return SimpleNamespace(acquired=SimpleNamespace(filled=filled), intensity_scale=100.0, level=level)


@pytest.mark.parametrize(
    ("filled", "used", "record", "factor"),
    [
        ((0,), 10.0, {"wavelet": 17.0}, 1.7),
        ((0,), 10.0, {"wavelet": 12.0}, 1.0),  # they agree
        ((0,), 10.0, {"wavelet": 90.0}, 2.0),  # fine anatomy: no more than that
        ((), 10.0, {"wavelet": 17.0}, 1.0),  # not zero-filled
        ((0,), 10.0, {}, 1.0),  # the level was given
        ((0,), 0.0, {"wavelet": 17.0}, 1.0),
    ],
)
def test_deviations_grow_by_what_two_estimates_of_the_noise_differ(
    filled: tuple[int, ...], used: float, record: dict[str, float], factor: float
) -> None:
    assert _disagreement(prepared(filled, used, **record)) == pytest.approx(factor)


@pytest.mark.parametrize(
    ("filled", "used", "record", "factor", "kept"),
    [
        ((), 5.0, {"wavelet": 12.0, "is_white": False}, 1, 12.0),
        ((), 10.0, {"wavelet": 12.0, "is_white": False}, 1, 0.0),  # they agree
        ((), 5.0, {"wavelet": 12.0, "is_white": True}, 1, 0.0),
        ((0,), 5.0, {"wavelet": 12.0, "is_white": False}, 1, 0.0),  # see above
        ((), 5.0, {"wavelet": 12.0, "is_white": False}, 2, 0.0),
        ((), 0.1, {"wavelet": 0.2, "is_white": False}, 1, 0.0),  # hardly any
        ((), 5.0, {"estimated": False}, 1, 0.0),  # the level was given
    ],
)
def test_noise_that_is_not_white_is_in_the_result_and_in_its_deviation(
    filled: tuple[int, ...], used: float, record: dict[str, Any], factor: float, kept: float
) -> None:
    assert _kept_noise(prepared(filled, used, **record), factor) == kept


@pytest.mark.parametrize("is_image_filtered", [True, False])
def test_filtered_noise_is_said_and_the_deviations_hold_the_errors(is_image_filtered: bool) -> None:
    """A scanner filters image and noise: the filter is undone. Noise that alone is filtered is kept, and said."""
    rng = np.random.default_rng(0)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in (96, 96, 6)), indexing="ij")
    truth = np.where(x**2 + y**2 < 0.9, 700 + 150 * np.cos(9 * x * y + z), 0) + 0 * z
    inside = truth > 0
    if is_image_filtered:
        truth = ndimage.gaussian_filter(truth, (0.64, 0.64, 0))
    noise = ndimage.gaussian_filter(rng.standard_normal((2, *truth.shape)), (0, 0.64, 0.64, 0))
    noise *= 30 / noise.std()
    scan = np.hypot(truth + noise[0], noise[1]).astype(np.float32)
    out = restore(Volume(scan, Grid(scan.shape, np.diag([1.0, 1, 3, 1])), slice_axis=2), load_prior(), 1)
    within = np.abs(out.volume.data - truth)[inside] < 1.645 * out.std[inside]
    said = out.report["notes"] if is_image_filtered else out.report["warnings"]
    assert any("share noise" in text for text in said)
    assert within.mean() > (0.85 if is_image_filtered else 0.7)  # 0.2 where the noise is kept and not said


def test_a_zero_filled_scan_says_so_and_its_deviations_hold_its_errors() -> None:
    rng = np.random.default_rng(0)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in (72, 80, 6)), indexing="ij")
    truth = np.where(x**2 + y**2 < 0.9, 700 + 150 * np.cos(9 * x * y + z), 0) + 0 * z
    parts = [truth + 30 * rng.standard_normal(truth.shape), 30 * rng.standard_normal(truth.shape)]
    grown = []
    for part in (*parts, truth):
        image = torch.from_numpy(part.astype(np.float32))
        for k in (0, 1):
            image = fourier_resize(image.movedim(k, -1), 2 * image.shape[k]).movedim(-1, k)
        grown.append(image.numpy())
    scan = Volume(np.hypot(grown[0], grown[1]), Grid((144, 160, 6), np.diag([1.0, 1, 4, 1])), slice_axis=2)
    out = restore(scan, load_prior(), 1)
    assert out.report["acquired"]["zero_filled_axes"] == [0, 1]
    inside = grown[2] > 300
    held = np.abs(out.volume.data - grown[2])[inside] < 1.645 * out.std[inside]
    assert held.mean() > 0.8


def test_the_error_stated_is_no_smaller_than_its_uncertainty() -> None:
    """A level that is known to 5 % leaves a risk that is known to 10 % of the noise variance; few voxels leave more."""
    one = prepared((), 10.0, std=0.5)
    assert _uncertainty_of_risk(one, 4.0, 10**9) == pytest.approx(0.4, rel=1e-3)
    assert _uncertainty_of_risk(one, 4.0, 2) > 4.0
    assert _uncertainty_of_risk(prepared((), 10.0), 4.0, 2 * 10**4) == pytest.approx(0.04, rel=1e-3)
    smooth = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((32, 32, 8)), 3).astype(np.float32)
    y = 100 * (3 + smooth) + 5 * np.random.default_rng(1).standard_normal(smooth.shape)
    risk = restore(Volume(y.astype(np.float32), Grid(y.shape, np.eye(4))), load_prior()).report["risk"]
    assert 0 < risk["rmse"] < risk["rmse_of_input"]
