# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A measurement: variances per slice, whether the noise is a number or a map."""

from __future__ import annotations

import pytest
import torch

from monai_strainer.physics import GaussianNoise, Identity, Measurement, RicianNoise

Y = torch.full((3, 4, 5), 2.0)


def test_a_level_is_a_variance_per_slice_and_a_map_one_per_voxel() -> None:
    number, level = Measurement(Identity((4, 5)), Y, GaussianNoise(0.5)), torch.full((3, 4, 5), 0.5)
    level[0, :2], level[0, 2:] = 1, 3
    map_ = Measurement(Identity((4, 5)), Y, GaussianNoise(level))
    assert number.variance.tolist() == number.mean_variance.tolist() == [0.25] * 3
    assert map_.variance.shape == Y.shape and map_.mean_variance.tolist() == [5, 0.25, 0.25]


def test_clean_data_are_without_the_bias_of_their_noise() -> None:
    operator = Identity((4, 5))
    assert torch.equal(Measurement(operator, Y, GaussianNoise(0.5)).clean, Y)
    assert float(Measurement(operator, Y, RicianNoise(0.5)).clean.mean()) == pytest.approx((4 - 0.25) ** 0.5, rel=0.01)
