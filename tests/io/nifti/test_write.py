# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What is written as NIfTI: nothing moves, and the same scan gives the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nifti_files import SHAPE, image, oblique, ramp, read_back, saved

from monai_strainer.errors import InputError
from monai_strainer.geometry import Grid
from monai_strainer.io import read, write
from monai_strainer.volume import Volume


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("factor", [1, 2, (2, 2, 1), (1.5, 1, 3)])
def test_the_field_of_view_stays(tmp_path: Path, phantom: Volume, suffix: str, factor: Any) -> None:
    grid = phantom.grid.refine(factor)
    fine = Volume(np.random.default_rng(0).random(grid.shape), grid)
    path = tmp_path / f"a{suffix}"
    assert np.array_equal(read_back(fine, path).data, fine.data)
    header = nib.load(path).header
    assert np.abs(Grid(grid.shape, header.get_sform()).corners() - phantom.grid.corners()).max() < 1e-4
    assert np.abs(Grid(grid.shape, header.get_qform()).corners() - phantom.grid.corners()).max() < 1e-3


@settings(deadline=None, max_examples=25)
@given(
    angles=st.tuples(*[st.one_of(st.floats(-3.2, 3.2), st.floats(-1e-3, 1e-3))] * 3),
    flips=st.tuples(*[st.sampled_from([-1, 1])] * 3),
    shear=st.sampled_from([0.0, 0.0, 0.01, 0.2]),
    codes=st.tuples(st.integers(0, 4), st.integers(0, 4)),
)
def test_any_orientation_comes_back(
    angles: tuple[float, float, float], flips: tuple[int, int, int], shear: float, codes: tuple[int, int]
) -> None:
    grid = Grid((60, 70, 20), oblique(angles, flips, shear))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.nii"
        once = read_back(Volume(ramp(grid.shape), grid), path)
        once.source.header["sform_code"], once.source.header["qform_code"] = codes
        again = Path(folder) / "b.nii"
        assert np.abs(read_back(once, again).grid.corners() - grid.corners()).max() < 1e-3
        assert np.abs(nib.load(again).affine - grid.affine).max() < 1e-3  # what every other reader sees


@pytest.mark.parametrize("codes", [(1, 1), (2, 1), (4, 0), (0, 1)])
def test_codes_are_kept(tmp_path: Path, codes: tuple[int, int]) -> None:
    made = image(affine=oblique((0, 0, 0.2), (-1, 1, 1)))
    made.set_sform(made.affine, codes[0])
    made.set_qform(made.affine, codes[1])
    write(read(saved(tmp_path / "a.nii", made)), tmp_path / "b.nii")
    header = nib.load(tmp_path / "b.nii").header
    assert (int(header["sform_code"]), int(header["qform_code"])) == codes


def test_a_sheared_affine_stands_in_the_sform_alone(tmp_path: Path) -> None:
    made = image(affine=oblique((0, 0, 0.2), (-1, 1, 1), shear=0.3))
    made.set_qform(None, 0)
    scan = read(saved(tmp_path / "a.nii", made))
    scan.source.header["qform_code"] = 1
    assert np.allclose(read_back(scan, tmp_path / "b.nii").grid.affine, made.affine, atol=1e-5)
    assert int(nib.load(tmp_path / "b.nii").header["qform_code"]) == 0


def test_the_header_is_our_own_with_intent_and_axes_of_the_source(tmp_path: Path) -> None:
    made = image()
    made.header["descrip"], made.header["db_name"], made.header["aux_file"] = b"Jane Doe", b"Jane", b"/data/jane"
    made.header["cal_max"], made.header["slice_end"] = 900, 3
    made.header.set_intent("estimate", name="T1")
    made.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"Jane Doe"))
    write(read(saved(tmp_path / "a.nii", made, dim_info=57)), tmp_path / "b.nii")
    header = nib.load(tmp_path / "b.nii").header
    assert header.get_intent() == ("estimate", (), "T1") and int(header["dim_info"]) == 57
    assert header["descrip"].item().startswith(b"monai_strainer") and header["cal_max"] == header["cal_min"] == 0
    assert header.get_data_dtype() == np.float32 and b"Jane" not in (tmp_path / "b.nii").read_bytes()


