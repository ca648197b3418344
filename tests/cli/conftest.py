# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A scan and a prior for command lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_lines import head

from monai_strainer import Prior, save_prior, write


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    write(head(), tmp_path / "in" / "scan.nii.gz")
    return tmp_path / "in" / "scan.nii.gz"


@pytest.fixture
def prior(tmp_path: Path) -> Path:
    save_prior(Prior.cold(0, hidden_channels=16), tmp_path / "bundle")
    return tmp_path / "bundle"
