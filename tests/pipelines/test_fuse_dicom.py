# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""DICOM series in and out of fusion and of restoration with other contrasts: geometry, identity, and units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_files import SHAPE, put, series
from phantoms import small_prior, small_prior_with_detail

from monai_strainer import FuseOptions, Grid, Volume, read, write
from monai_strainer.pipelines.contrast_files import restore_with_files
from monai_strainer.pipelines.file_options import FileOptions, Outputs
from monai_strainer.pipelines.fuse_files import fuse_files
from monai_strainer.pipelines.stack_files import StackFiles

KRIGING = FuseOptions(spacing=1.5, method="kriging", align=False)


def other_stack(scan: Volume) -> Volume:
    """The same object as slices of another direction, on a grid of the same field of view."""
    shape = (scan.grid.shape[0], scan.grid.shape[1] // 4, scan.grid.shape[2] * 3)
    whole = tuple(4 * n if k == 1 else m for k, (n, m) in enumerate(zip(shape, scan.grid.shape)))
    data = np.repeat(scan.data[:, : whole[1]].reshape(shape[0], shape[1], 4, -1).mean(2), 3, 2)
    return Volume(data, Grid((whole[0], whole[1], whole[2]), scan.grid.affine).resize(shape), slice_axis=1)


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return series(tmp_path / "axial")


def images(folder: Path) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(path) for path in sorted(folder.glob("*.dcm"))]


def require_same_person(made: Path, source: Path) -> None:
    new, old = images(made), images(source)[0]
    for one in new:
        assert one.PatientID == old.PatientID and one.StudyInstanceUID == old.StudyInstanceUID
        assert one.FrameOfReferenceUID == old.FrameOfReferenceUID and one.SeriesInstanceUID != old.SeriesInstanceUID
    assert len({one.SOPInstanceUID for one in new}) == len(new)


def test_a_series_and_a_file_become_a_series(first: Path, tmp_path: Path) -> None:
    scan = read(first)
    write(other_stack(scan), tmp_path / "coronal.nii.gz")
    made = tmp_path / "fused"
    files = StackFiles([first, tmp_path / "coronal.nii.gz"])
    report = fuse_files(files, made, small_prior(), KRIGING, Outputs(std=True))
    (uid,) = {
        one.SeriesInstanceUID for one in images(made)
    }  # that of the standard deviation lies in a folder of its own
    fused = read(made, series_uid=uid)
    assert fused.grid.spacing == pytest.approx([1.5] * 3, rel=0.06) and report["inputs"] == ["axial", "coronal.nii.gz"]
    assert np.allclose(fused.grid.corners().mean(0), scan.grid.corners().mean(0), atol=0.05)
    bright, found = (image[image > np.quantile(image, 0.9)].mean() for image in (scan.data, fused.data))
    assert found == pytest.approx(bright, rel=0.15)
    require_same_person(made, first)
    assert {one.SeriesDescription for one in images(made)} == {"T1 STRAINER fused"}


def test_a_series_is_the_grid_of_the_result_and_keeps_its_directions(first: Path, tmp_path: Path) -> None:
    write(other_stack(read(first)), tmp_path / "coronal.nii.gz")
    like = series(tmp_path / "earlier", put("SeriesInstanceUID", "1.2.3.4"))
    made = tmp_path / "fused"
    options = FuseOptions(method="kriging", align=False)
    fuse_files(StackFiles([first, tmp_path / "coronal.nii.gz"], like=like), made, small_prior(), options)
    assert read(made).grid.shape == SHAPE and np.allclose(read(made).grid.affine, read(like).grid.affine, atol=1e-4)
    require_same_person(made, first)


def test_a_series_helps_a_series(first: Path, tmp_path: Path) -> None:
    sharp, scan = tmp_path / "sharp.nii.gz", read(first)
    write(Volume(np.repeat(scan.data, 3, 2), scan.grid.refine((1, 1, 3))), sharp)
    for guide in (sharp, series(tmp_path / "guide", put("SeriesInstanceUID", "1.2.3.5"))):
        made = tmp_path / f"made_{guide.name[:5]}"
        restore_with_files(first, [guide], made, small_prior_with_detail(), FileOptions(scale=(1, 1, 3)))
        assert read(made).grid.shape == (*SHAPE[:2], 3 * SHAPE[2])
        require_same_person(made, first)
