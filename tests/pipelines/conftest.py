# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A few scans, and a bundle to start a training from."""

from __future__ import annotations

from pathlib import Path

import pytest
from phantoms import small_head, small_prior_with_detail

from monai_strainer import save_prior, write


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    for k in range(4):
        write(small_head((22, 26, 20), seed=k), tmp_path / "scans" / f"sub-{k}_T1w.nii.gz")
    return tmp_path / "scans"


@pytest.fixture
def start(tmp_path: Path) -> Path:
    save_prior(small_prior_with_detail(), tmp_path / "start")
    return tmp_path / "start"
