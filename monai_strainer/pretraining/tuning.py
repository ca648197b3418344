# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Train the networks of a prior further on a few scans of one site, and keep only what helps on scans held out.

One scan in five trains nothing. Patches and points of these scans are measured and restored by the network that the
training starts from and by the network in training. The weights of the step with the largest gain are kept, if the gain
is larger than its standard error; otherwise the network stays as it was. So a tuned prior is not worse than its start
on scans that it has not seen.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..anatomy.aligned_slices import AlignedSlices
from ..errors import InputError
from ..networks import DetailPrior, Siren
from .aligned_points import CohortTiles
from .detail import DetailRecipe, begin_training, joined, patches_of
from .encoder import Recipe, pretrain
from .patches import CleanScan, MeasuredPatches
from .phases import announce, digest_of_arrays, digest_of_weights
from .run import ONCE, Run
from .variable_projection import ProjectionLoss

__all__ = ["TUNE_DETAIL", "TUNE_ENCODER", "Gain", "encoder_gain", "held_out", "tune_detail", "tune_encoder"]

# Chosen on scans held out. Misfit of a FLAIR head: 1.10 dB lower after 150 steps at 5e-5, 1.25 dB at 2e-4, and 1.33 dB
# after 500. Detail network: a brain gains 0.64 dB over the general one after 200 of 800 steps at 1e-4, 0.72 after 400,
# 0.78 after 600; a FLAIR head of a site that the general prior knows 0.03, 0.06 and 0.10 dB after 20, 80 and 400.
TUNE_ENCODER = Recipe(steps=200, rate=2e-4)
TUNE_DETAIL = DetailRecipe(steps=400, side=64, rate=1e-4, warmup=20, average=0.98)
_ONE_IN = 5  # scans held out
_TRIALS = 8  # of a whole training
_PATIENCE = 3  # trials without a larger gain after which the training stops
_GROUPS = 32  # of patches, or tiles of points, of the scans held out


@dataclass(frozen=True)
class Gain:
    """What a training is worth on scans that did not train.

    Args:
        decibels: mean fall of the squared error over patches or points of these scans, 0 where the start is kept.
        error: standard error of that mean.
        step: whose weights are kept; 0 is the start.
    """

    decibels: float = 0.0
    error: float = 0.0
    step: int = 0

    @property
    def is_sure(self) -> bool:
        """Return whether the gain is larger than its standard error."""
        return self.decibels > self.error


def held_out(persons: Sequence[str]) -> tuple[list[int], list[int]]:
    """Divide scans into those that train and those that are held out: of every fifth person, and at least of the last.

    Args:
        persons: whose each scan is; scans of one person stay on one side. With one person, scans are divided.

    Returns:
        numbers of the scans that train, and of those held out.

    Raises:
        InputError: there is only one scan.

    Example:
        >>> held_out(["a", "a", "b", "c", "d", "e", "f"])
        ([0, 1, 2, 3, 4], [5, 6])
    """
    if len(persons) < 2:
        raise InputError("one scan cannot train and be held out", "give at least two scans, better ten")
    names = list(dict.fromkeys(persons))
    names, persons = (names, persons) if len(names) > 1 else ([str(k) for k in range(len(persons))],) * 2
    held = {*names[_ONE_IN - 1 :: _ONE_IN], names[-1]}
    numbers = range(len(persons))
    return [k for k in numbers if persons[k] not in held], [k for k in numbers if persons[k] in held]


