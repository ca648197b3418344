# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Random contrasts: air stays dark, labels stay apart, and the seed decides."""

from __future__ import annotations

import numpy as np
import pytest

from monai_strainer.pretraining.contrasts import bias_field, intensity_curve, painted_labels


@pytest.mark.parametrize("seed", range(12))
def test_a_curve_keeps_air_dark_and_intensities_finite(seed: int) -> None:
    patch = np.linspace(0, 1.2, 40, dtype=np.float32).reshape(4, 10)
    one, two = (intensity_curve(patch, np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(one, two) and one.dtype == np.float32 and np.isfinite(one).all()
    assert 0 <= one[0, 0] < 0.2 and one.max() < 2.5  # air is dark in every contrast, inverted ones too


@pytest.mark.parametrize("strength", [0.1, 0.5])
def test_a_bias_field_is_smooth_positive_and_as_strong_as_asked(strength: float) -> None:
    field = bias_field((24, 30), np.random.default_rng(0), strength)
    assert field.min() > 0 and field.mean() == pytest.approx(1, rel=1e-4)
    assert np.log(field).std() == pytest.approx(strength, rel=1e-3)
    assert np.abs(np.diff(field, axis=0)).max() < 0.3 * strength * field.max()


def test_painted_labels_are_even_in_a_label_and_dark_in_air() -> None:
    labels = np.zeros((6, 20, 20), np.uint8)
    labels[:, 5:15, 5:10], labels[:, 5:15, 10:15] = 3, 7
    image = painted_labels(labels, np.random.default_rng(1))
    assert (image[labels == 0] == 0).all() and image.min() >= 0
    means = [image[labels == label].mean() for label in (3, 7)]
    assert abs(means[0] - means[1]) > 0.05 and all(image[labels == label].std() < 0.2 for label in (3, 7))
