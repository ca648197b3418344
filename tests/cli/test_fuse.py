# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The command ``fuse`` as a person uses it: files in, one file and its record out, and refusals in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from stacks import three

from monai_strainer import read, write
from monai_strainer.cli.command_line import main


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    home = tmp_path_factory.mktemp("stacks")
    found = [home / f"{name}.nii.gz" for name in ("axial", "coronal", "sagittal")]
    for path, volume in zip(found, three()):
        write(volume, path)
    return found


def test_three_files_become_one(files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "fused.nii.gz"
    command = ["fuse", *map(str, files), str(out), "--spacing", "4", "--method", "kriging", "--std", "--quiet"]
    assert main(command) == 0
    fused, record = read(out), json.loads((tmp_path / "fused.json").read_text())
    assert fused.grid.spacing == pytest.approx([4, 4, 4]) and (tmp_path / "fused_std.nii.gz").is_file()
    assert [len(one["shift"]) for one in record["stacks"]] == [3, 3, 3] and record["method"] == "kriging"
    said = capsys.readouterr().out
    assert "fused.nii.gz: 3 stacks, kriging" in said and "stack 2: shift +1.5" in said
    assert main(command) == 3 and "exists already" in capsys.readouterr().err


def test_one_file_and_the_same_file_twice_are_refused(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "x.nii.gz")
    assert main(["fuse", str(files[0]), out]) == 3
    assert main(["fuse", str(files[0]), str(files[0]), out]) == 3
    said = capsys.readouterr().err
    assert "1 stack cannot be fused" in said and "given twice" in said and not Path(out).exists()
