# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the phases of a training: announced, kept when finished, and never done twice by a run that goes on."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from phantoms import small_head

from monai_strainer import write
from monai_strainer.cli import main
from monai_strainer.cli import recipes as lessons
from monai_strainer.cohorts import sources as general_room
from monai_strainer.networks import DetailPrior, Siren
from monai_strainer.pipelines import bundle_folder
from monai_strainer.pipelines import prior_phases as pipeline
from monai_strainer.pretraining import encoder as pretraining
from monai_strainer.pretraining import general as pretraining_general
from monai_strainer.pretraining import noise_level as pretraining_noise
from monai_strainer.pretraining import truncation
from monai_strainer.pretraining.detail import DetailRecipe
from monai_strainer.pretraining.phases import Phase


class Killed(Exception):
    """Stands in for a machine that goes away."""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks and recipes that cost next to nothing."""
    detail = DetailRecipe(steps=2, groups=1, patches=1, side=16)
    monkeypatch.setattr(pretraining, "Siren", partial(Siren, hidden_channels=16, num_layers=3))
    for recipe in ("COHORT", "PAPER", "META"):
        fast = replace(getattr(lessons, recipe), tiles=1, points=32, steps=2)
        monkeypatch.setattr(lessons, recipe, fast)
    monkeypatch.setattr(lessons, "DETAIL", detail)
    monkeypatch.setattr(
        "monai_strainer.pretraining.detail.DetailPrior", partial(DetailPrior, channels=(8, 8), blocks=1)
    )
    recipe = pretraining_general.GeneralRecipe(steps=2, groups=1, patches=1, side=16)
    monkeypatch.setattr(pretraining_general, "GENERAL", recipe)
    monkeypatch.setattr(general_room, "photograph_sources", lambda: ())
    fast_noise = replace(pretraining_noise.NOISE_LEVEL, steps=2, patches=1, side=16)
    monkeypatch.setattr(pretraining_noise, "NOISE_LEVEL", fast_noise)
    fast_truncation = replace(truncation.TRUNCATION, steps=2, patches=1, slices=1)
    monkeypatch.setattr(truncation, "TRUNCATION", fast_truncation)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder of scans that is a BIDS dataset as well."""
    raw = tmp_path / "raw"
    for label in ("01", "02"):
        write(small_head((22, 26, 10), seed=int(label)), raw / f"sub-{label}" / "anat" / f"sub-{label}_T1w.nii.gz")
    (raw / "dataset_description.json").write_text(json.dumps({"Name": "x", "BIDSVersion": "1.9.0"}))
    return raw


WORDS = ("--device", "cpu")


def learn(scans: Path, out: Path, *more: str) -> int:
    return main(["pretrain", str(scans), str(out), "--grid", "4,12,14", *WORDS, *more])


def group(scans: Path, out: Path, *more: str) -> int:
    return main(["bids", str(scans), str(out), "group", "--grid", "4,12,14", *WORDS, *more])


def everything(scans: Path, out: Path, *more: str) -> int:
    folder = scans.parent / "any"
    if not folder.exists():
        write(small_head((64, 64, 16)), folder / "a.nii.gz")
    return main(["pretrain-general", str(folder), str(out), *WORDS, *more])


