# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The noise of a scan is read in its units, within the object, by what a prior holds."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from phantoms import body_part, body_volume, rician

from monai_strainer import Prior, RicianNoise, load_prior
from monai_strainer.restoring.scan_noise import NoiseReader


@pytest.fixture(scope="module")
def prior() -> Prior:
    return load_prior()


def test_the_level_is_relative_to_the_intensity_scale(prior: Prior) -> None:
    truth, inside = body_part()
    scan = body_volume(rician(truth, 24))
    one, two = (NoiseReader(prior.general, RicianNoise, scale, inside) for scale in (800.0, 1600.0))
    assert one.level_of(scan, False).relative * 800 == pytest.approx(24, rel=0.15)
    assert two.level_of(scan, False).relative * 1600 == pytest.approx(24, rel=0.15)


def test_some_slices_are_read_within_the_object_in_them(prior: Prior) -> None:
    """The lower half of the slices has much less noise."""
    truth, inside = body_part()
    half = truth.shape[2] // 2
    noisy = np.concatenate([rician(truth[..., :half], 8), rician(truth[..., half:], 40)], 2)
    scan, reader = body_volume(noisy), NoiseReader(prior.general, RicianNoise, 800.0, inside)
    low, high = slice(0, half), slice(half, None)
    levels = [reader.level(body_volume(scan.data[..., some]), some).relative * 800 for some in (low, high)]
    assert levels[0] < 16 < 32 < levels[1]


def test_without_a_network_there_is_a_level_and_no_filter(prior: Prior) -> None:
    truth, inside = body_part()
    scan, reader = body_volume(rician(truth, 24)), NoiseReader(None, RicianNoise, 800.0, inside)
    level = reader.level_of(scan, False)
    assert level.readable and math.isnan(reader.fall(scan, 24.0))
    far = replace(level, reading=replace(level.reading, network=1.0, wavelet=100.0))
    assert reader.filter_of(scan, far, True) is None
