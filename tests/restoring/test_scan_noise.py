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
    """The object is on the left, where noise is weak, in the lower slices, and on the right in the upper ones."""
    shape = (64, 128, 6)
    level = np.where(np.arange(128) < 64, 8.0, 40.0)[:, None]
    inside = np.zeros(shape, bool)
    inside[:, :64, :3], inside[:, 64:, 3:] = True, True
    noisy = 500 + level * np.random.default_rng(0).standard_normal(shape)
    reader = NoiseReader(prior.general, RicianNoise, 800.0, inside)
    found = []
    for some in (slice(0, 3), slice(3, 6)):
        part = body_volume(np.ascontiguousarray(noisy[..., some], np.float32))
        found.append(reader.level(part, some).relative * 800)
    assert found == [pytest.approx(8, rel=0.3), pytest.approx(40, rel=0.3)]


def test_without_a_network_there_is_a_level_and_no_filter(prior: Prior) -> None:
    truth, inside = body_part()
    scan, reader = body_volume(rician(truth, 24)), NoiseReader(None, RicianNoise, 800.0, inside)
    level = reader.level_of(scan, False)
    assert level.readable and math.isnan(reader.fall(scan, 24.0))
    far = replace(level, reading=replace(level.reading, network=1.0, wavelet=100.0))
    assert reader.filter_of(scan, far, True) is None
