# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A coordinate network that ``train.json`` trains further is kept only where it explains scans held out better."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from phantoms import small_prior_with_detail

from monai_strainer import InputError, load_prior, save_prior
from monai_strainer.bundle.guard import Guard
from monai_strainer.bundle.whole import started
from monai_strainer.cohorts.read import read_cohort, split_scans

pytest.importorskip("ignite")
pytest.importorskip("fire")

from .conftest import BUNDLE, SMALL, workflow

SIREN = {"network_def#hidden_channels": 16, "network_def#num_layers": 4}


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with both networks, small."""
    folder = tmp_path_factory.mktemp("start")
    save_prior(small_prior_with_detail(tail=0.1), folder)
    return folder


def tuned(cohort_dir: Path, out: Path, start: Path | str, **more: Any) -> Path:
    """A run of train.json from a start; the detail network stays."""
    given = {**SMALL, **SIREN, "detail_steps": 0, "start": start, "dataset_dir": cohort_dir, "output_dir": out}
    workflow(BUNDLE, "train", kind="train", **{**given, "device": "cpu", **more}).run()
    return out


@pytest.mark.parametrize(("rate", "is_kept"), [(1e-3, True), (10.0, False)])
def test_only_a_network_that_explains_unseen_scans_better_is_kept(
    rate: float, is_kept: bool, cohort_dir: Path, start: Path, tmp_path: Path
) -> None:
    made = load_prior(tuned(cohort_dir, tmp_path, start, lr=rate, warmup=1, epochs=1, steps_per_epoch=30))
    before, after = load_prior(start).network.encoder.state_dict(), made.network.encoder.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before) != is_kept
    gain = made.record["gain"]["encoder"]
    assert gain["step"] == (30 if is_kept else 0) and (gain["decibels"] > 0) == is_kept


def test_a_run_that_goes_on_keeps_the_decision(cohort_dir: Path, start: Path, tmp_path: Path) -> None:
    from monai_strainer.bundle import whole

    class Killed(Exception):
        pass

    def kill(*_: Any, **__: Any) -> Any:
        raise Killed

    more = {"lr": 10.0, "warmup": 1, "steps_per_epoch": 8}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole, "published", kill)
        with pytest.raises((RuntimeError, Killed)):
            tuned(cohort_dir, tmp_path / "cut", start, **more)
    tuned(cohort_dir, tmp_path / "cut", start, resume=True, **more)
    tuned(cohort_dir, tmp_path / "whole", start, **more)
    one, two = ((tmp_path / name / "models" / "model.pt").read_bytes() for name in ("cut", "whole"))
    record = json.loads((tmp_path / "cut" / "models" / "prior.json").read_text())
    assert one == two and record["gain"]["encoder"]["step"] == 0


def test_scans_held_out_do_not_train_and_a_general_start_holds_none(cohort_dir: Path, start: Path) -> None:
    scans = split_scans(cohort_dir)[0]
    cohort = read_cohort(scans, shape=(4, 12, 14))
    guard = Guard(cohort, scans, started(str(start), "axial"))
    assert len(guard.learning.images) == len(scans) - 1 and guard.is_on
    for other in (None, started("general_strainer", "axial")):
        free = Guard(cohort, scans, other)
        assert free.learning is cohort.slices and not free.is_on and free.identity == {}
    with pytest.raises(InputError, match="one scan cannot train and be held out"):
        _ = Guard(cohort, scans[:1], started(str(start), "axial")).learning
