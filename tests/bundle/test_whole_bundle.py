# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The bundle that a training leaves: complete, loaded and run by MONAI, resumed after a kill, started from another."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import pytest
import torch

from monai_strainer import Siren, load_prior, save_prior
from monai_strainer.cli import main

pytest.importorskip("ignite")
pytest.importorskip("fire")
bundle = pytest.importorskip("monai.bundle")

from phantoms import small_prior_with_detail  # noqa: E402

from .conftest import BUNDLE, SMALL, options, restored, workflow  # noqa: E402

WANTED = """
LICENSE configs/metadata.json configs/inference.json configs/train.json configs/tune.json configs/evaluate.json
configs/logging.conf docs/README.md docs/data_license.txt models/model.pt models/detail.pt models/prior.json
"""
DETAIL = {"detail_steps": 2, "detail_groups": 1, "detail_patches": 1, "detail_side": 16}
SIREN = {"network_def#hidden_channels": 16, "network_def#num_layers": 4}
WORDS = ("--grid", "6,24,28", "--device", "cpu", "--quiet")


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with both networks, small, whose data have terms."""
    folder = tmp_path_factory.mktemp("start")
    save_prior(small_prior_with_detail(tail=0.1), folder)
    (folder / "docs").mkdir()
    (folder / "docs" / "data_license.txt").write_text("These data are for tests.")
    return folder


@pytest.fixture(scope="module")
def whole(cohort_dir: Path, start: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a person runs: train.json from a start, in another process and folder."""
    out, elsewhere = tmp_path_factory.mktemp("out") / "ours", tmp_path_factory.mktemp("elsewhere")
    made = {"bundle_root": BUNDLE, "dataset_dir": cohort_dir, "output_dir": out, "start": start}
    made |= {**SMALL, **DETAIL, **SIREN, "train#trainer#max_epochs": 2}
    words = [sys.executable, "-m", "monai.bundle", "run", "--config_file", BUNDLE / "configs/train.json"]
    done = subprocess.run([*words, *options(made)], cwd=elsewhere, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, (done.stdout + done.stderr)[-1500:]
    assert not list(elsewhere.iterdir())
    return out


@pytest.fixture(scope="module")
def from_scans(cohort_dir: Path, start: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same by the command line of the package."""
    out = tmp_path_factory.mktemp("command") / "ours"
    more = ("--from", str(start), "--steps", "2", "--detail-steps", "8")
    assert main(["pretrain", str(cohort_dir), str(out), *more, *WORDS]) == 0
    return out


@pytest.fixture(params=["whole", "from_scans"])
def made(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def test_the_output_is_a_complete_bundle_and_small(made: Path) -> None:
    assert [name for name in WANTED.split() if not (made / name).is_file()] == []
    left = [path.name for path in (made / "runs").rglob("*.pt")] if (made / "runs").exists() else []
    assert left == []
    for file in (made / "configs").glob("*.json"):
        assert file.read_text() == json.dumps(json.loads(file.read_text()), indent=4) + "\n"


def test_the_metadata_describe_it_and_pass_the_schema(made: Path, oasis: Path) -> None:
    meta = json.loads((made / "configs/metadata.json").read_text())
    assert meta["name"] == "ours" and meta["eval_metrics"].keys() == {
        f"psnr_{task}_{what}" for task in ("noise_3_percent", "in_plane_2x") for what in ("measured", "restored")
    }
    readme = (made / "docs/README.md").read_text()
    assert all(f"{value:.2f}" in readme for value in meta["eval_metrics"].values())
    schema = oasis.parents[1] / "schema" / "meta_schema_20240725.json"
    if schema.exists():
        bundle.verify_metadata(str(made / "configs/metadata.json"), filepath=str(schema))


def test_its_terms_name_those_of_the_start(made: Path) -> None:
    assert "These data are for tests." in (made / "docs/data_license.txt").read_text()


def test_its_record_says_where_it_started_and_what_that_was_worth(made: Path, start: Path) -> None:
    record = load_prior(made).record
    assert record["from"]["sha256"] == load_prior(start).digest
    assert record["gain"]["detail"].keys() == {"decibels", "error", "step"} and record["detail"]["held_out"] == 1
    assert str(start) not in json.dumps(record)


def test_monai_loads_it_and_restores_with_it(made: Path, cohort_dir: Path, tmp_path: Path) -> None:
    network = bundle.load(made.name, bundle_dir=str(made.parent), workflow_type="inference")
    weights = torch.load(made / "models/model.pt", weights_only=True)
    assert isinstance(network, Siren)
    assert all(torch.equal(network.state_dict()[name], value) for name, value in weights.items())
    paths = restored(made, cohort_dir, tmp_path, scale_factor=1)
    assert [nib.load(path).shape for path in paths] == [(24, 28, 20)] * 3
    record = json.loads(paths[0].with_name(paths[0].name.replace(".nii.gz", ".json")).read_text())
    assert record["prior_sha256"] == load_prior(made).digest


def test_the_length_that_was_asked_for_is_that_of_the_record(whole: Path) -> None:
    assert load_prior(whole).record["recipe"]["steps"] == 2 * SMALL["steps_per_epoch"]


@pytest.mark.parametrize("config", ["train", "inference"])
def test_its_own_configurations_have_its_sizes(config: str, made: Path) -> None:
    network = json.loads((made / f"configs/{config}.json").read_text())["network_def"]
    assert network["hidden_channels"] == 16 and network["num_layers"] == 4


def run_of(cohort_dir: Path, out: Path, **more: Any) -> None:
    given = {**SMALL, **DETAIL, **SIREN, "epochs": 3, "dataset_dir": cohort_dir, "output_dir": out, "device": "cpu"}
    workflow(BUNDLE, "train", kind="train", **{**given, "network_def#num_layers": 3, **more}).run()


class Killed(Exception):
    """Stands in for a machine that goes away."""


@pytest.mark.parametrize("at", ["second epoch", "detail network"])
def test_a_run_killed_at_any_time_goes_on_to_the_same_bytes(
    at: str, cohort_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from monai_strainer.networks import DetailPrior
    from monai_strainer.pretraining import detail

    monkeypatch.setattr(detail, "DetailPrior", lambda **sizes: DetailPrior(channels=(8, 8), blocks=1, **sizes))
    monkeypatch.setattr(detail, "_copy", lambda network: _twin(network))
    run_of(cohort_dir, tmp_path / "whole")
    calls = [0]
    place = "monai_strainer.bundle.keeping.save_checkpoint"
    place = place if at == "second epoch" else "monai_strainer.pretraining.detail.descend"
    true = {"second epoch": "monai_strainer.storage.checkpoints", "detail network": "monai_strainer.optim.muon"}[at]
    call = getattr(__import__(true, fromlist=["x"]), place.rsplit(".", 1)[1])

    def kill(*args: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == 2:
            raise Killed
        return call(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(place, kill)
        with pytest.raises((RuntimeError, Killed)):
            run_of(cohort_dir, tmp_path / "cut")
    assert not (tmp_path / "cut" / "models").exists()
    run_of(cohort_dir, tmp_path / "cut", resume=True)
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / k / "models").iterdir()} for k in ("whole", "cut"))
    assert one == two and len(one) == 3


def _twin(network: Any) -> Any:
    import copy

    return copy.deepcopy(network)
