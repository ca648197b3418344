# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The benchmarks go through all their parts, on a machine without an accelerator and on small volumes."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
HEADER = "name split person contrast anatomy skull spacing_mm shape detail_xyz noise_percent comment"


def test_the_accelerator_benchmark_goes_through() -> None:
    pytest.importorskip("siren_pytorch")
    pytest.importorskip("nilearn")
    command = [sys.executable, str(ROOT / "benchmarks" / "accelerator.py"), "--device", "cpu", "--tiny"]
    calls = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for part in ("siren-pytorch", "muon, recorded", "launched piece by piece", "pretraining", "restore, default, x2"):
        assert part in calls


def varied(folder: Path) -> Path:
    """A data folder of two small volumes: a knee that is judged, and one that was resampled."""
    (folder / "varied").mkdir(parents=True)
    place = np.indices((36, 42, 9)) - np.array([17.5, 20.5, 4])[:, None, None, None]
    inside = (place[0] / 14) ** 2 + (place[1] / 17) ** 2 < 1
    data = np.where(inside, 300 + 100 * np.sin(place[0] / 2) * np.cos(place[1] / 3), 0).astype(np.int16)
    rows = [HEADER.replace(" ", "\t")]
    for name, comment in (("knee", "in-plane"), ("smooth", "caution: resampled")):
        nib.save(nib.Nifti1Image(data, np.diag([0.8, 0.8, 4, 1])), folder / "varied" / f"{name}.nii.gz")
        rows.append("\t".join((name, "val", name, "T2w", "knee", "n/a", "", "", "0.3/0.3/0.3", "1.0", comment)))
    (folder / "varied" / "manifest.tsv").write_text("\n".join(rows) + "\n")
    return folder


def run(script: str, *arguments: str | Path) -> str:
    """What a benchmark prints."""
    command = [sys.executable, str(ROOT / "benchmarks" / script), *map(str, arguments)]
    paths = {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | paths).stdout


def test_the_benchmark_of_any_scan_goes_through_and_resumes(tmp_path: Path) -> None:
    data, out = varied(tmp_path / "data"), tmp_path / "rows.csv"
    choice = ("--out", out, "--tasks", "denoise3,x2,denoise3_zerofill2")
    run("any_scan.py", data, *choice, "--methods", "input,cubic")
    run("any_scan.py", data, *choice, "--methods", "input,cubic,ours")
    with out.open(newline="") as handle:
        rows = [(row["task"], row["scan"], row["method"]) for row in csv.DictReader(handle)]
    noisy = [(task, "knee", method) for task in ("denoise3", "denoise3_zerofill2") for method in ("input", "ours")]
    assert sorted(rows) == sorted([*noisy, ("x2", "knee", "cubic"), ("x2", "knee", "ours")])
    printed = run("any_scan_table.py", out, "--each")
    assert "## other body parts" in printed and "| other body parts | x2 |" in printed


def test_the_sheet_shows_every_volume(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run("any_scan.py", varied(tmp_path / "data"), "--sheet", tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_compares_the_methods_on_the_first_volume_of_a_group(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    printed = run("any_scan_pictures.py", varied(tmp_path / "data"), "--out", tmp_path / "out", "--tasks", "x2")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["other_body_parts_x2.jpg"]
    picture = (tmp_path / "out" / "other_body_parts_x2.jpg").read_bytes()
    assert picture.startswith(b"\xff\xd8") and len(picture) < 400_000
    assert all(f"{method}: " in printed for method in ("cubic", "back_projection", "ours"))


def test_the_lines_that_the_sample_breaks_are_still_there() -> None:
    assert len(run("mutants.py", "--list").splitlines()) >= 50
