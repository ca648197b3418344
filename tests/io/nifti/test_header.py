# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Every fault of a NIfTI file has its sentence, and damage of any kind raises nothing else."""

from __future__ import annotations

import gzip
import itertools
import tempfile
import warnings
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nifti_files import SHAPE, image, oblique, ramp, saved

from monai_strainer.errors import InputError
from monai_strainer.io import read, write

BAD_HEADERS: dict[str, dict[str, Any]] = {
    "an axis below one voxel": {"dim__2": 0},
    r"shape \(5, -8, 4\)": {"dim__2": -8},
    "not begin with a NIfTI header": {"sizeof_hdr": 340},
    "declares 0 dimensions": {"dim__0": 0},
    "declares 9 dimensions": {"dim__0": 9},
    r"the one axis \(5,\)": {"dim__0": 1},
    "lies in a second file": {"magic": b"ni1"},
    "more than the limit of": {"dim": (3, 30000, 30000, 30000, 1, 1, 1, 1)},
    "its header declares 2752": {"dim__3": 40},
    r"pixdim is \(0\.0, 2\.0, 3\.0\)": {"pixdim__1": 0},
    r"pixdim is \(-2\.0, 2\.0, 3\.0\)": {"pixdim__1": -2},
    r"pixdim is \(2\.0, nan, 3\.0\)": {"pixdim__2": np.nan},
    r"pixdim is \(2\.0, 2\.0, inf\)": {"pixdim__3": np.inf},
    "type complex": {"datatype": 32},
    "type RGB ": {"datatype": 128},
    "type RGBA": {"datatype": 2304},
    "type unknown": {"datatype": 77},
    "the sform is not finite": {"srow_x": (np.nan, 0, 0, 0)},
    "the sform is singular": {"srow_x": (0, 0, 0, 0)},
    "qform is not finite": {"quatern_b": 3},
    "the qform is not finite": {"qoffset_x": np.inf},
    "qform is not": {"pixdim__0": 0.3},
    "sform_code 77": {"sform_code": 77},
    "qform_code -1": {"qform_code": -1},
    r"sform \(code 1\) and qform \(code 1\) disagree by 0\.05 mm": {"qoffset_y": 0.05},
    "scl_slope is inf": {"scl_slope": np.inf},
    "scl_inter nan": {"scl_slope": 2, "scl_inter": np.nan},
    "scl_inter inf": {"scl_slope": 1, "scl_inter": np.inf},
    "scl_slope is nan and scl_inter 4": {"scl_slope": np.nan, "scl_inter": 4},
    "begin at byte 0, inside the header": {"vox_offset": 0},
    "begin at byte nan": {"vox_offset": np.nan},
    "more than the limit": {"vox_offset": 3e9},
}


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize(("sentence", "fields"), BAD_HEADERS.items())
def test_a_bad_header_is_refused(tmp_path: Path, suffix: str, sentence: str, fields: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        read(saved(tmp_path / f"bad{suffix}", **fields))
    assert str(caught.value).startswith(f"bad{suffix}: ") and str(tmp_path) not in str(caught.value)


def test_all_faults_of_a_header_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(saved(tmp_path / "a.nii", datatype=32, pixdim__1=np.nan, srow_x=(0, 0, 0, 0), scl_slope=np.inf))
    for part in ("complex", "pixdim", "sform is singular", "scl_slope is inf"):
        assert part in caught.value.finding


def test_a_difference_of_the_two_forms_below_one_percent_of_a_voxel_is_fine(tmp_path: Path) -> None:
    read(saved(tmp_path / "a.nii", qoffset_y=0.019))


@pytest.mark.parametrize("flips", [(-1, -1, 1), (-1, 1, -1), (1, -1, -1), (-1, 1, 1)])
@pytest.mark.parametrize("tilt", [1e-5, 1e-4, 3e-4, 1e-3, 1e-2])
def test_the_rounding_of_a_qform_near_half_a_turn_is_no_disagreement(
    tmp_path: Path, flips: tuple[int, int, int], tilt: float
) -> None:
    affine = oblique((tilt, -0.7 * tilt, 0.4 * tilt), flips)
    read(saved(tmp_path / "a.nii", image(ramp((240, 300, 2), np.float32), affine)))


def test_a_series_of_volumes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"4-D \(5, 6, 4, 3\)"):
        read(saved(tmp_path / "a.nii", image(ramp((*SHAPE, 3)))))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    data = ramp(dtype=np.float32)
    data[1, 2, 3] = value
    with pytest.raises(InputError, match="1 of 120 voxels are NaN or infinite"):
        read(saved(tmp_path / "a.nii", image(data)))


