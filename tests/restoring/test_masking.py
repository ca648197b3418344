# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Within a mask: the noise is that inside, the scan stays outside, and a mask of everything changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from phantoms import small_head, small_prior_with_detail

from monai_strainer import Prior, Volume, restore
from monai_strainer.errors import InputError

SHAPE = (24, 26, 8)


@pytest.fixture(scope="module")
def prior() -> Prior:
    return small_prior_with_detail()


def box() -> np.ndarray:
    inside = np.zeros(SHAPE, bool)
    inside[6:18, 6:20, 1:7] = True
    return inside


def test_outside_it_is_the_scan_and_its_noise(prior: Prior) -> None:
    scan, mask = small_head(SHAPE), box()
    out = restore(scan, prior, 1, mask=mask, sigma=10.0, adapt=0)
    np.testing.assert_array_equal(out.volume.data[~mask], scan.data[~mask])
    np.testing.assert_allclose(out.std[~mask], 10.0, rtol=1e-5)
    assert (out.volume.data[mask] != scan.data[mask]).mean() > 0.9


def test_on_a_finer_grid_it_is_interpolated(prior: Prior) -> None:
    scan, mask = small_head(SHAPE), box()
    out = restore(scan, prior, 2, mask=mask, sigma=10.0)
    outside = ~mask.repeat(2, 0).repeat(2, 1)
    low, high = scan.data.min(), scan.data.max()
    assert out.volume.grid.shape == (48, 52, 8)
    assert out.volume.data[outside].min() >= low and out.volume.data[outside].max() <= high
    means = out.volume.data.reshape(24, 2, 26, 2, 8).mean((1, 3))
    assert np.corrcoef(means[~mask], scan.data[~mask])[0, 1] > 0.95


def test_figures_of_the_report_are_those_inside(prior: Prior) -> None:
    scan = small_head(SHAPE)
    data, mask = scan.data.copy(), box()
    data[~mask] *= 3  # what lies outside is brighter, and decides nothing
    bright = Volume(data, scan.grid, slice_axis=2)
    one, two = (restore(image, prior, 1, mask=mask, sigma=10.0, adapt=0).report for image in (scan, bright))
    assert one["intensity"] == two["intensity"]
    assert restore(bright, prior, 1, sigma=10.0, adapt=0).report["intensity"] != one["intensity"]


@pytest.mark.parametrize("mask", [np.ones((3, 4, 5)), np.zeros(SHAPE)])
def test_a_mask_of_another_shape_or_of_nothing_is_refused(prior: Prior, mask: np.ndarray) -> None:
    with pytest.raises(InputError, match="mask"):
        restore(small_head(SHAPE), prior, 1, mask=mask)
