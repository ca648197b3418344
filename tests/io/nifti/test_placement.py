# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Two affines of one image: which of them counts, and that the other survives."""

from __future__ import annotations

import itertools
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nifti_files import ALIGNED, SCANNER, saved, two_forms

from monai_strainer.errors import InputError
from monai_strainer.io import read, write
from monai_strainer.volume import Volume

CODES = [(q, s) for q, s in itertools.product(range(1, 6), repeat=2) if q != s]


def refined(scan: Volume) -> Volume:
    fine = scan.grid.refine((2, 1, 3))
    return Volume(np.arange(np.prod(fine.shape), dtype=np.float32).reshape(fine.shape), fine, scan.source)


@pytest.mark.parametrize(("qform", "sform"), CODES)
def test_the_sform_places_the_image_and_the_qform_stays(tmp_path: Path, qform: int, sform: int) -> None:
    path = two_forms(tmp_path / "a.nii", qform, sform)
    scan = read(path)
    np.testing.assert_allclose(scan.grid.affine, ALIGNED, atol=1e-5)
    write(refined(scan), tmp_path / "b.nii")
    for form in ("sform", "qform"):
        corners = [read(tmp_path / name, form=form).grid.corners() for name in ("a.nii", "b.nii")]  # type: ignore[arg-type]
        np.testing.assert_allclose(*corners, atol=1e-3)
    header = nib.load(tmp_path / "b.nii").header
    assert (int(header["qform_code"]), int(header["sform_code"])) == (qform, sform)


@pytest.mark.parametrize(("qform", "sform"), [(1, 2), (2, 1), (1, 4), (1, 1)])
def test_the_qform_places_the_image_where_it_is_wanted(tmp_path: Path, qform: int, sform: int) -> None:
    scan = read(two_forms(tmp_path / "a.nii", qform, sform), form="qform")
    np.testing.assert_allclose(scan.grid.affine, SCANNER, atol=1e-5)
    write(scan, tmp_path / "b.nii")
    written = nib.load(tmp_path / "b.nii").header
    np.testing.assert_allclose(written.get_qform(), SCANNER, atol=1e-5)
    np.testing.assert_allclose(written.get_sform(), ALIGNED, atol=1e-5)


def test_the_record_says_that_there_are_two_places(tmp_path: Path) -> None:
    (finding,) = read(two_forms(tmp_path / "a.nii", 1, 2)).source.findings
    assert "sform (code 2) places the image" in finding and "qform (code 1)" in finding
    assert read(saved(tmp_path / "b.nii")).source.findings == ()


@pytest.mark.parametrize("code", range(1, 6))
def test_two_places_of_one_space_are_refused_with_an_option(tmp_path: Path, code: int) -> None:
    path = two_forms(tmp_path / "a.nii", code, code)
    with pytest.raises(InputError, match="Choose one with --form sform or --form qform"):
        read(path)
    np.testing.assert_allclose(read(path, form="sform").grid.affine, ALIGNED, atol=1e-5)


def test_a_form_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the header has no qform"):
        read(saved(tmp_path / "a.nii", qform_code=0), form="qform")
