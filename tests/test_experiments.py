# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Every experiment goes through its smallest run, and its table goes on where it stopped."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
from phantoms import affine_of, ellipsoid

from benchmarks.tables import fill
from experiments.results import Results
from monai_strainer import Grid, Volume, write

ROOT = Path(__file__).resolve().parent.parent
EXPERIMENTS = [
    file.stem for file in sorted((ROOT / "experiments").glob("*.py")) if "= None) -> None:" in file.read_text()
]


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BIDS folder of five small heads that differ inside: four to train on, two of one person; one for validation."""
    folder = tmp_path_factory.mktemp("heads")
    lines = ["participant_id\tsplit\tsame_person_as"]
    grid = Grid((40, 48, 32), affine_of(np.diag([4.0, 4.0, 5.0]), (-80, -96, -80)))
    for k in range(5):
        name = f"sub-{k}"
        lines.append("\t".join([name, "val" if k == 4 else "train", "sub-0" if k == 1 else "n/a"]))
        (folder / name / "anat").mkdir(parents=True)
        write(Volume(ellipsoid(grid.shape, 120.0 + 30 * k), grid), folder / name / "anat" / f"{name}_T1w.nii.gz")
    (folder / "participants.tsv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_runs_in_small_and_goes_on_where_it_stopped(name: str, heads: Path, tmp_path: Path) -> None:
    main = importlib.import_module(f"experiments.{name}").main
    words = [str(heads), "--tiny", "--home", str(tmp_path)]
    main(words)
    table = tmp_path / "experiments" / "results" / f"{name}.csv"
    first = table.read_bytes()
    assert b"nan" not in first.lower() and str(tmp_path).encode() not in first and str(heads).encode() not in first
    page = (tmp_path / "docs" / "evidence.md").read_text()
    assert "| --- |" in page and list((tmp_path / "docs" / "images" / "evidence").glob(f"{name}*.png"))
    main(words)
    assert table.read_bytes() == first  # nothing is made again


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_has_its_block_on_the_page(name: str) -> None:
    page = (ROOT / "docs" / "evidence.md").read_text()
    assert f"<!-- {name} -->" in page and f"<!-- end of {name} -->" in page


def results(tmp_path: Path) -> Results:
    return Results("trial", ("scan", "step"), tmp_path, {"seed": 0, "device": "cpu", "machine": "m", "command": "c"})


def test_only_missing_rows_are_made(tmp_path: Path) -> None:
    trial = results(tmp_path)
    cases = [{"scan": "a", "step": step} for step in (1, 2, 2, 3)]
    trial.add({"scan": "a", "step": 1, "psnr": 30.0})
    made = []
    for case in trial.missing(cases):
        trial.add({**case, "psnr": 31.0})
        made.append(case["step"])
    assert made == [2, 3]


def test_a_row_may_bring_a_new_column(tmp_path: Path) -> None:
    trial = results(tmp_path)
    trial.add({"scan": "a", "step": 1, "psnr": 30.0})
    trial.add({"scan": "a", "step": 2, "ssim": 0.5})
    first, second = trial.rows()
    assert (first["psnr"], first["ssim"], second["ssim"], second["command"]) == ("30", "", "0.5", "c")


def test_what_is_shown_replaces_what_was_shown(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a -->\nold\n<!-- end of a -->\nafter <!-- b -->")
    fill(page, {"a": "new", "b": "has no end", "c": "is not there"})
    fill(page, {"a": "new"})
    assert page.read_text() == "before\n<!-- a -->\nnew\n<!-- end of a -->\nafter <!-- b -->"


def test_numbers_of_a_table_are_finite() -> None:
    for file in (ROOT / "experiments" / "results").glob("*.csv"):
        for line in file.read_text().splitlines()[1:]:
            cells = [cell for cell in line.split(",") if cell.lower() in ("nan", "inf", "-inf")]
            assert not cells, f"{file.name}: {line}"
