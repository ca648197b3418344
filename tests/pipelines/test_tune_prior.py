# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Tuning a prior from Python: a general start, what is refused, what stays, and a run that has nothing left to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from phantoms import small_detail, small_head, small_prior, small_prior_with_detail

from monai_strainer import InputError, Prior, PriorRecipe, pretrain_prior, save_prior, write
from monai_strainer.networks.noise_level import NoiseLevelNet
from monai_strainer.pipelines import prior_phases
from monai_strainer.pipelines.prior_recipe import TUNING
from monai_strainer.pipelines.prior_start import start_of
from monai_strainer.pretraining.run import Run
from monai_strainer.priors.general_store import save_general
from monai_strainer.priors.prior import GeneralPrior

SMALL = PriorRecipe(
    encoder=replace(TUNING.encoder, steps=2, points=32, tiles=1),
    detail=replace(TUNING.detail, steps=2, groups=1, patches=1, side=16),
    grid=(4, 12, 14),
)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    for k in range(4):
        write(small_head((22, 26, 20), seed=k), tmp_path / "scans" / f"sub-{k}_T1w.nii.gz")
    return tmp_path / "scans"


@pytest.fixture
def start(tmp_path: Path) -> Path:
    save_prior(small_prior_with_detail(), tmp_path / "start")
    return tmp_path / "start"


def tuned(scans: Path, start: Path | str, recipe: PriorRecipe = SMALL, **more: Any) -> Prior:
    return pretrain_prior(scans, scans.parent / "ours", recipe, start=start, **more)


def test_a_general_prior_becomes_one_of_the_cohort(scans: Path, tmp_path: Path) -> None:
    detail = small_detail(features=0)
    save_general(GeneralPrior(detail, NoiseLevelNet(channels=4, layers=2)), tmp_path / "general")
    made = tuned(scans, tmp_path / "general", replace(SMALL, detail=replace(SMALL.detail, steps=0)))
    assert made.record["kind"] == "cohort" and made.record["from"]["kind"] == "general"
    assert made.detail is not None and made.detail.features == 0 and made.typical is not None
    kept = made.detail.state_dict()
    assert all(torch.equal(value, kept[name]) for name, value in detail.state_dict().items())


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        (replace(SMALL, plane="coronal"), "axial slices, not coronal"),
        (replace(SMALL, kind="meta"), "starts from nothing"),
        (replace(SMALL, images=1), "one scan cannot train and be held out"),
    ],
)
def test_a_recipe_that_does_not_go_with_the_start_is_refused(
    recipe: PriorRecipe, says: str, scans: Path, start: Path
) -> None:
    with pytest.raises(InputError, match=says):
        tuned(scans, start, recipe)
    assert not (scans.parent / "ours" / "models").exists()


def test_a_start_that_is_none_is_refused(scans: Path, tmp_path: Path) -> None:
    save_prior(small_prior(), tmp_path / "half")
    for folder, says in ((tmp_path / "half", "no detail network"), (tmp_path / "nowhere", "no such bundle")):
        with pytest.raises(InputError, match=says):
            tuned(scans, folder)
    with pytest.raises(InputError, match="no bundle called"):
        start_of("unknown_strainer", SMALL)


def test_a_bundle_is_not_tuned_in_place(scans: Path, start: Path) -> None:
    before = (start / "models" / "detail.pt").read_bytes()
    with pytest.raises(InputError, match="the output is the bundle to start from"):
        pretrain_prior(scans, start, SMALL, start=start, overwrite=True)
    assert (start / "models" / "detail.pt").read_bytes() == before


def test_what_the_owner_wrote_stays(scans: Path, start: Path) -> None:
    tuned(scans, start)
    ours = scans.parent / "ours"
    own = {"docs/data_license.txt": "Ours alone.", "configs/inference.json": "{}\n", "configs/own.json": "{}\n"}
    for name, text in own.items():
        (ours / name).write_text(text)
    (ours / "docs" / "README.md").write_text("old")
    tuned(scans, start, overwrite=True)
    assert {name: (ours / name).read_text() for name in own} == own
    assert (ours / "docs" / "README.md").read_text().startswith("# Model Overview")


def test_a_finished_run_is_not_made_again_and_another_is_refused(
    scans: Path, start: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tuned(scans, start)
    assert not (scans.parent / "ours" / "runs").exists()

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("it was trained again")

    monkeypatch.setattr(prior_phases, "tune_encoder", never)
    assert tuned(scans, start, run=Run(resume=True)).digest == first.digest
    for other in (replace(SMALL, detail=replace(SMALL.detail, steps=3)), replace(SMALL, images=2)):
        with pytest.raises(InputError, match="was made with another"):
            tuned(scans, start, other, run=Run(resume=True))


def test_people_held_out_train_neither_network(scans: Path, start: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def detail(heads: Any, held: Any, network: Any, *args: Any, **options: Any) -> Any:
        seen["heads"], seen["held"] = len(heads), len(held)
        return true(heads, held, network, *args, **options)

    true = prior_phases.tune_detail
    monkeypatch.setattr(prior_phases, "tune_detail", detail)
    made = tuned(scans, start)
    assert seen == {"heads": 2, "held": 1} and made.record["scans"] == 3  # the fourth judges
    assert made.record["detail"]["scans"] == 2 and made.record["detail"]["held_out"] == 1
