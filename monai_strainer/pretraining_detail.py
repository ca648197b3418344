# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Pretraining of the detail prior: it sees patches of clean heads as a scanner would, and learns to undo that.

Every draw follows from the seed and its number alone, so training can be cut anywhere and goes on bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .checkpoints import resume_from, save_checkpoint
from .fitting.muon import Muon
from .networks import DetailPrior, Siren, sizes_of_detail
from .patches import CLINICAL, Head, MeasuredPatches
from .physics import Measurements

__all__ = ["DETAIL", "DetailLoss", "DetailRecipe", "Head", "MeasuredPatches", "pretrain_detail"]


@dataclass(frozen=True)
class DetailRecipe:
    """How to train a detail prior.

    Args:
        steps: gradient steps.
        groups: measurements drawn per step.
        patches: patches that each of them measures.
        side: of a patch, in voxels.
        rate: root-mean-square change of a kernel's weights per step (Muon) at its highest; it rises over ``warmup``
            steps and falls along a cosine. All else learns with Adam, ``rest`` times as fast.
        warmup: steps.
        clip: greatest norm of a gradient; a rare patch must not rule the momentum.
        average: memory of the running average of the weights, which is what is kept.
        alone: share of groups that do without the coordinate prior's features.
        single: share of groups without neighbouring slices; ``far`` that of groups with distant ones.
    """

    steps: int = 6000
    groups: int = 4
    patches: int = 4
    side: int = 96
    rate: float = 3e-4
    rest: float = 3.0
    clip: float = 0.1
    warmup: int = 100
    average: float = 0.998
    alone: float = 0.3
    single: float = 0.3
    far: float = 0.1

    def rate_at(self, step: int) -> float:
        """The learning rate of a step."""
        falling = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / self.steps))
        return self.rate * min(1.0, (step + 1) / self.warmup) * falling


DETAIL = DetailRecipe()


class DetailLoss(nn.Module):
    """The root mean square error of every group, and how well the network knows its errors.

    ``mean_g sqrt(mse_g) + mean [ log s + e^2 / (2 s^2) ] / 200``. Under the root every group pulls at the image with
    the same force, however easy its measurement is; under the square the hard ones would drown the rest, under the
    logarithm the easy ones would. The second term is the negative log-likelihood of the errors ``e`` under the
    deviation ``s`` foretold; it does not pull at the image.

    Example:
        >>> zero = torch.zeros(2, 1, 4, 4)
        >>> round(float(DetailLoss()(zero, zero, zero + 1.0, groups=2)), 4)
        1.0025
    """

    def forward(self, mean: Tensor, log_std: Tensor, label: Tensor, groups: int) -> Tensor:
        """``mean``, ``log_std`` and ``label`` (groups P, 1, H, W) to a scalar."""
        error = (mean - label).square()
        roots = (error.reshape(groups, -1).mean(1) + 1e-8).sqrt()
        log_std = log_std.clamp(-9, 2)
        foretold = log_std + 0.5 * error.detach() * torch.exp(-2 * log_std)
        return roots.mean() + 0.005 * foretold.mean()


def pretrain_detail(
    heads: Sequence[Head],
    siren: Siren | None = None,
    recipe: DetailRecipe = DETAIL,
    *,
    network: DetailPrior | None = None,
    measurements: Measurements = CLINICAL,
    seed: int = 0,
    device: str | torch.device = "cpu",
    checkpoint: Path | None = None,
    every: int = 250,
    resume: bool = False,
    on_step: Callable[[int, float], None] | None = None,
) -> DetailPrior:
    """Train a detail prior on clean heads.

    Args:
        heads: the cohort.
        siren: the coordinate prior whose features the network is given; None trains it to do without.
        recipe: how.
        network: where to start and how wide to be. Not changed.
        measurements: to learn to undo.
        seed: of initialisation and draws; the same seed gives the same bytes on one CPU.
        device: where to train; products run in bfloat16, intensities in float32.
        checkpoint: file to write every ``every`` steps, whole or not at all.
        resume: go on from the checkpoint if it is there.
        on_step: called with the step and its loss.

    Raises:
        InputError: the checkpoint belongs to another recipe, seed or network, or the cohort is empty.
    """
    device = torch.device(device)
    features = 0 if siren is None else siren.hidden_channels
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = DetailPrior(features=features) if network is None else _copy(network)
    net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = _copy(net).to(device)
    encoder = None if siren is None else siren.to(device).eval()
    patches = MeasuredPatches(
        heads,
        recipe.steps * recipe.groups,
        patches=recipe.patches,
        side=recipe.side,
        slices=net.slices,
        single=recipe.single,
        far=recipe.far,
        seed=seed,
        measurements=measurements,
    )
    kernels = [p for block in (net.encode, net.decode, net.down, net.up) for p in block.parameters() if p.ndim == 4]
    others = [p for p in net.parameters() if all(p is not kernel for kernel in kernels)]
    optimisers: list[torch.optim.Optimizer] = [Muon(kernels, recipe.rate), torch.optim.Adam(others, recipe.rate)]
    identity = {**asdict(recipe), **asdict(measurements), "seed": seed, "network": sizes_of_detail(net)}
    start = 0
    if resume and (state := resume_from(checkpoint, identity, device)) is not None:
        net.load_state_dict(state["network"])
        average.load_state_dict(state["average"])
        for optimiser, kept in zip(optimisers, state["optimisers"]):
            optimiser.load_state_dict(kept)
        start = state["step"]
    loss_of = DetailLoss()
    for step in range(start, recipe.steps):
        for optimiser, times in zip(optimisers, (1.0, recipe.rest)):
            optimiser.param_groups[0]["lr"] = times * recipe.rate_at(step)
        groups = [patches[step * recipe.groups + k] for k in range(recipe.groups)]
        batch = {key: torch.cat([group[key] for group in groups]).to(device) for key in groups[0]}
        alone = np.random.default_rng((seed, step, 1)).random(recipe.groups) < recipe.alone
        with_features = torch.from_numpy(~alone).repeat_interleave(recipe.patches).to(device)
        with torch.autocast(device.type, torch.bfloat16):
            features_of = None
            if encoder is not None:
                with torch.no_grad():
                    features_of = encoder(batch["coords"], features=True) * with_features[:, None, None, None]
            mean, log_std = net(batch["image"], batch["conditions"], features_of)
        loss = loss_of(mean, log_std, batch["label"], recipe.groups)
        net.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), recipe.clip)
        for optimiser in optimisers:
            optimiser.step()
        with torch.no_grad():
            keep = min(recipe.average, (1 + step) / (10 + step))
            for a, b in zip(average.parameters(), net.parameters()):
                a.lerp_(b, 1 - keep)
        if on_step is not None:
            on_step(step, float(loss.detach()))
        if checkpoint is not None and ((step + 1) % every == 0 or step + 1 == recipe.steps):
            save_checkpoint(
                checkpoint,
                identity,
                step + 1,
                network=net.state_dict(),
                average=average.state_dict(),
                optimisers=[optimiser.state_dict() for optimiser in optimisers],
            )
    return average.eval()


def _copy(network: DetailPrior) -> DetailPrior:
    with torch.random.fork_rng(devices=[]):  # the weights drawn here are thrown away
        twin = DetailPrior(**sizes_of_detail(network))
    twin.load_state_dict(network.state_dict())
    return twin
