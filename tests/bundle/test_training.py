# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The bundle's train.json: one recipe for schedule, trainer and record, and a tail that can be resumed."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from monai_strainer import InputError, Prior, load_prior, save_prior
from monai_strainer.bundle import training as bundle_training
from monai_strainer.bundle.parts import refuse_typos
from monai_strainer.cli.recipes import COHORT, DETAIL
from monai_strainer.pipelines import bundle_folder
from monai_strainer.pipelines import prior_phases as pipeline
from monai_strainer.pretraining.encoder import Recipe

pytest.importorskip("ignite")
pytest.importorskip("fire")

from .conftest import BUNDLE, SMALL, workflow

TRAIN = json.loads((BUNDLE / "configs" / "train.json").read_text())
QUICK = {**SMALL, "network_def#hidden_channels": 16, "network_def#num_layers": 3, "device": "cpu"}


def trained(scans: Path, out: Path, **overrides: Any) -> Path:
    """A run of train.json in this process."""
    made = workflow(BUNDLE, "train", kind="train", dataset_dir=scans, output_dir=out, **{**QUICK, **overrides})
    made.run()
    return out


def cause_of(error: BaseException) -> str:
    """The last error in a chain: MONAI wraps them."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return str(error)


def bytes_of(out: Path) -> list[bytes]:
    return [(out / "models" / name).read_bytes() for name in ("model.pt", "prior.json")]


def test_one_recipe_for_the_command_line_the_bundle_and_the_shipped_weights() -> None:
    shipped = json.loads((BUNDLE / "models" / "prior.json").read_text())
    keys = {"tiles": "tiles", "points": "points", "images": "scans_per_tile", "rate": "lr", "ridge": "ridge"}
    given = {name: TRAIN[key] for name, key in keys.items()}
    steps = TRAIN["epochs"] * TRAIN["steps_per_epoch"]
    assert Recipe(steps=steps, warmup=TRAIN["warmup"], **given) == COHORT
    assert shipped["recipe"] == asdict(COHORT) and shipped["detail"]["from"]["recipe"] == asdict(DETAIL)


@pytest.mark.parametrize(
    ("overrides", "steps"),
    [({"train#trainer#max_epochs": 2}, 4), ({"train#trainer#epoch_length": 3}, 3), ({"epochs": 3}, 6)],
    ids=str,
)
def test_another_number_of_epochs_is_another_schedule_and_another_record(
    overrides: dict[str, int], steps: int, cohort_dir: Path, tmp_path: Path
) -> None:
    record = load_prior(trained(cohort_dir, tmp_path, **overrides)).record
    assert record["recipe"]["steps"] == steps
    made = workflow(BUNDLE, "train", kind="train", dataset_dir=cohort_dir, output_dir=tmp_path, **QUICK)
    assert made.parser.get_parsed_content("recipe").steps == 2


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"recipe#steps": 7}, "takes 2 steps, the recipe says 7. Set --epochs and --steps_per_epoch"),
        ({"train#dataset#points": 32}, "Set --points"),
        ({"train#dataset#length": 9}, "takes 9 tiles"),
        ({"train#dataset#images": 1}, "Set --scans_per_tile"),
        ({"train#dataset#seed": 1}, "Set --seed"),
        ({"loss#ridge": 0.5}, "Set --ridge"),
        ({"optimizer#lr": 0.5}, "Set --lr"),
    ],
    ids=str,
)
def test_two_recipes_in_one_run_are_refused(
    overrides: dict[str, float], says: str, cohort_dir: Path, tmp_path: Path
) -> None:
    with pytest.raises((RuntimeError, InputError)) as given:
        trained(cohort_dir, tmp_path / "out", **overrides)
    assert says in cause_of(given.value)
    assert not (tmp_path / "out" / "models").exists()


def test_a_key_that_lacks_its_beginning_is_refused_with_the_whole_one() -> None:
    words = ["/any/monai/bundle/__main__.py", "run", "--config_file", str(BUNDLE / "configs/train.json")]
    with pytest.raises(InputError, match="is --train#trainer#max_epochs meant"):
        refuse_typos([*words, "--trainer#max_epochs", "3"])


def test_a_federated_round_is_a_part_of_the_schedule() -> None:
    made = workflow(BUNDLE, "train", "federated", kind="train", **{**QUICK, "epochs": 5, "train#trainer#max_epochs": 1})
    assert made.parser.get_parsed_content("recipe").steps == 10


class Killed(Exception):
    """Stands in for a machine that goes away."""


@pytest.mark.parametrize("phase", ["statistics", "reference", "publishing"])
def test_a_run_killed_in_its_tail_goes_on_to_the_same_bytes(phase: str, cohort_dir: Path, tmp_path: Path) -> None:
    whole = bytes_of(trained(cohort_dir, tmp_path / "whole"))

    def kill(*args: Any, **options: Any) -> None:
        raise Killed

    place = {"statistics": (bundle_training, "readout_statistics"), "reference": (pipeline, "reference_scores")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(*place.get(phase, (bundle_folder, "save_prior")), kill)
        with pytest.raises((RuntimeError, Killed)):
            trained(cohort_dir, tmp_path / "cut")
    assert (tmp_path / "cut" / "runs" / "trained.pt").is_file()  # the weights come first
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("monai.engines.SupervisedTrainer.run", kill)
        if phase != "statistics":
            patch.setattr(bundle_training, "readout_statistics", kill)
        if phase == "publishing":
            patch.setattr(pipeline, "reference_scores", kill)
        trained(cohort_dir, tmp_path / "cut", resume=True)
    assert bytes_of(tmp_path / "cut") == whole


def test_what_is_finished_for_another_seed_is_refused(cohort_dir: Path, tmp_path: Path) -> None:
    def kill(*args: Any, **options: Any) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle_folder, "save_prior", kill)
        with pytest.raises((RuntimeError, Killed)):
            trained(cohort_dir, tmp_path)
    with pytest.raises((RuntimeError, InputError)) as given:
        trained(cohort_dir, tmp_path, resume=True, seed=1)
    assert "trained.pt was made with" in cause_of(given.value)


PLACES = ("dataset_dir", "output_dir")
FREE = {"bundle_root", *PLACES, "val_interval", "val_tiles", "resume"}  # change no weights
OTHER = {
    "plane": "coronal",
    "grid": [5, 20, 24],
    "seed": 3,
    "epochs": 2,
    "steps_per_epoch": 3,
    "tiles": 2,
    "points": 48,
}
OTHER |= {"scans_per_tile": 1, "lr": 0.001, "warmup": 2, "ridge": 0.001, "half": False}
OTHER |= {"detail_steps": 0, "detail_groups": 1, "detail_patches": 1, "detail_side": 16, "detail_rate": 0.001}
OTHER |= {"detail_warmup": 2, "detail_average": 0.9}


def test_every_key_that_changes_the_weights_stands_in_the_record_which_makes_them_again(
    cohort_dir: Path, tmp_path: Path
) -> None:
    from fire.parser import DefaultParseValue

    plain = {name for name, value in TRAIN.items() if isinstance(value, int | float | list) or name == "plane"}
    assert plain - FREE - {"imports", "initialize", "run"} == set(OTHER)
    first = load_prior(trained(cohort_dir, tmp_path / "one", **OTHER))
    words = shlex.split(first.record["command"])
    said = {name.removeprefix("--"): DefaultParseValue(value) for name, value in zip(words[4::2], words[5::2])}
    assert OTHER.items() <= said.items() and said["network_def#hidden_channels"] == 16
    assert said.pop("config_file") == "configs/train.json"
    for name in ("bundle_root", "dataset_dir", "output_dir"):
        said.pop(name)
    made = workflow(BUNDLE, "train", kind="train", dataset_dir=cohort_dir, output_dir=tmp_path / "two", **said)
    made.run()
    assert load_prior(tmp_path / "two").digest == first.digest


def test_a_detail_prior_s_record_makes_it_again(cohort_dir: Path, tmp_path: Path) -> None:
    from fire.parser import DefaultParseValue

    root = tmp_path / "bundle"
    (root / "configs").mkdir(parents=True)
    shutil.copy(BUNDLE / "configs" / "train_detail.json", root / "configs")
    save_prior(Prior.cold(0, hidden_channels=16), root)
    options: dict[str, Any] = {"steps": 1, "side": 16, "patches": 1, "groups": 1, "rate": 0.001, "seed": 3}
    options |= {"network_def#channels": [8, 8], "network_def#blocks": 1, "device": "cpu"}
    digests = []
    for name in ("one", "two"):
        made = workflow(
            root, "train_detail", kind="train", dataset_dir=cohort_dir, output_dir=tmp_path / name, **options
        )
        made.run()
        given = load_prior(tmp_path / name).record["detail"]
        words = shlex.split(given["command"])
        said = {key.removeprefix("--"): DefaultParseValue(value) for key, value in zip(words[4::2], words[5::2])}
        assert options.items() <= said.items()
        digests.append(given["sha256"])
        options = {key: said[key] for key in said if key not in ("config_file", "bundle_root", *PLACES)}
    assert digests[0] == digests[1]
