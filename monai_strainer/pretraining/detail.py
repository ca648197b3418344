# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Train the detail network on simulated acquisitions of clean patches.

Every draw follows from the seed and its number alone, so training can be cut anywhere and goes on bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from ..networks import DetailPrior, Siren, sizes_of_detail
from ..networks.precision import autocast_on, has_bfloat16
from ..optim.muon import descend, detail_optimisers
from ..optim.schedules import falling, set_rate
from ..physics import AcquisitionDistribution
from .patches import CLINICAL, CleanScan, MeasuredPatches
from .phases import announce, digest_of_arrays, digest_of_weights
from .run import ONCE, Run

__all__ = [
    "DETAIL",
    "DetailLoss",
    "DetailRecipe",
    "DetailTraining",
    "CleanScan",
    "MeasuredPatches",
    "begin_training",
    "joined",
    "patches_of",
    "pretrain_detail",
    "run_training",
]


@dataclass(frozen=True)
class DetailRecipe:
    """How to train a detail prior.

    Args:
        steps: gradient steps.
        groups: measurements drawn per step.
        patches: patches that each of them measures.
        side: of a patch, in voxels.
        rate: root-mean-square change of a kernel's weights per step (Muon) at its highest; it rises over ``warmup``
            steps and falls along a cosine.
        rest: factor of the rate of all else, which learns with Adam.
        warmup: steps.
        clip: greatest norm of a gradient; a rare patch must not rule the momentum.
        average: memory of the running average of the weights, which is what is kept.
        alone: fraction of groups that do without the coordinate prior's features.
        single: fraction of groups without neighbouring slices.
        far: fraction of groups whose neighbouring slices are distant.
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
        """Return the learning rate of a step."""
        return self.rate * min(1.0, (step + 1) / self.warmup) * falling(step, self.steps, 0.01)


DETAIL = DetailRecipe()


class DetailLoss(nn.Module):
    """The root mean square error of every group, and how well the network knows its errors.

    ``mean_g sqrt(mse_g) + mean [ log s + e^2 / (2 s^2) ] / 200``. Under the root every group pulls at the image with
    the same force, however easy its measurement is; under the square the hard ones would drown the rest, under the
    logarithm the easy ones would. The second term is the negative log-likelihood of the errors ``e`` under the
    predicted deviation ``s``; it has no gradient on the image.

    Example:
        >>> zero = torch.zeros(2, 1, 4, 4)
        >>> round(float(DetailLoss()(zero, zero, zero + 1.0, groups=2)), 4)
        1.0025
    """

    def forward(self, mean: Tensor, log_std: Tensor, label: Tensor, groups: int) -> Tensor:
        """Compute the loss of a batch.

        Args:
            mean: ``(groups P, 1, H, W)`` predicted image.
            log_std: predicted logarithm of its standard deviation, in the same shape.
            label: true image, in the same shape.
            groups: measurements in the batch, of ``P`` patches each.

        Returns:
            a scalar.
        """
        error = (mean - label).square()
        roots = (error.reshape(groups, -1).mean(1) + 1e-8).sqrt()
        log_std = log_std.clamp(-9, 2)
        predicted = log_std + 0.5 * error.detach() * torch.exp(-2 * log_std)
        return roots.mean() + 0.005 * predicted.mean()


class DetailTraining:
    """A training as it stands: the network, its running average, the optimisers of both kinds of weights.

    Kernels of the blocks learn with Muon, all else with Adam; products run in bfloat16, intensities in float32.

    Args:
        network: to train; changed in place.
        siren: the coordinate prior whose features the network is given; None trains it to do without.
        recipe: how.
        seed: of the draws.

    Example:
        >>> training = DetailTraining(DetailPrior(channels=(8, 8), blocks=1, features=0), None, DetailRecipe(steps=1))
        >>> training.average.channels
        (8, 8)
    """

    def __init__(self, network: DetailPrior, siren: Siren | None, recipe: DetailRecipe, seed: int = 0) -> None:
        self.network, self.recipe, self.seed = network, recipe, seed
        self.device = next(network.parameters()).device
        self.average = _copy(network).to(self.device)
        self.encoder = None if siren is None else siren.to(self.device).eval()
        self.optimisers = detail_optimisers(network, recipe.rate)
        self.loss_of = DetailLoss()

    def step(self, number: int, batch: dict[str, Tensor]) -> Tensor:
        """Learn from the groups of one step.

        Args:
            number: of the step, from 0; rate and draws follow from it.
            batch: of :class:`MeasuredPatches`, its groups one after the other.

        Returns:
            the loss before the step, where the network is: nothing of a step is read back.
        """
        recipe = self.recipe
        for optimiser, times in zip(self.optimisers, (1.0, recipe.rest)):
            set_rate(optimiser, times * recipe.rate_at(number))
        batch = {key: value.to(self.device) for key, value in batch.items()}
        alone = np.random.default_rng((self.seed, number, 1)).random(recipe.groups) < recipe.alone
        with_features = torch.from_numpy(~alone).repeat_interleave(recipe.patches).to(self.device)
        with autocast_on(self.device, has_bfloat16(self.device)):
            features = None
            if self.encoder is not None:
                with torch.no_grad():
                    features = self.encoder(batch["coords"], features=True) * with_features[:, None, None, None]
            mean, log_std = self.network(batch["image"], batch["conditions"], features)
        loss = self.loss_of(mean, log_std, batch["label"], recipe.groups)
        keep = min(recipe.average, (1 + number) / (10 + number))
        descend(self.network, self.average, self.optimisers, loss, recipe.clip, keep)
        return loss.detach()

    def state(self) -> dict[str, Any]:
        """Return the state that :meth:`load` restores."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a :meth:`state`."""
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        for optimiser, kept in zip(self.optimisers, state["optimisers"]):
            optimiser.load_state_dict(kept)


