# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""From files to files: a scan is not its own guide. ``tests/cli/test_restore_with.py`` runs the whole of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from phantoms import affine_of, small_prior_with_detail

from monai_strainer import Grid, InputError, Volume, write
from monai_strainer.pipelines.contrast_files import restore_with_files
from monai_strainer.pipelines.file_options import FileOptions


def test_a_scan_is_not_its_own_guide(tmp_path: Path) -> None:
    scan = tmp_path / "flair.nii.gz"
    write(Volume(np.random.default_rng(0).random((8, 8, 4)), Grid((8, 8, 4), affine_of(np.eye(3)))), scan)
    (tmp_path / "same.nii.gz").symlink_to(scan)
    with pytest.raises(InputError, match="are one file"):
        restore_with_files(
            scan, [tmp_path / "same.nii.gz"], tmp_path / "out.nii.gz", small_prior_with_detail(), FileOptions()
        )
    assert not (tmp_path / "out.nii.gz").exists()