def test_a_long_axis_and_nifti_2_are_written_as_nifti_2(tmp_path: Path) -> None:
    long = Volume(ramp((40_000, 2, 1)), Grid((40_000, 2, 1), np.eye(4)))
    image(kind=nib.Nifti2Image).to_filename(tmp_path / "two.nii")
    for k, scan in enumerate((long, read(tmp_path / "two.nii"))):
        assert np.array_equal(read_back(scan, tmp_path / f"{k}.nii").data, scan.data)
        assert isinstance(nib.load(tmp_path / f"{k}.nii"), nib.Nifti2Image)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_the_same_scan_gives_the_same_bytes_under_any_name(tmp_path: Path, phantom: Volume, suffix: str) -> None:
    for name in ("a", "b"):
        write(phantom, tmp_path / name / f"{name}{suffix}")
    assert (tmp_path / f"a/a{suffix}").read_bytes() == (tmp_path / f"b/b{suffix}").read_bytes()


def test_the_record_has_the_hashes_of_image_and_deviation(tmp_path: Path) -> None:
    scan = read(saved(tmp_path / "in.nii"))
    report = {"seed": 3, "warnings": ["thick slices"], "sigma": np.float32(0.5), "prior_sha256": "ab", "best": np.nan}
    write(scan, tmp_path / "out" / "x.nii.gz", report=report, std=np.ones(SHAPE))
    record = json.loads((tmp_path / "out" / "x.json").read_text())
    assert sorted(record["outputs"]) == ["x.nii.gz", "x_std.nii.gz"]
    for name, digest in record["outputs"].items():
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest
    assert record["input"] == {"name": "in.nii", "sha256": scan.source.sha256}
    assert (record["seed"], record["warnings"], record["sigma"], record["prior_sha256"], record["best"]) == (
        3, ["thick slices"], 0.5, "ab", None,
    )  # fmt: skip
    assert {"monai_strainer", "python", "numpy", "torch", "nibabel"} <= set(record["versions"])
    assert np.array_equal(nib.load(tmp_path / "out" / "x_std.nii.gz").get_fdata(), np.ones(SHAPE))


def test_a_failure_leaves_the_old_image_and_its_record(
    tmp_path: Path, phantom: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    import monai_strainer.io.nifti.files as nifti

    write(phantom, tmp_path / "x.nii.gz", report={})
    before = (tmp_path / "x.nii.gz").read_bytes()

    def fail(volume: Volume, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nifti, "write_image", fail)
    with pytest.raises(InputError, match="No space left"):
        write(phantom, tmp_path / "x.nii.gz", report={}, overwrite=True)
    assert (tmp_path / "x.nii.gz").read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["x.json", "x.nii.gz"]


def test_the_record_comes_last_and_an_old_one_goes_first(
    tmp_path: Path, phantom: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(phantom, tmp_path / "x.nii.gz", report={})
    seen, true = [], os.replace

    def replace(source: Path, target: Path) -> None:
        seen.append((target.name, (tmp_path / "x.json").exists()))
        true(source, target)

    monkeypatch.setattr(os, "replace", replace)
    write(phantom, tmp_path / "x.nii.gz", report={}, std=np.ones(phantom.grid.shape), overwrite=True)
    assert seen == [("x.nii.gz", False), ("x_std.nii.gz", False), ("x.json", False)]


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 1), (6, 5, 4), (6, 5, 4, 1), (6, 5, 4, 1, 1)])
def test_an_image_of_one_volume_keeps_all_its_axes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    given = nib.Nifti1Image(np.arange(np.prod(shape), dtype=np.float32).reshape(shape), np.eye(4))
    given.header["pixdim"][4] = 2.5
    nib.save(given, tmp_path / "a.nii")
    write(read(tmp_path / "a.nii"), tmp_path / "b.nii")
    kept = nib.load(tmp_path / "b.nii")
    assert kept.shape == shape and np.array_equal(kept.get_fdata(), given.get_fdata())
    if len(shape) == 4:
        assert kept.header["pixdim"][4] == 2.5


def test_one_volume_of_several_has_three_axes(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.random.default_rng(0).random((6, 5, 4, 3)), np.eye(4)), tmp_path / "a.nii")
    write(read(tmp_path / "a.nii", volume=2), tmp_path / "b.nii")
    assert nib.load(tmp_path / "b.nii").shape == (6, 5, 4)
