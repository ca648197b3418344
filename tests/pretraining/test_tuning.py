# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of tuning: never worse than its start on scans held out, same seed same bytes, cut anywhere and resumed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from phantoms import ellipsoid, small_detail, small_siren
from torch import nn

from monai_strainer.anatomy.aligned_slices import AlignedSlices
from monai_strainer.errors import InputError
from monai_strainer.geometry import centres
from monai_strainer.networks import DetailPrior
from monai_strainer.pretraining.detail import DetailRecipe
from monai_strainer.pretraining.encoder import Recipe
from monai_strainer.pretraining.patches import CleanScan
from monai_strainer.pretraining.run import Run
from monai_strainer.pretraining.tuning import Gain, held_out, tune_detail, tune_encoder

QUICK = DetailRecipe(steps=16, groups=2, patches=1, side=16, warmup=2, rate=1e-3, average=0.5)


def scan(contrast: float) -> CleanScan:
    shape = (24, 26, 20)
    x, y, z = (centres(n).astype(np.float32) for n in shape)
    return CleanScan((ellipsoid(shape, contrast) / 1000).astype(np.float16), (x, y, z), (0, 1, 2))


OURS, HELD = [scan(100.0), scan(200.0)], [scan(150.0)]


def same(one: nn.Module, two: nn.Module) -> bool:
    a, b = one.state_dict(), two.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def tuned(recipe: DetailRecipe = QUICK, run: Run | None = None, tail: float = 0.1) -> tuple[DetailPrior, Gain]:
    """A network that meddles much with its input, so that there is something to gain."""
    return tune_detail(OURS, HELD, small_detail(tail=tail), small_siren(), recipe, run=run or Run())


@given(st.lists(st.integers(0, 7), min_size=2, max_size=30))
def test_a_person_is_on_one_side_and_none_is_lost(numbers: list[int]) -> None:
    persons = [f"sub-{number}" for number in numbers]
    train, held = held_out(persons)
    assert train and held and sorted(train + held) == list(range(len(persons)))
    if len(set(persons)) > 1:
        assert not {persons[k] for k in train} & {persons[k] for k in held}


def test_one_scan_is_refused() -> None:
    with pytest.raises(InputError, match="one scan cannot train and be held out"):
        held_out(["sub-1"])


def test_a_training_that_helps_is_kept_and_leaves_the_start_alone() -> None:
    start = small_detail(tail=0.1)
    found, gain = tune_detail(OURS, HELD, start, small_siren(), QUICK)
    assert gain.is_sure and gain.decibels > 0.1 and 0 < gain.step <= QUICK.steps
    assert not same(found, start) and same(start, small_detail(tail=0.1)) and not found.training


def test_a_training_that_harms_is_thrown_away_and_stops_early() -> None:
    steps: list[int] = []
    found, gain = tuned(replace(QUICK, rate=10.0, clip=1e9), Run(on_step=lambda step, _: steps.append(step)), tail=0.0)
    assert same(found, small_detail(tail=0.0)) and gain == Gain()
    assert len(steps) == 3 * QUICK.steps // 8


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    (one, _), (two, _), (other, _) = (tuned(run=Run(seed=seed)) for seed in (1, 1, 2))
    assert same(one, two) and not same(one, other)


@pytest.mark.parametrize("cut", [0, 5, 15])
def test_a_tuning_cut_anywhere_and_resumed_is_the_unbroken_one(cut: int, tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(step: int, loss: float) -> None:
        if step == cut:
            raise Killed

    whole, gain = tuned()
    file = tmp_path / "detail.pt"
    with pytest.raises(Killed):
        tuned(run=Run(checkpoint=file, every=1, on_step=kill))
    resumed, again = tuned(run=Run(checkpoint=file, every=1, resume=True))
    assert same(whole, resumed) and gain == again


def test_a_checkpoint_of_another_start_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "detail.pt"
    tuned(run=Run(checkpoint=file))
    with pytest.raises(InputError, match="was made with"):
        tuned(run=Run(checkpoint=file, resume=True), tail=0.2)


def cohort(count: int = 4) -> AlignedSlices:
    axes = tuple(centres(n).astype(np.float32) for n in (4, 12, 14))
    images = np.stack([ellipsoid((4, 12, 14), 80.0 * k) / 1000 for k in range(count)]).astype(np.float16)
    return AlignedSlices(images, (axes[0], axes[1], axes[2]))


def test_no_steps_keep_the_encoder_and_describe_the_cohort() -> None:
    start = small_siren()
    found, gain = tune_encoder(cohort(), [3], start, Recipe(steps=0, points=64))
    assert gain == Gain() and same(found.encoder, start.encoder)
    assert not torch.equal(found.readout.weight, start.readout.weight)


@pytest.mark.parametrize(("rate", "is_kept"), [(1e-3, True), (10.0, False)])
def test_an_encoder_is_kept_where_it_explains_scans_held_out_better(rate: float, is_kept: bool) -> None:
    start = small_siren()
    found, gain = tune_encoder(cohort(), [3], start, Recipe(steps=60, points=64, tiles=2, rate=rate))
    assert same(found.encoder, start.encoder) != is_kept and gain.is_sure == is_kept
