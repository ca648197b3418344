# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the choice between the cohort's prior and the general one: by the task, or as denoisers of noisy scans."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from monai_strainer.restoring import prior_choice
from monai_strainer.restoring.choice import Trial
from monai_strainer.restoring.plan import Pass

IN_TASK = {"cohort": Trial(1.0, 2.0), "general": Trial(0.9, 2.0)}
AS_DENOISERS = {"cohort": Trial(0.3, 2.0), "general": Trial(0.2, 2.0)}


def risks(monkeypatch: pytest.MonkeyPatch, level: float, factor: float) -> dict[str, float]:
    """What the priors are compared by, for a scan of some noise level that is refined by a factor."""

    def tried(one: Any, name: str, ready: Any, pose: Any, first: Pass, operator: Any) -> Trial:
        assert max(first.factors) == 1 and len(first.axes) == 1
        return AS_DENOISERS[name]

    monkeypatch.setattr(prior_choice, "tried", tried)
    ready: Any = SimpleNamespace(level=SimpleNamespace(relative=level))
    priors: Any = dict.fromkeys(IN_TASK)
    first = Pass((2, 0, 1), (factor, factor, 1.0))
    found = prior_choice._risks(IN_TASK, priors, ready, None, first, None)  # type: ignore[arg-type]
    return dict(found)


def test_denoising_compares_steins_risk(monkeypatch: pytest.MonkeyPatch) -> None:
    assert risks(monkeypatch, 0.05, 1.0) == {"cohort": 1.0, "general": 0.9}


def test_super_resolution_without_noise_compares_coarser_copies_with_a_handicap_for_the_general_prior(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = risks(monkeypatch, 0.005, 2.0)
    assert found["cohort"] < found["general"] == 0.9  # 10 % lower on a coarser copy does not choose the general one


def test_noisy_super_resolution_compares_the_priors_as_denoisers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert risks(monkeypatch, 0.05, 2.0) == {"cohort": 0.3, "general": 0.2}
