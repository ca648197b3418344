# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Scans without noise keep their boundaries when they are denoised, by either noise model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from benchmarks.any_scan_data import Entry
from benchmarks.clean_scans import edges, in_state, slab
from monai_strainer import Prior, Volume, load_prior, restore

pytestmark = pytest.mark.filterwarnings("ignore")
KEPT, CHANGE = 0.99, 0.5  # least strength of the edges that is left; greatest change at edges, % of the 99th percentile


@pytest.fixture(scope="module")
def prior() -> Prior:
    return load_prior()


@pytest.mark.parametrize("noise", ["rician", "gaussian"])
def test_a_head_of_formulas_keeps_its_boundaries(noise: str, phantom: Volume, prior: Prior) -> None:
    out = restore(phantom, prior, 1, noise=noise)
    kept, change = edges(phantom.data, out.volume.data, phantom.data > 0, phantom.slice_axis)
    assert kept > KEPT and change < CHANGE


@pytest.mark.parametrize("name", ["oasis", "varied/ljubljana_ms12_FLAIR"])
def test_a_real_scan_without_noise_keeps_its_boundaries(name: str, oasis: Path, prior: Prior) -> None:
    path = oasis.parent / f"{name}.nii.gz"
    if name == "oasis":
        path = sorted((oasis / "sub-1000").rglob("*_T1w.nii.gz"))[0]
    if not path.exists():
        pytest.skip(f"there is no {name} among the real scans")
    scan, inside = slab(Entry(name, path, "", ""))
    clean = in_state(scan, inside, "clean")
    out = restore(clean, prior, 1)
    kept, change = edges(clean.data, out.volume.data, inside, clean.slice_axis)
    assert kept > KEPT and change < CHANGE


def test_a_blur_of_half_a_voxel_would_be_seen(phantom: Volume) -> None:
    blurred = ndimage.gaussian_filter(phantom.data, 0.5).astype(np.float32)
    kept, change = edges(phantom.data, blurred, phantom.data > 0, phantom.slice_axis)
    assert kept < KEPT and change > CHANGE
    assert edges(phantom.data, phantom.data, phantom.data > 0, phantom.slice_axis) == (1.0, 0.0)
