# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What is read of a NIfTI file, voxel for voxel; several volumes are read in one pass."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from nifti_files import SHAPE, image, oblique, ramp, read_back, saved

from monai_strainer.errors import InputError
from monai_strainer.io import read, read_volumes, write
from monai_strainer.io.nifti import files as nifti


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_voxels_grid_and_name_are_those_of_the_file(tmp_path: Path, suffix: str, kind: Any) -> None:
    made, path = image(kind=kind), tmp_path / f"scan{suffix}"
    made.to_filename(path)
    scan = read(path)
    assert scan.data.dtype == np.float32 and np.array_equal(scan.data, ramp())
    assert np.allclose(scan.grid.affine, made.affine)
    assert scan.source.name == path.name and scan.source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.uint16, np.int32, np.uint32, np.float32, np.float64])
def test_every_real_type_is_read(tmp_path: Path, dtype: Any) -> None:
    assert np.array_equal(read(saved(tmp_path / "a.nii", image(ramp(dtype=dtype)))).data, ramp())


def test_either_byte_order_is_read(tmp_path: Path) -> None:
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(">i2")
    made = nib.Nifti1Image(ramp(), np.diag([2, 2, 3, 1]), header)
    made.to_filename(tmp_path / "big.nii")
    assert (tmp_path / "big.nii").read_bytes()[:4] == (348).to_bytes(4, "big")
    scan = read(tmp_path / "big.nii")
    assert np.array_equal(scan.data, ramp()) and scan.grid.spacing.tolist() == [2, 2, 3]
    assert np.array_equal(read_back(scan, tmp_path / "little.nii").data, scan.data)


def test_slope_and_intercept_are_applied_and_not_handed_on(tmp_path: Path) -> None:
    scan = read(saved(tmp_path / "a.nii", scl_slope=0.5, scl_inter=-3))
    assert np.array_equal(scan.data, ramp() * 0.5 - 3)
    write(scan, tmp_path / "b.nii")
    header = np.frombuffer((tmp_path / "b.nii").read_bytes()[:348], nib.Nifti1Header.template_dtype)[0]
    assert (header["scl_slope"], header["scl_inter"]) == (1, 0)
    assert np.array_equal(read(tmp_path / "b.nii").data, scan.data)


@pytest.mark.parametrize(("slope", "inter"), [(0, 0), (0, 7), (np.nan, np.nan), (np.nan, 0), (1, 0)])
def test_no_slope_is_fine(tmp_path: Path, slope: float, inter: float) -> None:
    assert np.array_equal(read(saved(tmp_path / "a.nii", scl_slope=slope, scl_inter=inter)).data, ramp())


def test_a_flat_image_comes_back_flat(tmp_path: Path) -> None:
    scan = read(saved(tmp_path / "a.nii", image(ramp((5, 6)))))
    assert scan.data.shape == (5, 6, 1) and scan.slice_axis == 2
    write(scan, tmp_path / "b.nii")
    assert nib.load(tmp_path / "b.nii").shape == (5, 6)
    assert np.array_equal(read(tmp_path / "b.nii").data, scan.data)


def test_axes_of_one_at_the_end_are_dropped(tmp_path: Path) -> None:
    assert read(saved(tmp_path / "a.nii", image(ramp((*SHAPE, 1, 1))))).data.shape == SHAPE


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_header_says_along_which_axis_slices_lie(tmp_path: Path, axis: int) -> None:
    scan = read(saved(tmp_path / "a.nii", dim_info=(axis + 1) << 4))
    assert scan.slice_axis == axis
    assert read_back(scan, tmp_path / "b.nii").slice_axis == axis


@pytest.mark.parametrize(("code", "mm"), [(0, 1), (1, 1000), (2, 1), (3, 0.001)])
def test_units_of_length_are_turned_to_mm_and_kept(tmp_path: Path, code: int, mm: float) -> None:
    scan = read(saved(tmp_path / "a.nii", xyzt_units=code + 8))
    assert np.allclose(scan.grid.spacing, np.array([2, 2, 3]) * mm)
    assert np.allclose(read_back(scan, tmp_path / "b.nii").grid.affine, scan.grid.affine)
    assert int(nib.load(tmp_path / "b.nii").header["xyzt_units"]) == (code or 2) + 8


