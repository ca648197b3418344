# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of what a result owes to the data: the truth explains them, others do not, gaps are open."""

from __future__ import annotations

import pytest
import torch
from phantoms import slice_images

from monai_strainer.physics import Downsample, GaussianNoise, Identity, Profile, RicianNoise
from monai_strainer.restoring.data_fit import DataFit, data_fit

NOISE = GaussianNoise(0.03)


def noisy(x: torch.Tensor) -> torch.Tensor:
    return NOISE.sample(x, torch.Generator().manual_seed(0))


def test_the_truth_leaves_noise_and_no_warning() -> None:
    x = slice_images(3, 40, 44)
    found = data_fit(Identity((40, 44)), x, noisy(x), NOISE)
    assert found.residual == pytest.approx(1, abs=0.05) and abs(found.whiteness) < 0.1
    assert found.undetermined < 0.01 and found.warnings() == []


def test_the_bias_of_a_magnitude_is_no_residual() -> None:
    x = slice_images(3, 40, 44)
    y = torch.hypot(x, torch.tensor(0.2))  # the clean image and its bias, without a draw
    assert data_fit(Identity((40, 44)), x, y, RicianNoise(0.2)).residual < 1e-4


def test_what_misses_the_data_is_a_warning() -> None:
    x = slice_images(3, 40, 44)
    found = data_fit(Identity((40, 44)), 0.8 * x, noisy(x), NOISE)
    assert found.residual > 2 and len(found.warnings()) == 2


def test_anatomy_in_the_residual_is_a_pattern() -> None:
    x = slice_images(3, 40, 44)
    blurred = torch.nn.functional.avg_pool2d(x, 7, 1, 3, count_include_pad=False)
    found = data_fit(Identity((40, 44)), blurred, noisy(x), NOISE)
    assert found.whiteness > 0.3 and any("pattern" in warning for warning in found.warnings())


def test_more_is_undetermined_the_less_was_measured() -> None:
    x = slice_images(2, 48, 48)
    shares = []
    for factor in (1.5, 2, 4, 8):
        A = Downsample((48, 48), factor)
        shares.append(data_fit(A, x, A.A(x), GaussianNoise(0.003)).undetermined)
    assert shares == sorted(shares) and shares[0] > 0 and shares[-1] < 1


def test_what_lies_in_gaps_is_not_determined() -> None:
    x = torch.ones(1, 40, 8)
    A = Profile("box", 0.5)((40, 8), (10, 8))  # every other pair of rows is never seen
    assert data_fit(A, x, A.A(x), GaussianNoise(1e-3)).undetermined == pytest.approx(0.5, abs=0.05)


def test_an_empty_image_has_no_support_to_miss() -> None:
    zero = torch.zeros(1, 12, 12)
    assert data_fit(Identity((12, 12)), zero, zero, NOISE) == DataFit(0.0, 0.0, pytest.approx(0.0, abs=1e-6))
