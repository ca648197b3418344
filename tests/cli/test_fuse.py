# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The command ``fuse`` as a person uses it: files in, one file and its record out, and refusals in words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from stacks import GRID, three

from monai_strainer import Grid, InputError, Volume, read, write
from monai_strainer.cli.command_line import main
from monai_strainer.pipelines.fuse_files import _grid_of


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
    assert "fused.nii.gz: 3 stacks, kriging" in said and "stack 2 (coronal.nii.gz): shift +1.5" in said
    assert main(command) == 3 and "exists already" in capsys.readouterr().err


def test_the_result_has_the_grid_of_another_image_and_a_page(files: list[Path], tmp_path: Path) -> None:
    affine = GRID.affine @ np.array([[0, -2, 0, 47], [0, 0, 4, 0], [-4, 0, 0, 47], [0, 0, 0, 1]])
    like, out = Volume(np.zeros((12, 24, 12)), Grid((12, 24, 12), affine)), tmp_path / "fused.nii.gz"
    write(like, tmp_path / "like.nii.gz")
    command = ["fuse", *map(str, files), str(out), "--like", str(tmp_path / "like.nii.gz"), "--report"]
    assert main([*command, "--method", "kriging", "--no-align", "--quiet"]) == 0
    assert np.allclose(read(out).grid.affine, like.grid.affine) and read(out).grid.shape == (12, 24, 12)
    record = json.loads((tmp_path / "fused.json").read_text())["configuration"]
    assert record["like"]["shape"] == [12, 24, 12] and record["method"] == "kriging" and record["align"] is False
    page = (tmp_path / "fused.html").read_text()
    shown = "monai-strainer fuse axial.nii.gz coronal.nii.gz sagittal.nii.gz fused.nii.gz"
    assert f"{shown} --method kriging --no-align --like IMAGE --report" in page and str(tmp_path) not in page


def test_a_grid_is_not_given_twice_and_a_series_keeps_its_directions(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["fuse", *map(str, files), str(tmp_path / "x.nii.gz"), "--like", str(files[1])]
    assert main([*command, "--spacing", "2"]) == 3
    assert "Give one of them" in capsys.readouterr().err
    with pytest.raises(InputError, match="keeps the directions of the first stack"):
        _grid_of(files[0], Volume(np.zeros((4, 4, 4)), Grid((4, 4, 4), np.eye(4)[[1, 0, 2, 3]])), tmp_path / "series")


@pytest.mark.parametrize("which", ["stack", "std", "like"])
def test_no_input_is_replaced(
    which: str, files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    axial, coronal, sagittal = (tmp_path / name for name in ("axial.nii.gz", "coronal.nii.gz", "out_std.nii.gz"))
    for source, path in zip(files, (axial, coronal, sagittal)):
        path.write_bytes(source.read_bytes())
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    stacks = [axial, sagittal] if which == "like" else [axial, coronal, sagittal]
    more = ["--std"] if which == "std" else ["--like", coronal] if which == "like" else []
    target = tmp_path / "out.nii.gz" if which == "std" else coronal
    command = ["fuse", *stacks, target, *more, "--method", "kriging", "--no-align", "--overwrite", "--quiet"]
    assert main([str(word) for word in command]) == 3
    assert "the input itself or takes its name" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_one_file_and_the_same_file_twice_are_refused(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "x.nii.gz")
    assert main(["fuse", str(files[0]), out]) == 3
    assert main(["fuse", str(files[0]), str(files[0]), out]) == 3
    said = capsys.readouterr().err
    assert "1 stack cannot be fused" in said and "stacks 1 and 2 are the same" in said and not Path(out).exists()


def test_an_image_that_is_no_result_is_not_replaced(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever forgets the output names the last stack in its place."""
    last = tmp_path / "last.nii.gz"
    last.write_bytes(files[2].read_bytes())
    assert main(["fuse", *map(str, files[:2]), str(last), "--overwrite", "--quiet"]) == 3
    assert "no result of this package" in capsys.readouterr().err and last.read_bytes() == files[2].read_bytes()


def test_a_stack_that_is_left_out_is_named(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.nii.gz"
    volume = read(files[2])
    noise = np.random.default_rng(0).random(volume.data.shape, np.float32) * volume.data.max()
    write(Volume(noise, volume.grid), other)
    command = ["fuse", *map(str, files[:2]), str(other), str(tmp_path / "out.nii.gz"), "--spacing", "4"]
    assert main([*command, "--method", "kriging", "--quiet"]) == 0
    assert "stack 3 (other.nii.gz) is left out" in capsys.readouterr().out
