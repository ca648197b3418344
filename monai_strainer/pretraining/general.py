# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Train the detail network of the general prior, and hold the recipes of all its networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..networks import DetailPrior
from ..physics import AcquisitionDistribution
from .detail import DetailRecipe, begin_training, run_training
from .noise_level import NOISE_LEVEL, NoiseLevelRecipe
from .run import ONCE, Run
from .source import Source, digest_of
from .truncation import TRUNCATION, TruncationRecipe
from .varied_patches import VariedPatches

__all__ = ["GENERAL", "GeneralRecipe", "GeneralRecipes", "pretrain_general"]


@dataclass(frozen=True)
class GeneralRecipe(DetailRecipe):
    """How to train a general prior.

    Args:
        side: of a patch, in voxels; all other fields are those of ``DetailRecipe``.
        denoising: fraction of the groups whose measurement is noise alone; the other groups have larger voxels too.
    """

    side: int = 64
    denoising: float = 0.4

    def with_side(self, side: int) -> GeneralRecipe:
        """Return the same recipe with patches of another size, about as many voxels per step.

        A pixel of the network depends on 84 pixels in each direction. In a small patch most of them lie outside and
        count as zero; larger patches are nearer to whole slices.

        Args:
            side: of a patch, in voxels; a multiple of 8.

        Example:
            >>> GENERAL.with_side(128).patches
            1
        """
        return replace(self, side=side, patches=max(1, round(self.patches * (self.side / side) ** 2)))


GENERAL = GeneralRecipe()


@dataclass(frozen=True)
class GeneralRecipes:
    """How to train the networks of a general prior; one of 0 steps is not trained.

    Args:
        detail: of the network that restores.
        noise_level: of the network that reads the noise level.
        truncation: of the network that tells truncated k-space from area averages.

    Example:
        >>> GeneralRecipes().steps > GENERAL.steps
        True
    """

    detail: GeneralRecipe = GENERAL
    noise_level: NoiseLevelRecipe = NOISE_LEVEL
    truncation: TruncationRecipe = TRUNCATION

    @property
    def steps(self) -> int:
        """Number of the steps of all networks."""
        return self.detail.steps + self.noise_level.steps + self.truncation.steps


def pretrain_general(
    sources: Sequence[Source],
    recipe: GeneralRecipe = GENERAL,
    *,
    network: DetailPrior | None = None,
    run: Run = ONCE,
) -> DetailPrior:
    """Train a detail prior on scans of any contrast and body part; it is equivariant to units and takes no features.

    Args:
        sources: from :mod:`monai_strainer.cohorts.sources`.
        recipe: how.
        network: where to start and how wide to be. Not changed.
        run: seed, device, checkpoint.

    Raises:
        InputError: the checkpoint belongs to another recipe, seed or network, or there is nothing to learn from.
    """
    training = begin_training({"features": 0, "equivariant": True}, network, None, recipe, run)
    patches = VariedPatches(
        sources,
        recipe.steps * recipe.groups,
        patches=recipe.patches,
        side=recipe.side,
        slices=training.network.slices,
        single=recipe.single,
        seed=run.seed,
        measurements=AcquisitionDistribution().with_denoising(recipe.denoising),
    )
    return run_training(training, patches, {"sources": digest_of(sources)}, run)
