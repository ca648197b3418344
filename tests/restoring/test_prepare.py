# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Before any method: signs, padding, masks and the intensity that stands for 1."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from phantoms import body_part, body_volume, rician, small_head, small_prior

from monai_strainer import GaussianNoise, RestoreOptions, RicianNoise, Volume
from monai_strainer.restoring.prepare import Prepared, prepare


def prepared(scan: Volume, **options: object) -> Prepared:
    return prepare(scan, small_prior(), (1.0, 1.0, 1.0), RestoreOptions(**options), True)  # type: ignore[arg-type]


def test_a_magnitude_keeps_its_rician_noise_and_its_bright_end_is_one() -> None:
    scan = small_head()
    ready = prepared(scan)
    assert not ready.signed and ready.noise is RicianNoise and ready.background is None and ready.notes == ()
    assert ready.intensity_scale == pytest.approx(float(np.percentile(scan.data[ready.inside], 99.5)), rel=1e-5)


def test_the_unit_of_a_scan_changes_the_scale_alone() -> None:
    scan = small_head()
    one, two = prepared(scan), prepared(replace(scan, data=8 * scan.data))
    assert two.intensity_scale == pytest.approx(8 * one.intensity_scale) and np.array_equal(one.inside, two.inside)
    assert two.level.relative == pytest.approx(one.level.relative, rel=1e-3)


def test_values_below_zero_make_the_noise_gaussian_and_padding_does_not() -> None:
    truth, inside = body_part()
    signed = prepared(body_volume(truth - 300 + 20 * np.random.default_rng(0).standard_normal(truth.shape)))
    assert signed.signed and signed.noise is GaussianNoise and "values below zero" in signed.notes[0]
    padded = prepared(body_volume(np.where(inside, rician(truth, 20), -2000.0)))
    assert not padded.signed and padded.background is not None and padded.background.value == -2000
    assert float(padded.acquired.volume.data.min()) == 0 and "padding value -2000" in padded.notes[0]


def test_a_mask_limits_the_object_and_a_given_level_is_relative_to_the_scale() -> None:
    scan = small_head()
    mask = np.zeros(scan.data.shape, bool)
    mask[8:14, 8:18] = True
    ready = prepared(scan, mask=mask, sigma=12.0)
    assert np.array_equal(ready.inside, mask) and ready.whole.sum() > mask.sum()
    assert ready.level.relative == pytest.approx(12.0 / ready.intensity_scale)
