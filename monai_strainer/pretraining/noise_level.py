# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Train the noise level network on patches whose noise is known.

Scans carry noise of their own. The first half of the training therefore sees clean sources alone, painted label maps
and photographs. The second half sees the scans too, and the level to read is the root of the sum of squares of the
noise that was added and of the scan's own noise, as the network itself reads it at that time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks.noise_level import FLOOR, NoiseLevelNet, mean_high_pass, sizes_of_noise_level
from ..optim.muon import step_down
from ..optim.schedules import falling, set_rate
from ..physics import GaussianNoise, RicianNoise
from .phases import announce, digest_of_weights
from .run import ONCE, Run
from .source import Source, digest_of
from .varied_patches import VariedPatches

__all__ = ["NOISE_LEVEL", "NoiseLevelRecipe", "learn", "noise_level_loss", "pretrain_noise_level"]


@dataclass(frozen=True)
class NoiseLevelRecipe:
    """How to train a noise level network.

    Args:
        steps: gradient steps.
        patches: of a step.
        side: of a patch, in voxels.
        rate: Adam's, at its highest.
        highest: noise level, the object being about ``[0, 1]``.
        stripped: fraction of patches whose dark background is cut away (exact zeros).
    """

    steps: int = 1800
    patches: int = 16
    side: int = 48
    rate: float = 2e-3
    highest: float = 0.15
    stripped: float = 0.25


NOISE_LEVEL = NoiseLevelRecipe()


def noise_level_loss(log_level: Tensor, log_spread: Tensor, sigma: Tensor, image: Tensor) -> Tensor:
    """Negative log-likelihood of a Laplace distribution, ``|l - log(sigma + FLOOR h)| / b + log b``.

    Args:
        log_level, log_spread: of :class:`NoiseLevelNet`, ``(B,)``.
        sigma: true level ``(B,)``.
        image: ``(B, 1, H, W)``.
    """
    unit = mean_high_pass(image)
    error = (log_level - (sigma + FLOOR * unit.clamp_min(1e-20)).log()).abs()
    return (error / log_spread.exp() + log_spread).mean() + error.mean()


class _Patches:
    """Batches of noisy patches and their levels."""

    def __init__(self, sources: Sequence[Source], recipe: NoiseLevelRecipe, seed: int) -> None:
        self.recipe, self.seed = recipe, seed
        clean = [source for source in sources if source.kind != "scan"]
        self.all = VariedPatches(sources, 1, side=2 * recipe.side, slices=1)
        self.clean = VariedPatches(clean, 1, side=2 * recipe.side, slices=1) if clean else self.all
        self.own: dict[int, float] = {}  # noise of every source, by identity, once it has been read

    def batch(self, step: int, clean_only: bool) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, step, 2))
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        images: list[Tensor] = []
        levels: list[float] = []
        while len(images) < self.recipe.patches:
            source, patch = (self.clean if clean_only else self.all).clean_of(rng, 0)
            x = torch.from_numpy(np.ascontiguousarray(patch.patch))  # (1, 2 side, 2 side)
            own = self.own.get(id(source), 0.0) * patch.gain
            if rng.random() < 0.3:
                x, own = F.avg_pool2d(x, 2), own / 2
            side = self.recipe.side
            r, c = (int(rng.integers(n - side + 1)) for n in x.shape[-2:])
            x = x[:, r : r + side, c : c + side]
            if float((x > 0.05).float().mean()) < 0.15:
                continue
            u = rng.random()
            sigma = 0.0 if u < 0.1 else float(np.exp(rng.uniform(np.log(0.002), np.log(self.recipe.highest))))
            kind = GaussianNoise if rng.random() < 0.25 else RicianNoise
            y = kind(sigma).sample(x, generator)
            if rng.random() < self.recipe.stripped:
                y = torch.where(x > 0.05, y, 0)
            images.append(y)
            levels.append((sigma**2 + own**2) ** 0.5)
        return torch.stack(images), torch.tensor(levels, dtype=torch.float32)