def test_an_image_without_affine_is_read_with_a_warning_and_written_with_codes(tmp_path: Path) -> None:
    made = image()
    made.set_sform(None, 0)
    made.set_qform(None, 0)
    with pytest.warns(UserWarning, match=r"a\.nii: no sform and no qform"):
        scan = read(saved(tmp_path / "a.nii", made))
    assert np.allclose(scan.grid.affine, made.header.get_base_affine())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(tmp_path / "a.nii", warn=False).findings == scan.findings != ()
    write(scan, tmp_path / "b.nii")
    header = nib.load(tmp_path / "b.nii").header
    assert (header["sform_code"], header["qform_code"]) == (1, 1)


def several(path: Path, count: int = 3) -> np.ndarray:
    """Write a 4-D file, and return its voxels."""
    data = np.random.default_rng(0).normal(100, 9, (*SHAPE, count)).astype(np.float32)
    nib.save(nib.Nifti1Image(data, oblique((0, 0, 0.2), (-1, 1, 1))), path)
    return data


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_all_volumes_are_those_read_one_by_one(tmp_path: Path, name: str) -> None:
    data = several(tmp_path / name)
    found = list(read_volumes(tmp_path / name))
    assert len(found) == 3
    for k, one in enumerate(found):
        alone = read(tmp_path / name, volume=k + 1)
        assert np.array_equal(one.data, data[..., k]) and np.array_equal(one.data, alone.data)
        assert np.array_equal(one.grid.affine, alone.grid.affine) and one.source.header == alone.source.header
        assert one.source.sha256 == alone.source.sha256


def test_the_only_volume_of_a_file_is_read_too(tmp_path: Path) -> None:
    (found,) = read_volumes(saved(tmp_path / "a.nii.gz"))
    assert np.array_equal(found.data, ramp())


def test_a_compressed_file_is_unpacked_once_for_all_volumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    several(tmp_path / "a.nii.gz", 5)
    opened, unpacked, whole, open_ = [], [], gzip._GzipReader.read, nifti._open

    def read_(self: Any, size: int = -1) -> bytes:
        got: bytes = whole(self, size)
        unpacked.append(len(got))
        return got

    monkeypatch.setattr(gzip._GzipReader, "read", read_)
    monkeypatch.setattr(nifti, "_open", lambda path: opened.append(path) or open_(path))
    assert sum(1 for _ in read_volumes(tmp_path / "a.nii.gz")) == 5
    assert len(opened) == 1 and sum(unpacked) == 352 + 5 * 4 * np.prod(SHAPE)


def test_a_file_that_is_cut_off_gives_the_volumes_before_and_then_says_so(tmp_path: Path) -> None:
    several(tmp_path / "a.nii.gz")
    raw = (tmp_path / "a.nii.gz").read_bytes()
    (tmp_path / "a.nii.gz").write_bytes(raw[: int(0.8 * len(raw))])
    found = read_volumes(tmp_path / "a.nii.gz")
    assert next(found).data.shape == SHAPE
    with pytest.raises(InputError, match="cut off"):
        list(found)


def test_a_wrong_checksum_is_found_with_the_last_volume(tmp_path: Path) -> None:
    several(tmp_path / "a.nii.gz")
    raw = bytearray((tmp_path / "a.nii.gz").read_bytes())
    raw[-6] ^= 1
    (tmp_path / "a.nii.gz").write_bytes(raw)
    found = read_volumes(tmp_path / "a.nii.gz")
    assert len([next(found) for _ in range(2)]) == 2
    with pytest.raises(InputError, match="damaged"):
        next(found)


def test_a_real_scan_comes_back_voxel_for_voxel(tmp_path: Path, oasis: Path) -> None:
    path = sorted(oasis.glob("sub-*/anat/*_T1w.nii.gz"))[0]
    scan, theirs = read(path), nib.load(path)
    assert np.array_equal(scan.data, np.asarray(theirs.dataobj)) and np.array_equal(scan.grid.affine, theirs.affine)
    back = read_back(scan, tmp_path / "a.nii")
    assert np.array_equal(back.data, scan.data) and np.array_equal(back.grid.affine, scan.grid.affine)


def test_nibabel_is_not_loaded_with_the_package() -> None:
    code = "import sys, monai_strainer.io; sys.exit('nibabel' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