def tune_detail(
    heads: Sequence[CleanScan],
    held: Sequence[CleanScan],
    network: DetailPrior,
    siren: Siren | None = None,
    recipe: DetailRecipe = TUNE_DETAIL,
    *,
    run: Run = ONCE,
) -> tuple[DetailPrior, Gain]:
    """Train a detail network further.

    Args:
        heads: scans that train.
        held: scans that decide which step is kept.
        network: where to start. Not changed.
        siren: the coordinate prior whose features the network is given, where it takes any.
        recipe: how; 0 steps keep the network.
        run: seed, device, checkpoint.

    Returns:
        the network, and its gain over the start; a copy of the start where training did not help.

    Raises:
        InputError: the checkpoint belongs to another run, or there is no scan.
    """
    if recipe.steps == 0:
        return copy.deepcopy(network).cpu().eval(), Gain()
    siren = siren if network.features else None
    training = begin_training({}, network, siren, recipe, run)
    patches = patches_of(heads, recipe, slices=network.slices, seed=run.seed)
    trial = _PatchTrial(held, network, siren, recipe, run)
    identity = {**asdict(recipe), "seed": run.seed, "start": digest_of_weights(network)}
    identity |= {"heads": digest_of_arrays(*(head.data for head in (*heads, *held)))}
    identity |= {"siren": "" if siren is None else digest_of_weights(siren)}
    best, found, start = copy.deepcopy(network).cpu().state_dict(), [Gain()], 0
    announce(f"detail network: at most {recipe.steps} steps, {len(held)} scans held out")
    if (state := run.resumed(identity)) is not None:
        training.load(state)
        best, found, start = state["best"], [Gain(*values) for values in state["found"]], state["step"]

    def kept() -> dict[str, Any]:
        return {**training.state(), "best": best, "found": [list(asdict(gain).values()) for gain in found]}

    for step in range(recipe.steps if _is_over(found) else start, recipe.steps):
        first = step * recipe.groups
        loss = training.step(step, joined([patches[first + k] for k in range(recipe.groups)]))
        if (step + 1) % max(1, recipe.steps // _TRIALS) == 0:
            gain = replace(trial.gain(training.average), step=step + 1)
            if gain.is_sure and gain.decibels > max(one.decibels for one in found):
                best = {name: value.cpu().clone() for name, value in training.average.state_dict().items()}
            found.append(gain if gain.is_sure else replace(gain, decibels=min(gain.decibels, 0.0)))
        is_over = _is_over(found)
        run.done(step, loss, step + 1 if is_over else recipe.steps, identity, kept)
        if is_over:
            break
    made = copy.deepcopy(network).cpu()
    made.load_state_dict(best)
    return made.eval(), max(found, key=lambda gain: gain.decibels)


def _is_over(found: Sequence[Gain]) -> bool:
    """Return whether the last trials brought no larger gain."""
    best = max(range(len(found)), key=lambda k: found[k].decibels)
    return len(found) - 1 - best >= _PATIENCE


class _PatchTrial:
    """The same measured patches of scans held out, restored by the start and by the network in training."""

    def __init__(
        self, held: Sequence[CleanScan], network: DetailPrior, siren: Siren | None, recipe: DetailRecipe, run: Run
    ) -> None:
        few = replace(recipe, steps=1, groups=_GROUPS)
        self.patches: MeasuredPatches = patches_of(held, few, slices=network.slices, seed=run.seed + 1)
        self.device, self.siren = torch.device(run.device), siren
        self.before = self._errors(copy.deepcopy(network).to(self.device).eval())

    def gain(self, network: DetailPrior) -> Gain:
        """Return the gain of a network over the start."""
        return _gain(self.before, self._errors(network))

    @torch.no_grad()
    def _errors(self, network: DetailPrior) -> Tensor:
        errors = []
        for k in range(len(self.patches)):
            group = {name: value.to(self.device) for name, value in self.patches[k].items()}
            features = None if self.siren is None else self.siren.to(self.device)(group["coords"], features=True)
            mean, _ = network(group["image"], group["conditions"], features)
            errors.append((mean - group["label"]).double().square().mean().cpu())
        return torch.stack(errors)


def _gain(before: Tensor, after: Tensor) -> Gain:
    """Mean of the paired gains in decibels, and its standard error."""
    gains = (10 * torch.log10(before / after.clamp_min(1e-20))).numpy()
    return Gain(float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(len(gains))))


def tune_encoder(
    slices: AlignedSlices,
    held: Sequence[int],
    network: Siren,
    recipe: Recipe = TUNE_ENCODER,
    *,
    run: Run = ONCE,
) -> tuple[Siren, Gain]:
    """Train the encoder of a coordinate network further, and describe the readouts of the whole cohort for it.

    Args:
        slices: the cohort, aligned.
        held: numbers of the scans that do not train; they count for the readouts.
        network: where to start. Not changed.
        recipe: how; 0 steps keep the encoder.
        run: seed, device, checkpoint.

    Returns:
        the network, and its gain over the start; its encoder is that of the start where training did not help.

    Raises:
        InputError: the checkpoint belongs to another run.
    """
    others = [k for k in range(len(slices.images)) if k not in set(held)]
    train, unseen = (AlignedSlices(slices.images[some], slices.axes, slices.order) for some in (others, list(held)))
    made, gain = network, Gain()
    if recipe.steps:
        made = pretrain(train, recipe, network=network, run=run)
        gain = encoder_gain(network, made, unseen, ridge=recipe.ridge, seed=run.seed, step=recipe.steps)
        made = made if gain.step else network
    still = replace(run, checkpoint=None if run.checkpoint is None else run.checkpoint.with_name("readouts.pt"))
    return pretrain(slices, replace(recipe, steps=0), network=made, run=still), gain


def encoder_gain(start: Siren, made: Siren, unseen: AlignedSlices, *, ridge: float, seed: int, step: int) -> Gain:
    """Compare the encoder of a coordinate network in training with that of its start, on scans held out.

    Args:
        start: where the training started.
        made: what it made. Neither is changed.
        unseen: scans that did not train.
        ridge: of the readouts.
        seed: of the training.
        step: of the training.

    Returns:
        the gain at that step; no gain, at step 0, where it is not larger than its standard error.
    """
    before, after = (_misfit(one, unseen, ridge, seed + 1) for one in (start, made))
    gain = replace(_gain(before, after), step=step)
    return gain if gain.is_sure else Gain()


@torch.no_grad()
def _misfit(network: Siren, slices: AlignedSlices, ridge: float, seed: int) -> Tensor:
    """Mean squared error that the best readouts leave on tiles of scans."""
    network = copy.deepcopy(network).cpu()
    tiles, loss = CohortTiles(slices, _GROUPS, 2048, None, seed), ProjectionLoss(ridge)
    errors = []
    for k in range(len(tiles)):
        tile = tiles[k]
        features = network(tile["image"][None, : network.spatial_dims], features=True)
        errors.append(loss(features, tile["label"][None]).double())
    return torch.stack(errors)
