# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Recipes of a whole prior: tuning beside training, and a progress that shows nothing."""

from __future__ import annotations

from monai_strainer.pipelines.prior_recipe import TUNING, PriorRecipe, silent


def test_a_tuning_is_shorter_than_a_training_on_the_same_grid() -> None:
    plain = PriorRecipe()
    assert TUNING.encoder.steps < plain.encoder.steps and TUNING.detail.steps < plain.detail.steps
    assert TUNING.grid == plain.grid


def test_silent_progress_takes_every_step() -> None:
    with silent("training", 2) as on_step:
        assert on_step(0, 1.0) is None and on_step(1, 0.5) is None
