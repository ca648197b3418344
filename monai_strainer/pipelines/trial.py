# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Measure how long a training takes on this machine, by two steps of each of its networks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import torch

from ..anatomy.aligned_slices import AlignedSlices
from ..geometry import centres
from ..networks import Siren
from ..pretraining.detail import pretrain_detail
from ..pretraining.encoder import pretrain
from ..pretraining.general import GeneralRecipes, pretrain_general
from ..pretraining.noise_level import pretrain_noise_level
from ..pretraining.patches import CleanScan
from ..pretraining.run import Run
from ..pretraining.source import Source
from ..pretraining.truncation import large_enough, pretrain_truncation
from .pretrain_prior import PriorRecipe

__all__ = ["seconds_of_general", "seconds_of_prior", "seconds_per_step"]

STEPS = 2
_SIDE = 96  # voxels of the head of noise that patches are cut from
_MOST = 32  # images of one step


class _Enough(Exception):
    """Ends a trial."""


def seconds_per_step(train: Callable[[Callable[[int, float], None]], Any]) -> float:
    """Return the seconds of one step of a training. The first step is not counted: it sets things up.

    Args:
        train: begins the training with a function that is called with each step and its loss. It is stopped.

    Example:
        >>> def train(on_step):
        ...     for step in range(1000):
        ...         on_step(step, 0.0)
        >>> seconds_per_step(train) < 1
        True
    """
    times: list[float] = []

    def on_step(step: int, loss: float) -> None:
        times.append(time.perf_counter())
        if len(times) > STEPS:
            raise _Enough

    with suppress(_Enough), _without_messages(), torch.random.fork_rng(devices=[]):
        train(on_step)
    return (times[-1] - times[0]) / max(1, len(times) - 1)


@contextmanager
def _without_messages() -> Iterator[None]:
    """Announce no phases of a trial."""
    logger = logging.getLogger("monai_strainer")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def seconds_of_prior(recipe: PriorRecipe, scans: int, device: str) -> float:
    """Return how long the steps of both networks of a cohort's prior take; the time does not depend on what they see.

    Args:
        recipe: of the prior.
        scans: that train.
        device: where to train.
    """
    axes = tuple(centres(n).astype(np.float32) for n in recipe.grid)
    count = min(scans, recipe.encoder.images or scans, _MOST)
    values = np.random.default_rng(0).random((count, *recipe.grid), np.float32).astype(np.float16)
    images = AlignedSlices(values, (axes[0], axes[1], axes[2]))
    seconds = recipe.encoder.steps * seconds_per_step(
        lambda on_step: pretrain(images, recipe.encoder, kind=recipe.kind, run=Run(device=device, on_step=on_step))
    )
    if recipe.detail.steps:
        coords = centres(_SIDE).astype(np.float32)
        noise = np.random.default_rng(0).random((_SIDE,) * 3).astype(np.float16)
        head = CleanScan(noise, (coords, coords, coords), (0, 1, 2))
        seconds += recipe.detail.steps * seconds_per_step(
            lambda on_step: pretrain_detail([head], Siren(), recipe.detail, run=Run(device=device, on_step=on_step))
        )
    return seconds


def seconds_of_general(sources: Sequence[Source], recipes: GeneralRecipes, device: str) -> float:
    """Return how long the steps of the networks of a general prior take.

    Args:
        sources: that train.
        recipes: of the networks; one of 0 steps is not trained.
        device: where to train.
    """

    def seconds(steps: int, train: Callable[[Run], Any]) -> float:
        return steps * seconds_per_step(lambda on_step: train(Run(device=device, on_step=on_step))) if steps else 0.0

    detail, noise, truncation = recipes.detail, recipes.noise_level, recipes.truncation
    total = seconds(detail.steps, lambda run: pretrain_general(sources, detail, run=run))
    total += seconds(noise.steps, lambda run: pretrain_noise_level(sources, noise, run=run))
    if large_enough(sources, truncation):
        total += seconds(truncation.steps, lambda run: pretrain_truncation(sources, truncation, run=run))
    return total
