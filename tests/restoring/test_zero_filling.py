# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A zero-filled scan is restored on its acquired grid, and given back on its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from phantoms import body_part as anatomy
from phantoms import body_volume as volume
from phantoms import rician
from scipy import ndimage

from monai_strainer import Prior, load_prior, restore
from monai_strainer.physics.acquired import fourier_resize


@pytest.fixture(scope="module")
def prior() -> Prior:
    found = load_prior()
    assert found.general is not None
    return found


def test_a_zero_filled_scan_is_restored_on_its_acquired_grid(prior: Prior) -> None:
    truth, _ = anatomy()
    fine = ndimage.zoom(truth, (2, 2, 1), order=3)[:128]
    small = fourier_resize(torch.from_numpy(np.ascontiguousarray(np.moveaxis(fine, 0, -1))), 80)
    noisy = rician(np.maximum(np.moveaxis(small.numpy(), -1, 0), 0), 20)
    filled = np.moveaxis(fourier_resize(torch.from_numpy(np.moveaxis(noisy, 0, -1).copy()), 128).numpy(), -1, 0)
    scan = volume(np.maximum(filled, 0))
    out = restore(scan, prior, 1)
    assert out.report["acquired"]["zero_filled_axes"] == [0]
    assert abs(out.report["acquired"]["sizes"][0] - 80) <= 8
    assert out.volume.grid.shape == scan.grid.shape and np.allclose(out.volume.grid.affine, scan.grid.affine)
    assert np.isfinite(out.volume.data).all() and out.volume.data.min() >= 0
    assert out.report["noise"]["sigma"] == pytest.approx(20, rel=0.3)  # the network alone reads half of it
    assert out.report["noise"]["source"] == "network and wavelet"
