# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Train the general prior: a detail network for any scan, and the network that reads noise levels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from .networks import DetailPrior
from .pretraining_detail import DetailRecipe, begin_training, run_training
from .sources import Source, digest_of, label_sources, photograph_sources, read_sources, train_volumes
from .varied_patches import VariedPatches

__all__ = ["GENERAL", "general_sources", "pretrain_general"]

GENERAL = DetailRecipe(steps=6000, side=64)
_COPIES = 2  # contrasts painted on every label map


def general_sources(folder: Path) -> list[Source]:
    """All that a folder has to teach: its volumes, the label maps in ``labels``, and photographs.

    Args:
        folder: NIfTI files; a ``manifest.tsv`` with the columns ``name`` and ``split`` says which of them may train.

    Raises:
        InputError: there is no volume to train on, or one cannot be read.
    """
    labels = sorted(path for path in (folder / "labels").glob("*.nii*") if not path.name.startswith("."))
    return [
        *read_sources(train_volumes(folder)),
        *label_sources(labels, _COPIES, seed=0),
        *photograph_sources(),
    ]


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
        sources: from :mod:`monai_strainer.sources`.
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
