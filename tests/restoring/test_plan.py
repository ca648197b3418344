# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Plans: made without restoring, the same that a restoration follows, and in plain words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from phantoms import small_detail, small_head, small_prior_with_detail

from monai_strainer import Grid, InputError, Prior, Volume, plan, restore
from monai_strainer.networks.noise_level import NoiseLevelNet
from monai_strainer.physics import Profile
from monai_strainer.priors.prior import GeneralPrior
from monai_strainer.restoring.plan import Pass
from monai_strainer.restoring.report import Profiled


@pytest.fixture(scope="module")
def prior() -> Prior:
    return small_prior_with_detail()


@pytest.mark.parametrize("scale", [1, 2, (1, 1, 2), (2, 2, 3)])
def test_a_restoration_follows_its_plan(prior: Prior, scale: float | tuple[float, ...]) -> None:
    scan = small_head((26, 28, 12))
    planned, done = plan(scan, prior, scale), restore(scan, prior, scale, adapt=0).report
    assert planned.method == done["method"] and planned.profile is not None
    assert [list(one.axes) for one in planned.passes] == [one["slice_axes"] for one in done["passes"]]
    assert [list(one.factors) for one in planned.passes] == [one["factors"] for one in done["passes"]]
    assert planned.noise == done["noise"]["model"]
    assert planned.sigma == pytest.approx(done["noise"]["sigma"])


def test_a_plan_prints_method_factors_and_noise(prior: Prior) -> None:
    lines = str(plan(small_head((26, 28, 12)), prior, 2, sigma=7.0)).splitlines()
    assert lines[:2] == [
        "amortised: slices along axis 2, factors 2 x 2 x 1",
        "noise: RicianNoise, standard deviation 7",
    ]


def test_a_fit_has_fewer_steps_on_many_slices(prior: Prior) -> None:
    few, many = (plan(small_head((20, 20, n)), prior, 1, method="coordinates").fit for n in (8, 40))
    assert few is not None and many is not None and (few.steps, many.steps) == (60, 20)
    one = plan(small_head((20, 20, 8)), prior, 1, method="coordinates", steps=3).fit
    assert one is not None and one.steps == 3


def test_cut_k_space_is_allowed_for_only_where_nobody_says_what_a_voxel_is(prior: Prior) -> None:
    scan = small_head((26, 28, 12))
    assert plan(scan, prior, 2).kspace_weight == 0
    level = NoiseLevelNet(channels=4, layers=2)
    prior = replace(prior, general=GeneralPrior(small_detail(features=0), level))
    assert plan(scan, prior, 2).kspace_weight == 0.25 and plan(scan, prior, 2).other == (Profile("kspace"), 0.25)
    for other in ({"profile": "box"}, {"operator": Profile()}, {"method": "coordinates"}):
        assert plan(scan, prior, 2, **other).kspace_weight == 0
    assert plan(scan, prior, 1).kspace_weight == plan(scan, prior, (1, 1, 2)).kspace_weight == 0


@pytest.mark.parametrize(
    ("weight", "kind", "other"),
    [(0.0, "box", None), (0.3, "box", "kspace"), (0.6, "kspace", "box"), (1.0, "kspace", None)],
)
def test_the_more_probable_profile_is_the_operator(
    prior: Prior, weight: float, kind: str, other: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    level = NoiseLevelNet(channels=4, layers=2)
    prior = replace(prior, general=GeneralPrior(small_detail(features=0), level))
    monkeypatch.setattr("monai_strainer.restoring.plan.kspace_weight", lambda *_: weight)
    made = plan(small_head((26, 28, 12)), prior, 2)
    assert made.build == Profile(kind) and made.profile == Profiled(kind=kind, ratio=1.0, kspace_weight=weight)
    expected = None if other is None else (Profile(other), pytest.approx(min(weight, 1 - weight)))
    assert made.other == expected


@pytest.mark.parametrize(
    ("shape", "voxel", "header", "found", "through"),
    [
        ((26, 28, 24), (1, 1, 1), None, (0.9, 0.9, 0.9), "kspace"),
        ((26, 28, 24), (1, 1, 1), None, (0.9, 0.9, 0.3), "box"),  # one plane does not look like it
        ((26, 28, 24), (1, 1, 1), None, (0.3, 0.9, 0.9), "box"),  # nor do the slices
        ((26, 28, 24), (1, 1, 2), None, (0.9, 0.9, 0.9), "box"),  # slices of twice the size
        ((26, 28, 12), (1, 1, 1), None, (0.9, 0.9, 0.9), "box"),  # too few of them
        ((26, 28, 24), (1, 1, 1), 0.8, (0.9, 0.9, 0.9), "box"),  # a gap between them
    ],
)
def test_only_a_volume_that_looks_like_cut_k_space_in_all_planes_is_taken_for_it_through_the_slices(
    prior: Prior,
    shape: tuple[int, int, int],
    voxel: tuple[float, ...],
    header: float | None,
    found: tuple[float, ...],
    through: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prior = replace(prior, general=GeneralPrior(small_detail(features=0), NoiseLevelNet(channels=4, layers=2)))
    weights = iter(found)
    monkeypatch.setattr("monai_strainer.restoring.plan.kspace_weight", lambda *_: next(weights))
    scan = small_head(shape)
    scan = Volume(scan.data, Grid(shape, np.diag([*voxel, 1.0])), slice_axis=2, thickness=header)
    made = plan(scan, prior, (2, 2, 2))
    assert made.through == Profile(through) and made.profile is not None and made.profile.through == through
    assert made.build == Profile("kspace" if found[0] > 0.5 else "box")


def test_a_pass_through_the_slices_has_their_profile(prior: Prior, monkeypatch: pytest.MonkeyPatch) -> None:
    prior = replace(prior, general=GeneralPrior(small_detail(features=0), NoiseLevelNet(channels=4, layers=2)))
    monkeypatch.setattr("monai_strainer.restoring.plan.kspace_weight", lambda *_: 1.0)
    scan = small_head((24, 24, 24))
    scan = Volume(scan.data, Grid(scan.data.shape, np.eye(4)), slice_axis=2)
    both = restore(scan, prior, (2, 2, 2))
    assert np.array_equal(both.volume.data, restore(scan, prior, (2, 2, 2), profile="kspace").volume.data)
    assert both.report["profile"] == {"kind": "kspace", "ratio": 1.0, "kspace_weight": 1.0, "through": "kspace"}
    monkeypatch.setattr("monai_strainer.restoring.plan.FEWEST", 25)
    slices = restore(scan, prior, (2, 2, 2))
    assert slices.report["profile"]["through"] == "box" and not np.array_equal(slices.volume.data, both.volume.data)


def test_a_plan_refuses_what_a_restoration_refuses(prior: Prior) -> None:
    scan = small_head((26, 28, 12))
    for scale, options in ((0.5, {}), (1, {"sigmma": 1}), (1, {"sigma": np.ones((2, 2, 2), np.float32)})):
        with pytest.raises(InputError):
            plan(scan, prior, scale, **options)


def test_a_pass_is_axes_and_factors() -> None:
    assert Pass((2,), (2.0, 2.0, 1.0)) == ((2,), (2.0, 2.0, 1.0))
