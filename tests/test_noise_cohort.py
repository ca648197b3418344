# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of noise that stands for a cohort: its spectrum, its range, its seed."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from experiments.noise_cohort import main, noise_slices
from monai_strainer import load_prior


@pytest.mark.parametrize("exponent", [0.0, 1.0, 1.7])
def test_the_amplitude_falls_as_asked(exponent: float) -> None:
    images = noise_slices(3, (24, 24, 24), exponent).images.astype(np.float64)
    power = np.mean([np.abs(np.fft.fftn(image)) ** 2 for image in images], axis=0)
    frequency = np.sqrt(sum(f**2 for f in np.meshgrid(*(np.fft.fftfreq(24),) * 3, indexing="ij")))
    bands = np.array([0.08, 0.12, 0.18, 0.27, 0.4])
    level = [power[(frequency >= low) & (frequency < high)].mean() for low, high in itertools.pairwise(bands)]
    middle = [frequency[(frequency >= low) & (frequency < high)].mean() for low, high in itertools.pairwise(bands)]
    slope = np.polyfit(np.log(middle), np.log(level), 1)[0]
    assert slope == pytest.approx(-2 * exponent, abs=0.15)


@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_intensities_are_those_of_a_cohort(exponent: float) -> None:
    cohort = noise_slices(2, (3, 8, 9), exponent)
    assert cohort.images.dtype == np.float16 and cohort.images.min() >= 0 and cohort.images.max() <= 1
    assert [len(axis) for axis in cohort.axes] == [3, 8, 9]
    if exponent:
        assert all(image.min() == 0 and image.max() == 1 for image in cohort.images)


def test_the_seed_decides_and_fields_differ() -> None:
    one, two = noise_slices(2, (2, 6, 6), seed=1).images, noise_slices(2, (2, 6, 6), seed=1).images
    assert np.array_equal(one, two)
    assert not np.array_equal(one, noise_slices(2, (2, 6, 6), seed=2).images) and not np.array_equal(one[0], one[1])


@pytest.mark.parametrize(("count", "shape"), [(0, (2, 4, 4)), (1, (0, 4, 4))])
def test_nothing_is_no_cohort(count: int, shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="no cohort"):
        noise_slices(count, shape)


def test_noise_becomes_a_prior_that_holds_no_scan(tmp_path: Path) -> None:
    main([str(tmp_path), "--steps", "2", "--images", "3", "--grid", "4", "12", "14"])
    prior = load_prior(tmp_path)
    assert (prior.record["kind"], prior.record["scans"], prior.record["fields"]["count"]) == ("noise", 0, 3)
    assert prior.detail is None and prior.typical is None