def models(out: Path) -> dict[str, bytes]:
    """All that a training publishes."""
    return {path.name: path.read_bytes() for path in sorted(out.rglob("models/*"))}


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the messages without their times."""
    return [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", "", line) for line in capsys.readouterr().err.splitlines()]


def killing(monkeypatch: pytest.MonkeyPatch, room: Any, name: str, allowed: int = 0) -> list[int]:
    """Replace a function by one that is killed at its call number ``allowed``; gives the calls so far."""
    made, calls = getattr(room, name), [0]

    def kill(*args: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] > allowed:
            raise Killed
        return made(*args, **options)

    monkeypatch.setattr(room, name, kill)
    return calls


Train = Callable[..., int]
TAIL = [  # the command, what is killed, and what is finished by then
    (learn, (pretraining, "readout_statistics"), []),
    (learn, (pipeline, "reference_scores"), ["readout_statistics"]),
    (learn, ("monai_strainer.priors.store", "write_together"), ["readout_statistics", "reference_scores"]),
    (learn, (pipeline, "read_heads"), ["readout_statistics", "reference_scores"]),
    (learn, ("monai_strainer.pretraining.detail", "DetailLoss"), ["readout_statistics", "reference_scores"]),
    (learn, (bundle_folder, "save_prior"), ["readout_statistics", "reference_scores", "joined"]),
    (group, (pretraining, "readout_statistics"), []),
    (group, (bundle_folder, "save_prior"), ["readout_statistics", "reference_scores", "joined"]),
    (everything, (pretraining_noise, "noise_level_loss"), ["joined"]),
    (everything, ("monai_strainer.priors.general_store", "write_together"), ["joined", "noise_level_loss"]),
]
ROOMS = {"readout_statistics": pretraining, "reference_scores": pipeline, "noise_level_loss": pretraining_noise}


@pytest.mark.parametrize(("train", "where", "finished"), TAIL, ids=lambda part: getattr(part, "__name__", None))
def test_a_run_killed_in_its_tail_goes_on_to_the_same_bytes(
    train: Train, where: tuple[Any, ...], finished: list[str], scans: Path, tmp_path: Path
) -> None:
    assert train(scans, tmp_path / "whole", "--quiet") == 0
    room = where[0] if not isinstance(where[0], str) else __import__(where[0], fromlist=["x"])
    with pytest.MonkeyPatch.context() as patch:
        killing(patch, room, *where[1:])
        with pytest.raises(Killed):
            train(scans, tmp_path / "cut", "--quiet")
    with pytest.MonkeyPatch.context() as patch:
        for name in finished:  # whatever is finished is not done again
            killing(patch, ROOMS.get(name, __import__("monai_strainer.pretraining.detail", fromlist=["x"])), name)
        assert train(scans, tmp_path / "cut", "--quiet", "--resume") == 0
    assert models(tmp_path / "cut") == models(tmp_path / "whole") != {}
    assert not [path for path in tmp_path.rglob(".tmp*")]


@pytest.mark.parametrize("recipe", ["cohort", "paper"])
def test_the_trained_weights_are_on_disk_before_the_statistics_and_hold_no_patient(
    recipe: str, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(siren: Siren, *args: Any, **options: Any) -> None:
        kept = torch.load(tmp_path / "out" / "runs" / "checkpoint.pt", weights_only=True)
        weights = kept["module"] if recipe == "cohort" else kept["encoder"]
        assert kept["step"] == 2 and not [name for name in weights if "head" in name]
        assert all(torch.equal(value, weights[name]) for name, value in siren.encoder.state_dict().items())
        raise Killed

    more = ("--recipe", recipe, "--detail-steps", "0", "--quiet")
    assert learn(scans, tmp_path / "whole", *more) == 0
    with monkeypatch.context() as patch:
        patch.setattr(pretraining, "readout_statistics", look)
        with pytest.raises(Killed):
            learn(scans, tmp_path / "out", *more)
    assert learn(scans, tmp_path / "out", *more, "--resume") == 0
    assert models(tmp_path / "out") == models(tmp_path / "whole")


def test_every_phase_says_so_in_a_line_and_a_run_that_goes_on_says_what_it_passes_over(
    scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = ["reading 2 scans", "coordinate prior: 2 steps", "statistics of the readouts", "reference map of 2 heads"]
    wanted += ["detail network: 2 steps"]
    assert learn(scans, tmp_path / "out") == 0
    assert lines_of(capsys) == wanted
    with pytest.MonkeyPatch.context() as patch:
        killing(patch, bundle_folder, "save_prior")
        with pytest.raises(Killed):
            learn(scans, tmp_path / "out", "--overwrite", "--quiet")
    assert learn(scans, tmp_path / "out", "--resume") == 0
    again = lines_of(capsys)
    for text in ("statistics of the readouts: done before", "reference map of 2 heads: done before"):
        assert text in again
    assert "checkpoint.pt: goes on after step 2" in again and "detail.pt: goes on after step 2" in again
    assert learn(scans, tmp_path / "out", "--resume") == 0
    assert lines_of(capsys) == ["the prior is complete: nothing is left to do"]
    assert learn(scans, tmp_path / "out", "--overwrite", "--quiet") == 0
    assert capsys.readouterr().err == ""
    assert not (tmp_path / "out" / "runs").exists()


def test_a_general_prior_announces_its_networks(
    scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert everything(scans, tmp_path / "out") == 0
    assert lines_of(capsys) == [
        "reading sources",
        "detail network: 2 steps",
        "noise network: 2 steps",
        "truncation network: 2 steps",
    ]


def test_a_new_run_does_not_go_on_from_an_older_one(scans: Path, tmp_path: Path) -> None:
    assert learn(scans, tmp_path / "out", "--quiet") == 0
    with pytest.MonkeyPatch.context() as patch:
        killing(patch, pretraining, "readout_statistics")
        with pytest.raises(Killed):
            learn(scans, tmp_path / "out", "--quiet", "--overwrite", "--seed", "1")
    assert sorted(path.name for path in (tmp_path / "out" / "runs").iterdir()) == ["checkpoint.pt"]
    assert learn(scans, tmp_path / "out", "--quiet", "--seed", "1", "--resume") == 0
    assert learn(scans, tmp_path / "other", "--quiet", "--seed", "1") == 0
    assert models(tmp_path / "out") == models(tmp_path / "other")


def test_a_phase_is_done_once_and_for_its_own_inputs_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "a.pt"
    with caplog.at_level("INFO", "monai_strainer"):
        for number, (seed, resume) in enumerate([(0, True), (0, True), (1, True), (1, False)]):
            given = Phase("a", {"seed": seed}, file, resume).result(lambda value=number: {"value": value})  # type: ignore[misc]
            assert given["value"] == (0, 0, 2, 3)[number]
    assert caplog.messages == ["a", "a: done before", "a", "a"]


def test_the_recorded_command_makes_the_same_prior_again(scans: Path, tmp_path: Path) -> None:
    filters = tmp_path / "filter.json"
    filters.write_text('{"t1w": {"subject": "02"}}')
    runs: list[tuple[Train, tuple[str, ...], str]] = [
        (
            learn,
            ("--grid", "5,11,13", "--steps", "3", "--plane", "coronal", "--images", "1", "--seed", "4"),
            "prior.json",
        ),
        (learn, ("--kind", "meta", "--steps", "1", "--detail-steps", "0"), "prior.json"),
        (group, ("--pretrain-steps", "3", "--bids-filter-file", str(filters), "--seed", "2"), "prior.json"),
        (everything, ("--steps", "1", "--noise-steps", "3", "--seed", "5"), "general.json"),
    ]
    for number, (train, more, name) in enumerate(runs):
        one, two = tmp_path / f"one{number}", tmp_path / f"two{number}"
        assert train(scans, one, "--quiet", *more) == 0
        (rules,) = one.rglob(name)
        record = json.loads(rules.read_text())
        source = scans.parent / "any" if train is everything else scans
        places = {"COHORT_DIR": source, "BIDS_DIR": source, "FOLDER": source, "OUT_BUNDLE": two, "OUT_DIR": two}
        places["filter.json"] = filters
        words = [str(places.get(word, word)) for word in shlex.split(record["command"])[1:]]
        assert main([*words, "--quiet"]) == 0
        assert models(two) == models(one)
    assert json.loads(next((tmp_path / "one2").rglob("prior.json")).read_text())["filters"] == {
        "t1w": {"subject": "02"}
    }


def test_a_general_prior_is_trained_further_and_says_from_what(scans: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert everything(scans, first) == 0
    assert everything(scans, second, "--from", str(first), "--noise-steps", "0", "--rate", "1e-4", "--seed", "1") == 0
    one, two = (json.loads((out / "models" / "general.json").read_text()) for out in (first, second))
    assert two["detail"]["from"] == {"command": one["command"], **one["detail"]}
    assert two["noise_level"] == one["noise_level"] and two["detail"]["sha256"] != one["detail"]["sha256"]
    assert "--from BUNDLE" in two["command"] and "--rate 0.0001" in two["command"]
    assert everything(scans, tmp_path / "third", "--noise-steps", "0") == 3


def test_one_network_alone_is_trained_and_the_others_stay_bit_for_bit(scans: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert everything(scans, first) == 0
    others = ("--steps", "0", "--noise-steps", "0", "--seed", "3")
    assert everything(scans, second, "--from", str(first), *others) == 0
    one, two = models(first), models(second)
    assert one["model.pt"] == two["model.pt"] and one["noise_level.pt"] == two["noise_level.pt"]
    assert one["truncation.pt"] != two["truncation.pt"]
    record = json.loads(two["general.json"])
    was = json.loads(one["general.json"])
    assert record["truncation"]["seed"] == 3 and record["detail"] == {"command": was["command"], **was["detail"]}


def test_slices_too_small_for_the_truncation_network_leave_it_out(
    scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(small_head((56, 56, 16)), scans.parent / "any" / "a.nii.gz")
    assert everything(scans, tmp_path / "out") == 0
    assert "that network is left out" in capsys.readouterr().err
    assert "truncation.pt" not in models(tmp_path / "out")
