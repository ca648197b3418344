# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A trial of two steps: it measures the time of a training, ends it, and leaves nothing behind."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from monai_strainer.pipelines.pretrain_prior import PriorRecipe
from monai_strainer.pipelines.trial import seconds_of_general, seconds_of_prior, seconds_per_step
from monai_strainer.pretraining.detail import DetailRecipe
from monai_strainer.pretraining.encoder import Recipe
from monai_strainer.pretraining.general import GeneralRecipe, GeneralRecipes
from monai_strainer.pretraining.noise_level import NoiseLevelRecipe
from monai_strainer.pretraining.source import Source
from monai_strainer.pretraining.truncation import TruncationRecipe


def test_the_first_step_is_not_counted_and_the_fourth_never_begins() -> None:
    began = []

    def train(on_step: Callable[[int, float], None]) -> None:
        for step in range(1000):
            began.append(step)
            time.sleep(0.3 if step == 0 else 0.02)
            on_step(step, 0.0)

    assert 0.015 < seconds_per_step(train) < 0.25
    assert began == [0, 1, 2]


def test_a_training_that_is_shorter_than_the_trial_is_measured_too() -> None:
    assert seconds_per_step(lambda on_step: on_step(0, 0.0)) == 0.0


@pytest.mark.parametrize("kind", ["cohort", "meta"])
def test_twice_the_steps_take_twice_the_time_and_the_draws_are_untouched(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    encoder, detail = Recipe(steps=1000, tiles=1, points=64), DetailRecipe(steps=0)
    recipe = PriorRecipe(kind, encoder, detail, grid=(4, 12, 14))  # type: ignore[arg-type]
    before, rng = logging.getLogger("monai_strainer").disabled, torch.random.get_rng_state()
    with caplog.at_level("INFO", "monai_strainer"):
        once = seconds_of_prior(recipe, 3, "cpu")
        long = seconds_of_prior(replace(recipe, encoder=replace(encoder, steps=1000000)), 3, "cpu")
    assert once > 0 and long > 20 * once  # a thousand times the steps; the machine may be busy
    assert caplog.messages == [] and logging.getLogger("monai_strainer").disabled == before
    assert torch.equal(torch.random.get_rng_state(), rng)


def test_all_networks_of_a_general_prior_count() -> None:
    data = np.random.default_rng(0).random((24, 24, 24)).astype(np.float16)
    sources = [Source(data, (1.0, 1.0, 1.0), (2,), "scan", "a")]
    alone = GeneralRecipes(
        GeneralRecipe(steps=10, side=16, patches=1, groups=1),
        NoiseLevelRecipe(steps=0),
        TruncationRecipe(steps=0, side=16),
    )
    noise = replace(alone, noise_level=NoiseLevelRecipe(steps=100000))
    truncation = replace(alone, truncation=TruncationRecipe(steps=100000, side=16))
    seconds = seconds_of_general(sources, alone, "cpu")
    assert seconds > 0 and all(seconds_of_general(sources, more, "cpu") > seconds for more in (noise, truncation))
    too_large = replace(alone, truncation=TruncationRecipe(steps=100000))
    assert seconds_of_general(sources, too_large, "cpu") < 100 * seconds