def pretrain_noise_level(
    sources: Sequence[Source],
    recipe: NoiseLevelRecipe = NOISE_LEVEL,
    *,
    network: NoiseLevelNet | None = None,
    run: Run = ONCE,
) -> NoiseLevelNet:
    """Train a noise level network.

    Args:
        sources: from :mod:`monai_strainer.cohorts.sources`.
        recipe: how.
        network: where to start; changed in place.
        run: seed, device, checkpoint.

    Raises:
        InputError: the checkpoint belongs to another recipe, seed or network, or to other sources.
    """
    network = (network or run.drawn(NoiseLevelNet)).to(run.device)
    patches, adam = _Patches(sources, recipe, run.seed), torch.optim.Adam(network.parameters(), recipe.rate)
    average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    identity = {**asdict(recipe), "seed": run.seed, "network": sizes_of_noise_level(network)}
    if run.checkpoint is not None:
        identity |= {"sources": digest_of(sources), "start": digest_of_weights(network)}
    start = 0
    announce(f"noise network: {recipe.steps} steps")
    if (state := run.resumed(identity)) is not None:
        network.load_state_dict(state["network"])
        adam.load_state_dict(state["optimiser"])
        start, average = state["step"], state["average"]
        patches.own = {id(source): value for source, value in zip(sources, state["own"])}

    def state_now() -> dict[str, Any]:
        own = [patches.own.get(id(source), 0.0) for source in sources]
        return {"network": network.state_dict(), "average": average, "optimiser": adam.state_dict(), "own": own}

    for step in range(start, recipe.steps):
        if step in (recipe.steps // 2, 3 * recipe.steps // 4):
            patches.own = {id(s): own_noise(network, s) for s in sources if s.kind == "scan"}
        loss = _step(network, adam, average, patches, step)
        run.done(step, loss, recipe.steps, identity, state_now)
    network.load_state_dict(average)
    return network.eval()


def _step(
    network: NoiseLevelNet, adam: torch.optim.Optimizer, average: dict[str, Tensor], patches: _Patches, step: int
) -> Tensor:
    """Learn from the patches of one step, and move the running average; the loss before it."""
    recipe, device = patches.recipe, next(network.parameters()).device
    set_rate(adam, recipe.rate * falling(step, recipe.steps, 0.01))
    image, sigma = (part.to(device) for part in patches.batch(step, step < recipe.steps // 2))
    loss = learn(network, adam, image, sigma)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            average[name].lerp_(value, 1 - min(0.995, (1 + step) / (10 + step)))
    return loss


def learn(network: NoiseLevelNet, adam: torch.optim.Optimizer, image: Tensor, sigma: Tensor) -> Tensor:
    """Take one step on a batch; nothing is read back from the device.

    Args:
        network: to train.
        adam: its optimiser.
        image: ``(B, 1, H, W)`` noisy patches.
        sigma: ``(B,)`` true noise levels.

    Returns:
        the loss before the step.
    """
    log_level, log_spread = network(image)
    loss = noise_level_loss(log_level, log_spread, sigma, image)
    step_down(network, [adam], loss, clip=1.0)
    return loss.detach()


@torch.no_grad()
def own_noise(network: NoiseLevelNet, source: Source) -> float:
    """Estimate the noise of a source with the network as it is now: the median over its middle slices."""
    axis = source.axes[0]
    n = source.data.shape[axis]
    some = np.unique(np.linspace(n // 4, 3 * n // 4, 5).astype(int))
    slices = np.moveaxis(source.data, axis, 0)[some].astype(np.float32)
    image = torch.from_numpy(np.ascontiguousarray(slices))[:, None].to(next(network.parameters()).device)
    unit = mean_high_pass(image)
    level = (network(image)[0].exp() - FLOOR * unit).clamp_min(0)
    return float(level.median())
