# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the foreground: the head and nothing else, in any unit, and the intensity that stands for 1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phantoms import ellipsoid, small_head

from monai_strainer.anatomy.foreground import foreground, intensity_scale_of
from monai_strainer.errors import InputError
from monai_strainer.volume import Volume


@pytest.mark.parametrize("noise", [0.0, 15.0, 60.0])
def test_the_foreground_is_the_head_under_a_noisy_background(phantom: Volume, noise: float) -> None:
    rng = np.random.default_rng(1)
    shape = phantom.data.shape
    noisy = np.hypot(phantom.data + noise * rng.standard_normal(shape), noise * rng.standard_normal(shape))
    mask, head = foreground(noisy.astype(np.float32)), phantom.data > 300
    assert (mask & head).sum() > 0.99 * head.sum()
    assert (mask & (phantom.data == 0)).sum() < 0.1 * head.sum()


def test_holes_in_the_head_belong_to_it() -> None:
    data = ellipsoid()
    data[9:13, 11:15] = 0
    assert foreground(data)[9:13, 11:15, 4:14].all()


def test_a_bright_speck_outside_is_left_out() -> None:
    data = ellipsoid((30, 30, 20))
    data[0:3, 0:3, 0:3] = 3000
    assert not foreground(data)[:3, :3, :3].any()


@given(st.floats(0.001, 1000))
@settings(max_examples=10, deadline=None)
def test_the_foreground_does_not_depend_on_the_units(scale: float) -> None:
    data = small_head().data
    assert (foreground(data * np.float32(scale)) != foreground(data)).mean() < 1e-3


@given(st.floats(0.01, 1e4), st.floats(90, 100))
@settings(max_examples=15, deadline=None)
def test_the_intensity_scale_follows_the_units(factor: float, percentile: float) -> None:
    data = small_head().data
    mask = foreground(data)
    one, two = (
        intensity_scale_of(data, mask, percentile),
        intensity_scale_of(data * np.float32(factor), mask, percentile),
    )
    assert two == pytest.approx(factor * one, rel=1e-4)


def test_the_intensity_scale_is_a_percentile_of_the_head_alone() -> None:
    data = np.zeros((10, 10, 10), np.float32)
    data[:5] = np.arange(500).reshape(5, 10, 10)
    assert intensity_scale_of(data, data >= 0, 100.0) == 499
    assert intensity_scale_of(data, np.arange(1000).reshape(10, 10, 10) < 101, 50.0) == 50


def test_a_scan_of_zeros_is_refused() -> None:
    data = np.zeros((6, 6, 6), np.float32)
    with pytest.raises(InputError, match="no foreground"):
        intensity_scale_of(data, foreground(data))


def test_a_negative_scan_is_refused() -> None:
    data = np.full((6, 6, 6), -5, np.float32)
    with pytest.raises(InputError, match="constant, empty or negative"):
        intensity_scale_of(data, data < 0)
