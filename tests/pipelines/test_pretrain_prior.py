# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Tuning a prior from Python: a general start, what is refused, what stays, and a run that has nothing left to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from phantoms import small_detail
from small_training import SMALL, tuned

from monai_strainer import InputError, PriorRecipe, pretrain_prior
from monai_strainer.networks.noise_level import NoiseLevelNet
from monai_strainer.priors.general_store import save_general
from monai_strainer.priors.prior import GeneralPrior


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
        (replace(SMALL, kind="meta"), "does not start from a bundle"),
        (replace(SMALL, images=1), "one scan cannot train and be held out"),
    ],
)
def test_a_recipe_that_does_not_go_with_the_start_is_refused(
    recipe: PriorRecipe, says: str, scans: Path, start: Path
) -> None:
    with pytest.raises(InputError, match=says):
        tuned(scans, start, recipe)
    assert not (scans.parent / "ours" / "models").exists()


def test_a_bundle_is_not_tuned_in_place(scans: Path, start: Path) -> None:
    before = (start / "models" / "detail.pt").read_bytes()
    with pytest.raises(InputError, match="the output is the bundle to start from"):
        pretrain_prior(scans, start, SMALL, start=start, overwrite=True)
    assert (start / "models" / "detail.pt").read_bytes() == before