def test_voxels_beyond_float32_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="NaN or infinite"):
        read(saved(tmp_path / "a.nii", image(ramp(dtype=np.float64) * 1e300)))


def test_a_constant_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="every voxel has the value 7"):
        read(saved(tmp_path / "a.nii", image(np.full(SHAPE, 7, np.int16))))


def test_the_limit_is_the_callers_and_counts_float32(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.nii", image(ramp(dtype=np.uint8)))
    assert read(path, limit_bytes=352 + 480).data.size == 120
    with pytest.raises(InputError, match="832 bytes in memory, more than the limit of 831"):
        read(path, limit_bytes=831)


def test_a_bomb_behind_the_voxels_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(image().to_bytes() + bytes(40_000_000), mtime=0))
    with pytest.raises(InputError, match="more than 5000000 bytes follow"):
        read(path, limit_bytes=5_000_000)


def test_a_file_shorter_than_declared_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.nii")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match="holds 582 bytes, its header declares 592"):
        read(path)


@pytest.mark.parametrize("keep", [0, 5, 40, -12, -4, -1])
def test_a_cut_off_gzip_is_refused(tmp_path: Path, keep: int) -> None:
    path = saved(tmp_path / "a.nii.gz")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"cut off|not begin with"):
        read(path)


def test_a_corrupt_gzip_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.nii.gz", image(np.random.default_rng(0).integers(0, 999, SHAPE).astype(np.int16)))
    block = bytearray(path.read_bytes())
    block[len(block) // 2] ^= 0xFF
    path.write_bytes(bytes(block))
    with pytest.raises(InputError, match=r"damaged|cut off"):
        read(path)


def test_a_plain_file_named_gz_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").write_bytes(image().to_bytes())
    with pytest.raises(InputError, match=r"not gzip.*name an uncompressed one \.nii"):
        read(tmp_path / "a.nii.gz")


@pytest.mark.parametrize("content", [b"", b"hello", bytes(1000)])
def test_what_is_not_nifti_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.nii").write_bytes(content)
    with pytest.raises(InputError, match="does not begin with a NIfTI header"):
        read(tmp_path / "a.nii")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.nii: the file does not exist"):
        read(tmp_path / "a.nii")


def test_a_link_to_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.nii").symlink_to(tmp_path / "annex")
    with pytest.raises(InputError, match="datalad get"):
        read(tmp_path / "a.nii")


# ---- damage of any kind

FIELDS = [name for name in nib.Nifti1Header.template_dtype.names if name not in ("sizeof_hdr", "magic")]
WILD = [0, 1, -1, 7, 255, 2**15 - 1, -(2**15), 2**31 - 1, np.nan, np.inf, -np.inf, 1e38, 1e-38, -0.0]


def only_input_errors(path: Path) -> None:
    """A damaged file is read, or refused with a sentence; what is read can be written."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            scan = read(path, limit_bytes=1 << 20)
        except InputError:
            return
        assert np.isfinite(scan.data).all() and np.isfinite(scan.grid.affine).all()
        write(scan, path.with_name("again.nii"), overwrite=True)


@pytest.mark.parametrize("name", FIELDS)
def test_any_field_may_hold_anything(tmp_path: Path, name: str) -> None:
    dtype, shape = nib.Nifti1Header.template_dtype[name].base, nib.Nifti1Header.template_dtype[name].shape
    if dtype.kind == "S":
        return only_input_errors(saved(tmp_path / "a.nii", **{name: b"\xff\x00\xfe"}))
    for value, k in itertools.product(WILD, range(shape[0]) if shape else [None]):
        with np.errstate(all="ignore"):
            wild = np.array(value).astype(dtype)
        only_input_errors(saved(tmp_path / "a.nii", **{name if k is None else f"{name}__{k}": wild}))
    return None


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), is_gzip=st.booleans(), is_second=st.booleans())
def test_flipped_bytes_raise_nothing_else(seed: int, is_gzip: bool, is_second: bool) -> None:
    rng = np.random.default_rng(seed)
    plain = image(kind=nib.Nifti2Image if is_second else nib.Nifti1Image).to_bytes()
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(20):
            block = np.frombuffer(gzip.compress(plain) if is_gzip else plain, np.uint8).copy()
            where = rng.integers(0, min(len(block), 560), rng.integers(1, 6))
            block[where] = rng.integers(0, 256, len(where))
            path = Path(folder) / ("a.nii.gz" if is_gzip else "a.nii")
            path.write_bytes(block[: rng.integers(len(block) // 2, 2 * len(block))].tobytes())
            only_input_errors(path)
