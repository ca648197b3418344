# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the misfit of two profiles: the right one misses less, noise hides it, and the weight follows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from phantoms import ellipsoid

from monai_strainer import Prior, RestoreOptions, load_prior
from monai_strainer.geometry import Grid
from monai_strainer.physics import Profile
from monai_strainer.priors.shipped import bundle_path
from monai_strainer.restoring import plan
from monai_strainer.restoring.prepare import Prepared, prepare
from monai_strainer.restoring.profile_misfit import Misfit, profile_misfit, weight_with
from monai_strainer.volume import Volume

FACTORS = (2.0, 2.0, 1.0)


@pytest.fixture(scope="module")
def prior() -> Prior:
    return load_prior()


def ready(kind: str, prior: Prior) -> Prepared:
    """A phantom without fine structure but its edges, measured with larger voxels and little noise."""
    y = Profile(kind)((96, 112, 4), (48, 56, 4)).A(torch.from_numpy(ellipsoid((96, 112, 4)))).numpy()
    rng = np.random.default_rng(0)
    data = np.hypot(y + 3 * rng.standard_normal(y.shape), 3 * rng.standard_normal(y.shape)).astype(np.float32)
    scan = Volume(data, Grid((48, 56, 4), np.diag([2.0, 2.0, 6.0, 1.0])), slice_axis=2)
    return prepare(scan, prior, FACTORS, RestoreOptions(), True)


def test_the_network_misses_the_data_less_under_the_right_assumption(prior: Prior) -> None:
    assert prior.detail is not None
    found = {}
    for kind in ("box", "kspace"):
        misfit = profile_misfit(prior.detail, ready(kind, prior), FACTORS)
        assert misfit is not None
        found[kind] = misfit.box / misfit.kspace
    assert found["box"] < 0.9 * found["kspace"]


def test_where_both_are_the_same_or_there_is_no_object_nothing_is_compared(prior: Prior) -> None:
    assert prior.detail is not None
    scan = ready("box", prior)
    assert profile_misfit(prior.detail, scan, (1.0, 1.0, 2.0)) is None  # nothing is refined in the plane
    filled = replace(scan, acquired=replace(scan.acquired, filled=(0, 1)))  # so both assumptions are one
    assert profile_misfit(prior.detail, filled, FACTORS) is None
    scan.inside[:] = False
    assert profile_misfit(prior.detail, scan, FACTORS) is None


def test_the_weight_grows_with_the_misfit_of_the_box_and_with_the_weight_before() -> None:
    weights = [weight_with(0.2, Misfit(box, 0.01, 0.003), FACTORS) for box in (0.007, 0.008, 0.009, 0.010, 0.012)]
    assert weights == sorted(weights) and weights[0] < 0.05 and weights[-1] > 0.95
    weights = [weight_with(before, Misfit(0.0095, 0.01, 0.003), FACTORS) for before in (0.06, 0.2, 0.5, 0.9)]
    assert weights == sorted(weights)
    least = weight_with(1e-12, Misfit(1e-12, 1.0, 0.0), FACTORS)
    most = weight_with(1 - 1e-12, Misfit(1e12, 1.0, 0.0), FACTORS)
    assert 0 <= least < 1e-6 and 1 - 1e-6 < most <= 1


def test_noise_makes_the_same_misfits_speak_less_for_kspace_until_they_say_nothing() -> None:
    weights = [weight_with(0.3, Misfit(0.01, 0.01, noise), FACTORS) for noise in (0.0, 0.01, 0.02, 0.03)]
    assert weights == sorted(weights, reverse=True) and weights[0] > 0.8 > 0.5 > weights[-1]
    assert weight_with(0.3, Misfit(0.04, 0.02, 0.034), FACTORS) == 0.3


def test_beyond_a_factor_of_3_less_of_the_ratio_speaks_for_kspace() -> None:
    """Both ratios fall with the factor: there is less of the truth in the data, and more in the network."""
    weights = [weight_with(0.5, Misfit(0.006, 0.01, 0.003), (f, f, 1.0)) for f in (1.5, 3.0, 3.5, 4.0)]
    assert weights[0] == weights[1] < weights[2] < weights[3]


def test_the_network_of_a_cohort_decides_an_unsure_reading_and_the_general_one_does_not(
    prior: Prior, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "kspace_weight", lambda *_: 0.2)
    general = load_prior(bundle_path("general_strainer"))
    for kind, found in (("box", 0.0), ("kspace", 1.0)):
        scan = ready(kind, prior)
        assert plan.plan_restoration(scan, prior, RestoreOptions(), None).kspace_weight == found
        assert plan.plan_restoration(scan, general, RestoreOptions(), None).kspace_weight == 0.2