def patches_of(
    heads: Sequence[CleanScan],
    recipe: DetailRecipe,
    *,
    slices: int = 5,
    measurements: AcquisitionDistribution = CLINICAL,
    seed: int = 0,
) -> MeasuredPatches:
    """Return all groups that a training will see: those of step ``k`` begin at ``k * recipe.groups``.

    Args:
        heads: to cut patches from.
        recipe: how many, and of what size.
        slices: that the network sees, the one in the middle being restored.
        measurements: to simulate.
        seed: of all draws.
    """
    return MeasuredPatches(
        heads, recipe.steps * recipe.groups, patches=recipe.patches, side=recipe.side, slices=slices,
        neighbours=(recipe.single, recipe.far), seed=seed, measurements=measurements,
    )  # fmt: skip


def joined(groups: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Join groups of patches into one batch, one after the other."""
    return {key: torch.cat([group[key] for group in groups]) for key in groups[0]}


def pretrain_detail(
    heads: Sequence[CleanScan],
    siren: Siren | None = None,
    recipe: DetailRecipe = DETAIL,
    *,
    network: DetailPrior | None = None,
    measurements: AcquisitionDistribution = CLINICAL,
    run: Run = ONCE,
) -> DetailPrior:
    """Train a detail prior on clean heads.

    Args:
        heads: the cohort.
        siren: the coordinate prior whose features the network is given; None trains it to do without.
        recipe: how.
        network: where to start and how wide to be. Not changed.
        measurements: to learn to undo.
        run: seed, device, checkpoint.

    Raises:
        InputError: the checkpoint belongs to another recipe, seed, network or cohort, or the cohort is empty.
    """
    features = 0 if siren is None else siren.hidden_channels
    training = begin_training({"features": features}, network, siren, recipe, run)
    patches = patches_of(heads, recipe, slices=training.network.slices, measurements=measurements, seed=run.seed)
    data = asdict(measurements)
    if run.checkpoint is not None:
        data["heads"] = digest_of_arrays(*(head.data for head in heads))
        nets = {"siren": siren, "start": network}
        data |= {name: digest_of_weights(net) for name, net in nets.items() if net is not None}
    return run_training(training, patches, data, run)


def begin_training(
    sizes: dict[str, Any], network: DetailPrior | None, siren: Siren | None, recipe: DetailRecipe, run: Run
) -> DetailTraining:
    """Set up a training before its first step, from a fresh network or from a copy of one.

    Args:
        sizes: arguments of a fresh network.
        network: to start from a copy of; None draws a fresh one.
        siren: coordinate network that gives features; None for none.
        recipe: how.
        run: its seed and device.
    """
    net = run.drawn(lambda: DetailPrior(**sizes) if network is None else _copy(network))
    net.to(torch.device(run.device), memory_format=torch.channels_last)  # type: ignore[call-overload]
    return DetailTraining(net, siren, recipe, run.seed)


def run_training(
    training: DetailTraining, groups: Dataset[dict[str, Tensor]], data: dict[str, Any], run: Run
) -> DetailPrior:
    """Run all steps of a training that are left.

    Args:
        training: before its first step.
        groups: of patches, ``recipe.groups`` per step.
        data: identifies the training data: a checkpoint made with other data is refused.
        run: checkpoint, and whether to resume.

    Returns:
        the network with averaged weights.

    Raises:
        InputError: the checkpoint belongs to another training.
    """
    recipe = training.recipe
    identity = {**asdict(recipe), **data, "seed": training.seed, "network": sizes_of_detail(training.network)}
    start = 0
    announce(f"detail network: {recipe.steps} steps")
    if (state := run.resumed(identity)) is not None:
        training.load(state)
        start = state["step"]
    for step in range(start, recipe.steps):
        first = step * recipe.groups
        loss = training.step(step, joined([groups[first + k] for k in range(recipe.groups)]))
        run.done(step, loss, recipe.steps, identity, training.state)
    return training.average.eval()


def _copy(network: DetailPrior) -> DetailPrior:
    with torch.random.fork_rng(devices=[]):  # the weights drawn here are thrown away
        twin = DetailPrior(**sizes_of_detail(network))
    twin.load_state_dict(network.state_dict())
    return twin
