# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""``pretrain``: a folder becomes a prior, and what cannot train is refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from command_lines import head, pretrain, run

from monai_strainer import load_prior, write


def test_three_scans_become_a_prior_on_the_grid_asked_for(prior: Path, tmp_path: Path) -> None:
    for k in range(3):
        write(head(), tmp_path / "cohort" / f"scan{k}.nii.gz")
    assert pretrain(tmp_path / "cohort", tmp_path / "learned", "--grid", "6,24,28") == 0
    assert load_prior(tmp_path / "learned").record["scans"] == 2  # the third validates
    assert pretrain(tmp_path / "cohort", prior, "--grid", "6,24,28", "--overwrite", "--images", 1) == 0
    assert load_prior(prior).record["scans"] == 1


@pytest.mark.parametrize("recipe", ["cohort", "paper"])
def test_a_cohort_becomes_a_prior_and_leaves_no_patient_behind(recipe: str, scan: Path, tmp_path: Path) -> None:
    out = tmp_path / "learned"
    assert pretrain(scan.parent, out, "--recipe", recipe) == 0
    assert load_prior(out).record["scans"] == 1
    assert not list(out.rglob("*.npy"))
    for file in out.rglob("*.pt"):
        state = torch.load(file, weights_only=True)
        assert not [name for name in state.get("module", state) if name.startswith("heads")]


def test_a_cohort_trains_a_detail_prior_as_well(scan: Path, tmp_path: Path) -> None:
    out = tmp_path / "learned"
    assert pretrain(scan.parent, out, "--detail-steps", 1) == 0
    prior = load_prior(out)
    assert prior.detail is not None and prior.typical is not None
    record = prior.record["detail"]
    assert record["recipe"]["steps"] == 1 and record["scans"] == 1 and "--detail-steps 1" in record["command"]


def test_a_cohort_becomes_a_start(scan: Path, tmp_path: Path) -> None:
    assert pretrain(scan.parent, tmp_path / "start", "--kind", "meta") == 0
    assert load_prior(tmp_path / "start").record["kind"] == "meta"


def test_a_kind_that_does_not_go_with_the_rest_is_refused(scan: Path, tmp_path: Path) -> None:
    assert pretrain(scan.parent, tmp_path / "out", "--kind", "meta", "--recipe", "paper") == 3
    assert not (tmp_path / "out").exists()


def test_a_prior_is_not_written_over(scan: Path, prior: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (prior / "models/model.pt").read_bytes()
    assert pretrain(scan.parent, prior) == 3
    assert "there is a prior already" in capsys.readouterr().err
    assert (prior / "models/model.pt").read_bytes() == before


def test_an_interrupted_pretraining_goes_on_from_its_checkpoint(scan: Path, tmp_path: Path) -> None:
    out = tmp_path / "learned"
    assert pretrain(scan.parent, out) == 0
    weights, before = out / "models/model.pt", (out / "models/model.pt").read_bytes()
    assert pretrain(scan.parent, out, "--resume") == 0  # nothing is left to do
    weights.unlink()
    assert pretrain(scan.parent, out, "--resume") == 0
    assert weights.read_bytes() == before


def test_a_missing_cohort_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pretrain(tmp_path / "nowhere", tmp_path / "out") == 3
    assert "does not exist" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_prior_among_the_scans_is_refused(scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pretrain(scan.parent, scan.parent / "learned") == 3
    assert "inside the input" in capsys.readouterr().err


@pytest.mark.parametrize(("grid", "words"), [("4,12", "give slices, rows and columns"), ("0,12,14", "give 1 to 9999")])
def test_a_grid_that_is_none_is_refused(
    grid: str, words: str, scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pretrain(scan.parent, tmp_path / "out", "--grid", grid) == 3
    assert words in capsys.readouterr().err.lower()


def test_an_empty_cohort_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert pretrain(tmp_path / "empty", tmp_path / "out") == 3
    assert "holds no NIfTI" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("more", [("--steps", "-1"), ("--steps", "0"), ("--grid", "nan,2,2"), ("--device", "abacus")])
def test_a_pretraining_that_cannot_be_is_refused_and_leaves_nothing(
    more: tuple[str, str], scan: Path, tmp_path: Path
) -> None:
    assert pretrain(scan.parent, tmp_path / "learned", *more) == 3
    assert not list(tmp_path.rglob("cohort.npy"))


def test_resuming_another_run_is_refused(scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pretrain(scan.parent, tmp_path / "learned") == 0
    assert pretrain(scan.parent, tmp_path / "learned", "--resume", "--seed", 5) == 3
    assert "was made with another seed" in capsys.readouterr().err


@pytest.mark.parametrize("count", ["0", "-1"])
def test_no_scan_or_all_but_one_cannot_be_evaluated(
    count: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("evaluate", tmp_path, "--out", tmp_path / "table.csv", "--scans", count) == 3
    assert f"--scans {count} is below 1" in capsys.readouterr().err and not (tmp_path / "table.csv").exists()
