# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A disk that fills, or is read-only, at whichever file: one sentence, nothing half-written, earlier outputs intact."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from dicom_files import series
from phantoms import small_head, small_prior, small_prior_with_detail

from monai_strainer import Volume, load_prior, read, save_prior, write
from monai_strainer.cli import main
from monai_strainer.errors import InputError
from monai_strainer.io import Attached
from monai_strainer.storage.atomic import reserve

QUICK = ["--scale", "1", "--steps", "0", "--quiet", "--device", "cpu"]
LEARN = ["--steps", "1", "--detail-steps", "0", "--grid", "3,12,14", "--device", "cpu", "--quiet"]


def fills(monkeypatch: pytest.MonkeyPatch, files: int, code: int = errno.ENOSPC) -> None:
    """A disk that takes so many more files, and no more after that."""
    left, true = [files], os.fsync

    def fsync(handle: int) -> None:
        if os.path.isfile(f"/proc/self/fd/{handle}"):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(code, os.strerror(code))
        true(handle)

    monkeypatch.setattr(os, "fsync", fsync)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the disk is made to fail by Linux's means")


@pytest.mark.parametrize("files", range(4))
def test_an_image_its_deviation_page_and_record_are_replaced_together_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    scan, std = small_head(), np.ones(small_head().grid.shape)
    write(scan, tmp_path / "x.nii.gz", report={"seed": 0}, std=std, attached=Attached(page="old"))
    before = contents(tmp_path)
    fills(monkeypatch, files)
    other, new = Volume(2 * scan.data, scan.grid), Attached(page="new")
    with pytest.raises(InputError, match=r"x\.nii\.gz: the file cannot be written \(No space left on device\)"):
        write(other, tmp_path / "x.nii.gz", report={"seed": 1}, std=2 * std, attached=new, overwrite=True)
    assert contents(tmp_path) == before


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("files", [0, 8, 16])  # eight images, and as many of the deviation; the record is the last
def test_a_series_is_replaced_with_its_record_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    scan = read(series(tmp_path / "in"))
    std = np.ones(scan.data.shape)
    write(scan, tmp_path / "out" / "x", report={"seed": 0}, std=std)
    before = contents(tmp_path / "out")
    fills(monkeypatch, files)
    with pytest.raises(InputError, match="x: the series cannot be written"):
        write(scan, tmp_path / "out" / "x", report={"seed": 1}, std=std, overwrite=True)
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize("files", range(3))
def test_a_prior_is_replaced_as_a_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    old = save_prior(small_prior_with_detail(0), tmp_path)
    before = contents(tmp_path)
    fills(monkeypatch, files)
    with pytest.raises(OSError, match="No space left"):
        save_prior(small_prior_with_detail(1), tmp_path)
    assert contents(tmp_path) == before and load_prior(tmp_path).digest == old.digest


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A BIDS dataset of two participants, and a prior."""
    for name in ("sub-01", "sub-02"):
        write(small_head((22, 26, 20)), tmp_path / "raw" / name / "anat" / f"{name}_T1w.nii.gz")
    (tmp_path / "raw" / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    save_prior(small_prior(), tmp_path / "bundle")
    return tmp_path


@pytest.mark.parametrize(
    ("files", "code", "says"),
    [
        (0, 3, "dataset_description.json: the file cannot be written (No space left on device)"),
        (4, 3, "index.html: "),  # no scan and no table
        (10, 8, None),  # one scan: image, page and record, each forced to disk before and after all are there
    ],
)
def test_a_disk_that_fills_under_the_app_is_an_error(
    dataset: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    files: int,
    code: int,
    says: str | None,
) -> None:
    words = ["bids", str(dataset / "raw"), str(dataset / "out"), "participant", "--prior", str(dataset / "bundle")]
    fills(monkeypatch, files)
    if says is None or files == 4:  # the tables of the run still fit
        monkeypatch.setattr("monai_strainer.pipelines.batch.write_csv", lambda *_, **__: None)
    if says is None:
        monkeypatch.setattr("monai_strainer.cli.many_scans._record_run", lambda *_: None)
    assert main([*words, *QUICK]) == code
    out, err = capsys.readouterr()
    assert (says or "1 of 2 scans are done, 1 failed") in err + out
    assert not [name for name in contents(dataset / "out") if ".tmp-" in name or ".old-" in name]
    monkeypatch.undo()
    assert main([*words, *QUICK]) == 0  # with space again, the same line goes on: nothing is in its way
    assert len([name for name in contents(dataset / "out") if name.endswith(".nii.gz")]) == 2


@pytest.mark.parametrize(("number", "reason"), [(errno.ENOSPC, "No space left"), (errno.EROFS, "Read-only")])
def test_a_pretraining_that_cannot_be_written_is_an_error(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, reason: str
) -> None:
    words = ["pretrain", str(dataset / "raw"), str(dataset / "out"), *LEARN]
    fills(monkeypatch, 0, number)
    assert main(words) == 3
    assert f"checkpoint.pt: the file cannot be written ({reason}" in capsys.readouterr().err
    assert contents(dataset / "out") == {}  # no images of patients either


@pytest.mark.parametrize("kind", ["a file", "a shut folder"])
@pytest.mark.parametrize("command", ["nifti", "dicom", "participant", "group", "pretrain"])
def test_an_output_that_cannot_be_made_is_refused_in_one_line_before_anything_is_computed(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, kind: str
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("it was computed")

    for name in ("pipelines.restore_file.restore", "pipelines.prior_phases.pretrain"):
        monkeypatch.setattr(f"monai_strainer.{name}", never)
    out, raw, prior = dataset / "x" / "out", dataset / "raw", ["--prior", str(dataset / "bundle"), *QUICK]
    if kind == "a file":
        (dataset / "x").write_text("no folder")
    elif os.geteuid() == 0:
        pytest.skip("root may write into any folder")
    else:
        (dataset / "x").mkdir(mode=0o500)
    words = {
        "nifti": ["restore", raw / "sub-01" / "anat" / "sub-01_T1w.nii.gz", out / "y.nii.gz", *prior],
        "dicom": ["restore", dataset / "series", out, *prior],
        "participant": ["bids", raw, out, "participant", *prior],
        "group": ["bids", raw, out, "group", "--pretrain-steps", "1", *LEARN[2:]],
        "pretrain": ["pretrain", raw, out, *LEARN],
    }[command]
    if command == "dicom":
        series(dataset / "series")
    assert main([str(word) for word in words]) == 3
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("monai-strainer: ")]
    assert "cannot be written" in line


def test_the_space_of_a_mapped_file_is_taken_before_it_is_mapped(tmp_path: Path) -> None:
    """A disk that fills under a mapping kills the process without a word."""
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536));"
        "from monai_strainer.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    for name in ("a", "b"):
        write(small_head((22, 26, 20)), tmp_path / "in" / f"{name}.nii.gz")
    words = ["pretrain", str(tmp_path / "in"), str(tmp_path / "out"), *LEARN, "--grid", "32,64,64"]
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True)
    assert done.returncode == 3 and "cohort.npy: the file cannot be written" in done.stderr, done.stderr
    assert contents(tmp_path / "out") == {}


def test_reserved_space_is_there(tmp_path: Path) -> None:
    reserve(tmp_path / "x", 1 << 16)
    assert (tmp_path / "x").stat().st_blocks * 512 >= 1 << 16
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, limit[1]))
    try:
        with pytest.raises(OSError, match="y"):
            reserve(tmp_path / "y", 1 << 17)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert not (tmp_path / "y").exists()
