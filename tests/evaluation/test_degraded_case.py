# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A test case: the measurement is the operator on the truth, with the noise that was asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from phantoms import small_prior

from monai_strainer.evaluation.degraded_case import clean_head, degrade
from monai_strainer.physics import GaussianNoise, RicianNoise
from monai_strainer.volume import Volume


@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_without_noise_the_data_are_the_operator_on_the_truth(phantom: Volume, factor: float) -> None:
    case = degrade(phantom, small_prior(), factor, 0.0, [0.4, 0.6])
    assert isinstance(case.noise, GaussianNoise)
    torch.testing.assert_close(case.y, case.operator.A(torch.from_numpy(np.ascontiguousarray(case.truth))))
    assert case.truth.shape == case.mask.shape == (2, *case.operator.shape_in) and len(case.coords) == 2
    assert 0.9 < case.peak < 1.2 and case.truth[case.mask].max() == pytest.approx(case.peak, rel=0.1)


def test_noise_has_the_level_of_the_task_and_follows_the_seed(phantom: Volume) -> None:
    one, two, other = (degrade(phantom, small_prior(), 1.0, 0.05, [0.5], seed=seed) for seed in (0, 0, 1))
    assert isinstance(one.noise, RicianNoise) and float(one.noise.sigma) == pytest.approx(0.05 * one.peak)
    assert torch.equal(one.y, two.y) and not torch.equal(one.y, other.y)
    error = (one.y.numpy() - one.truth)[one.mask & (one.truth > 0.5)]
    assert float(error.std()) == pytest.approx(0.05 * one.peak, rel=0.1)


@pytest.mark.parametrize("margin", [0, 3])
def test_heights_rise_in_the_head_and_keep_their_margin(phantom: Volume, margin: int) -> None:
    head = clean_head(phantom, 99.5)
    index = head.indices(2, [0.0, 0.5, 1.0], margin)
    assert index == sorted(index) and margin <= index[0] and index[-1] <= phantom.grid.shape[2] - 1 - margin
    assert abs(index[1] - np.argwhere(head.mask)[:, 2].mean()) < 2
