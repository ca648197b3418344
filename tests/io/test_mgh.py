# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""MGH files: nibabel reads what we write and the other way round, geometry stays, and faults have a sentence."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from phantoms import small_head, small_prior

from monai_strainer import Grid, InputError, Volume, read, restore, write
from monai_strainer.cli.command_line import main
from monai_strainer.io import find_scans

SHAPE = (5, 7, 4)


def oblique() -> Volume:
    """A scan with three voxel sizes, turned, and far from the origin."""
    c, s = np.cos(0.4), np.sin(0.4)
    turn = np.array([[c, 0, s, -30], [0, -1, 0, 12.5], [-s, 0, c, 80], [0, 0, 0, 1]])
    data = np.random.default_rng(0).normal(100, 30, SHAPE).astype(np.float32)
    return Volume(data, Grid(SHAPE, turn @ np.diag([0.9, 1.2, 3.0, 1])))


@pytest.mark.parametrize("name", ["x.mgz", "x.mgh", "X.MGZ"])
def test_a_volume_comes_back(name: str, tmp_path: Path) -> None:
    write(oblique(), tmp_path / name)
    again = read(tmp_path / name)
    assert np.array_equal(again.data, oblique().data)
    np.testing.assert_allclose(again.grid.affine, oblique().grid.affine, atol=1e-4)


def test_nibabel_reads_what_is_written(tmp_path: Path) -> None:
    write(oblique(), tmp_path / "x.mgz")
    image = nib.load(tmp_path / "x.mgz")
    assert np.array_equal(image.get_fdata(dtype=np.float32), oblique().data)
    np.testing.assert_allclose(image.affine, oblique().grid.affine, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32])
def test_what_nibabel_writes_is_read(dtype: type, tmp_path: Path) -> None:
    data = np.arange(np.prod(SHAPE)).reshape(SHAPE).astype(dtype)
    nib.save(nib.MGHImage(data, oblique().grid.affine), tmp_path / "x.mgz")
    scan = read(tmp_path / "x.mgz")
    assert np.array_equal(scan.data, data) and scan.data.dtype == np.float32
    np.testing.assert_allclose(scan.grid.affine, nib.load(tmp_path / "x.mgz").affine, atol=1e-4)


def test_a_file_of_freesurfer_is_read_as_nibabel_reads_it() -> None:
    file = Path(nib.__file__).parent / "tests" / "data" / "test.mgz"  # 3 x 4 x 5 x 2
    if not file.exists():
        pytest.skip("nibabel came without its test data")
    image = nib.load(file)
    for k in (1, 2):
        scan = read(file, volume=k)
        assert np.array_equal(scan.data, image.get_fdata(dtype=np.float32)[..., k - 1])
        np.testing.assert_allclose(scan.grid.affine, image.affine, atol=1e-4)
    with pytest.raises(InputError, match="2 volumes"):
        read(file)
    with pytest.raises(InputError, match="no volume 3"):
        read(file, volume=3)


def test_the_same_volume_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.mgz", "b.mgz"):
        write(oblique(), tmp_path / name)
    assert (tmp_path / "a.mgz").read_bytes() == (tmp_path / "b.mgz").read_bytes()


def test_a_scan_in_mgh_is_restored_into_mgh_and_keeps_its_field_of_view(tmp_path: Path) -> None:
    scan = small_head((20, 22, 6))
    write(scan, tmp_path / "in.mgz")
    out = restore(read(tmp_path / "in.mgz"), small_prior(), 2, method="coordinates", steps=0)
    write(out.volume, tmp_path / "out.mgz", report=out.report, std=out.std)
    assert {file.name for file in tmp_path.iterdir()} == {"in.mgz", "out.mgz", "out_std.mgz", "out.json"}
    result = read(tmp_path / "out.mgz")
    assert np.array_equal(result.data, out.volume.data)
    np.testing.assert_allclose(result.grid.corners(), scan.grid.corners(), atol=1e-3)


def test_folders_of_mgh_files_are_found_and_the_command_line_takes_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.mgz", "b.nii.gz"):
        write(small_head((20, 22, 6)), tmp_path / "in" / name)
    assert [file.name for file in find_scans(tmp_path / "in")] == ["a.mgz", "b.nii.gz"]
    assert main(["restore", str(tmp_path / "in"), str(tmp_path / "out"), "--dry-run"]) == 0
    assert "a.mgz:" in capsys.readouterr().out


def header(**changed: float) -> bytes:
    values = {
        "version": 1, "nx": 5, "ny": 7, "nz": 4, "frames": 1, "kind": 3, "dof": 0, "good": 1, "dx": 1.0, "dy": 1.0,
        "dz": 1.0, **{f"m{k}": float(k in (0, 4, 8)) for k in range(9)}, "cx": 0.0, "cy": 0.0, "cz": 0.0,
    } | changed  # fmt: skip
    return struct.pack(">7ih3f9f3f", *values.values()).ljust(284, b"\0")


VOXELS = np.arange(140, dtype=">f4").tobytes()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda: header(version=2) + VOXELS, "the version is 2"),
        (lambda: header(nx=-5) + VOXELS, "not above 0"),
        (lambda: header(kind=9, version=7) + VOXELS, "the version is 7, not 1; voxels of type 9"),
        (lambda: header(dx=0.0) + VOXELS, "voxel size"),
        (lambda: header(cx=float("nan")) + VOXELS, "geometry is not finite"),
        (lambda: header(m0=0.0) + VOXELS, "affine"),
        (lambda: header(good=0) + VOXELS, "no geometry, and programs differ"),
        (lambda: header(nx=2**30) + VOXELS, "more than the limit"),
        (lambda: header() + VOXELS[:-4], "the file holds 556"),
        (lambda: header()[:100], "a header takes 284"),
        (lambda: header() + bytes(560), "every voxel has the value 0"),
        (lambda: header() + VOXELS[:-4] + struct.pack(">f", float("inf")), "1 of 140 voxels are NaN or infinite"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_what_is_wrong_with_a_file_is_said(
    change: Callable[[], bytes], said: str, packed: bool, tmp_path: Path
) -> None:
    file = tmp_path / ("x.mgz" if packed else "x.mgh")
    file.write_bytes(gzip.compress(change()) if packed else change())
    with pytest.raises(InputError, match=said):
        read(file)


def test_a_file_that_is_cut_off_or_not_packed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.mgz").write_bytes(gzip.compress(header() + VOXELS)[:-30])
    (tmp_path / "y.mgz").write_bytes(header() + VOXELS)
    for name in ("x.mgz", "y.mgz"):
        with pytest.raises(InputError, match="gzip, cut off or damaged"):
            read(tmp_path / name)
