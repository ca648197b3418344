# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The option ``--with`` as a person uses it: two files in, one file and its record out, and refusals in words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from phantoms import affine_of

from monai_strainer import Grid, Volume, read, write
from monai_strainer.cli.command_line import main


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A thick FLAIR and a sharp T1w of one small object."""
    home = tmp_path_factory.mktemp("contrasts")
    index = np.indices((24, 24, 24)) - 11.5
    inside = np.sqrt((index**2).sum(0))
    flair = np.select([inside < 5, inside < 10], [700.0, 400.0], 0.0)
    grid = Grid((24, 24, 24), affine_of(3 * np.eye(3)))
    noise = np.random.default_rng(0).standard_normal((24, 24, 6))
    thick = np.abs(flair.reshape(24, 24, 6, 4).mean(-1) + 8 * noise)
    paths = home / "flair.nii.gz", home / "t1w.nii.gz"
    write(Volume(thick, grid.resize((24, 24, 6)), slice_axis=2), paths[0])
    write(Volume(np.select([inside < 5, inside < 10], [300.0, 800.0], 0.0), grid), paths[1])
    return paths


def test_a_thick_scan_and_a_sharp_one(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.nii.gz"
    assert main(["restore", str(files[0]), str(out), "--with", str(files[1]), "--std", "--report", "--quiet"]) == 0
    made, record = read(out), json.loads((tmp_path / "out.json").read_text())
    assert made.grid.spacing == pytest.approx([3, 3, 3]) and (tmp_path / "out_std.nii.gz").is_file()
    assert record["inputs"] == ["flair.nii.gz", "t1w.nii.gz"] and len(record["guides"]) == 1
    assert record["task"] == "restoration with other contrasts" and record["alone"]["task"] == "super-resolution"
    assert "out.nii.gz: with t1w.nii.gz, " in capsys.readouterr().out


def test_another_contrast_is_not_replaced(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    before = files[1].read_bytes()
    assert main(["restore", str(files[0]), str(files[1]), "--with", str(files[1]), "--overwrite"]) == 3
    assert "the input itself or takes its name" in capsys.readouterr().err and files[1].read_bytes() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--residual"], "--residual does not go together with --with"),
        (["--with", "nowhere.nii.gz"], "there is no such scan"),
        (["--scale", "1"], "no axis is refined"),
    ],
)
def test_what_does_not_go_together_is_refused(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], change: list[str], said: str
) -> None:
    out = tmp_path / "out.nii.gz"
    assert main(["restore", str(files[0]), str(out), "--with", str(files[1]), *change]) == 3
    assert said in capsys.readouterr().err and not out.exists()


def test_the_scan_itself_is_no_other_contrast(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.nii.gz"
    assert main(["restore", str(files[0]), str(out), "--with", str(files[0])]) == 3
    assert "are one file" in capsys.readouterr().err
