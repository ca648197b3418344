# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""From files to files: a scan is not its own guide. ``tests/cli/test_restore_with.py`` runs the whole of it."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
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


def test_another_contrast_of_several_volumes_is_refused_with_a_remedy_that_exists(tmp_path: Path) -> None:
    scan, guide = tmp_path / "a.nii.gz", tmp_path / "b.nii.gz"
    write(Volume(np.random.default_rng(0).random((12, 12, 4)), Grid((12, 12, 4), affine_of(np.eye(3)))), scan)
    nib.save(nib.Nifti1Image(np.random.default_rng(0).random((12, 12, 12, 2)), np.eye(4)), guide)
    with pytest.raises(InputError, match=r"b\.nii\.gz: the image is 4-D.*Pass a file of one volume after --with"):
        restore_with_files(scan, [guide], tmp_path / "c.nii.gz", small_prior_with_detail(), FileOptions())
