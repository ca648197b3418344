# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the choice between the cohort's prior and the general one: the lower risk, with a handicap in finer grids."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from phantoms import body_part

from monai_strainer import Downsample, Grid, Prior, Profile, RestoreOptions, Volume, load_prior, read, restore
from monai_strainer.restoring import prior_choice
from monai_strainer.restoring.choice import Trial
from monai_strainer.restoring.localise import localise
from monai_strainer.restoring.plan import Pass, plan_restoration
from monai_strainer.restoring.prepare import prepare
from monai_strainer.restoring.prior_choice import choose_prior


@pytest.fixture(scope="module")
def prior() -> Prior:
    return load_prior()


def chosen(
    prior: Prior, monkeypatch: pytest.MonkeyPatch, general: float, factor: float, unlike: str = "",
    signed: bool = False, profile: str = "box",
) -> str:  # fmt: skip
    """The prior that is chosen where the general one has this risk and the cohort's has a risk of 1."""
    risks = {"cohort": 1.0, "general": general}
    monkeypatch.setattr(prior_choice, "tried", lambda one, name, *rest: Trial(risks[name], 2.0))
    volume = SimpleNamespace(grid=SimpleNamespace(shape=(80, 90, 5)))
    ready: Any = SimpleNamespace(signed=signed, acquired=SimpleNamespace(volume=volume))
    place: Any = SimpleNamespace(unlike=unlike, pose=None)
    plan: Any = SimpleNamespace(
        passes=(Pass((2,), (factor, factor, 1.0)),), build=Profile(profile), is_trained=True, method="amortised"
    )
    return choose_prior(prior, ready, place, plan).name


@pytest.mark.parametrize(("general", "name"), [(0.99, "general"), (1.01, "cohort")])
def test_denoising_takes_the_lower_risk(
    prior: Prior, monkeypatch: pytest.MonkeyPatch, general: float, name: str
) -> None:
    assert chosen(prior, monkeypatch, general, 1.0) == name


@pytest.mark.parametrize(("general", "name"), [(0.85, "general"), (0.93, "cohort")])
def test_super_resolution_takes_the_general_prior_only_where_its_risk_is_clearly_lower(
    prior: Prior, monkeypatch: pytest.MonkeyPatch, general: float, name: str
) -> None:
    assert chosen(prior, monkeypatch, general, 2.0) == name


@pytest.mark.parametrize(("factor", "limit"), [(1.4, 0.80), (1.5, 0.80), (2.0, 0.89), (3.0, 0.89)])
def test_truncated_k_space_made_coarser_by_little_takes_the_general_prior_from_a_lower_ratio_on(
    prior: Prior, monkeypatch: pytest.MonkeyPatch, factor: float, limit: float
) -> None:
    found = [chosen(prior, monkeypatch, limit + step, factor, profile="kspace") for step in (-0.02, 0.02)]
    assert found == ["general", "cohort"]


def test_scans_unlike_the_cohort_and_signed_data_take_the_general_prior(
    prior: Prior, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert chosen(prior, monkeypatch, 3.0, 2.0, unlike="not like the cohort") == "general"
    assert chosen(prior, monkeypatch, 3.0, 2.0, signed=True) == "general"


def test_without_a_general_prior_there_is_no_choice(prior: Prior, monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(replace(prior, general=None), monkeypatch, 0.1, 2.0) == "cohort"


def test_slices_of_5_mm_of_a_brain_of_the_cohorts_kind_take_its_prior(prior: Prior, oasis: Path) -> None:
    """There are too few slices for a coarser copy along their axis: the test is made in their plane."""
    scan = read(oasis / "sub-1006" / "anat" / "sub-1006_T1w.nii.gz")
    fine = scan.data[:, :, : 5 * (scan.data.shape[2] // 5)]
    low = (*fine.shape[:2], fine.shape[2] // 5)
    y = Profile()(fine.shape, low).A(torch.from_numpy(np.ascontiguousarray(fine))).numpy()
    thick = Volume(y, Grid(fine.shape, scan.grid.affine).resize(low), slice_axis=2)
    options = RestoreOptions()
    ready = prepare(thick, prior, (1.0, 1.0, 5.0), options, True)
    found = choose_prior(prior, ready, localise(ready, prior), plan_restoration(ready, prior, options, None))
    assert found.name == "cohort" and set(found.trials) == {"cohort", "general"}
    assert found.trials["cohort"].risk < 0.85 * found.trials["general"].risk  # 0.70 when this was written


@pytest.mark.filterwarnings("ignore")
def test_an_operator_for_one_shape_refines_and_no_test_on_a_coarser_scan_is_made(prior: Prior) -> None:
    data, _ = body_part()
    scan = Volume(data, Grid(data.shape, np.eye(4)), slice_axis=2)
    fixed = Downsample((144, 160), 2)
    out = restore(scan, prior, 2, operator=fixed, sigma=5.0)
    assert out.volume.data.shape == (144, 160, 6)
    assert (out.report["choice"]["prior"], out.report["choice"]["trials"]) == ("general", {})
