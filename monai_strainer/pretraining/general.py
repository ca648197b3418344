# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Train the general prior: a detail network for any scan, and the network that reads noise levels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from ..networks import DetailPrior
from .detail import DetailRecipe, begin_training, run_training
from .source import Source, digest_of
from .varied_patches import VariedPatches

__all__ = ["GENERAL", "pretrain_general"]

GENERAL = DetailRecipe(steps=6000, side=64)


def pretrain_general(
    sources: Sequence[Source],
    recipe: DetailRecipe = GENERAL,
    *,
    network: DetailPrior | None = None,
    seed: int = 0,
    device: str | torch.device = "cpu",
    checkpoint: Path | None = None,
    every: int = 250,
    resume: bool = False,
    on_step: Callable[[int, float], None] | None = None,
) -> DetailPrior:
    """Train a detail prior on scans of any contrast and body part; it is equivariant to units and takes no features.

    Args:
        sources: from :mod:`monai_strainer.cohorts.sources`.
        recipe: how.
        network: where to start and how wide to be. Not changed.
        seed, device, checkpoint, every, resume, on_step: see :func:`pretrain_detail`.

    Raises:
        InputError: the checkpoint belongs to another recipe, seed or network, or there is nothing to learn from.
    """
    training = begin_training({"features": 0, "equivariant": True}, network, None, recipe, seed, device)
    patches = VariedPatches(
        sources,
        recipe.steps * recipe.groups,
        patches=recipe.patches,
        side=recipe.side,
        slices=training.network.slices,
        single=recipe.single,
        seed=seed,
    )
    return run_training(training, patches, {"sources": digest_of(sources)}, checkpoint, every, resume, on_step)
