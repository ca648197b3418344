# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Adapt the general network to a noisy scan, and keep it only where its estimated error is lower on held-out voxels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..fitting import ADAPTATION, Amortised, Stack, adapt, steps_for
from ..fitting.adapting import BRIGHT
from ..networks import DetailPrior
from .choice import Candidate, Trial, noise_trial, restored_slices, some_slices
from .pass_context import PassContext, slices_with_noise
from .plan import Pass
from .prepare import Prepared
from .prior_choice import Choice
from .report import Adaptation
from .slicewise import neighbours_close

__all__ = ["adapted"]

_WIDEST = 2.0
_QUIET = 0.01  # noise, the object being about [0, 1], below which an adaptation is not worth its time
_BETTER = 0.995  # of the risk before, at most
_BLOCK = 32  # voxels: longest side of the blocks that are learned from or held out


def adapted(choice: Choice, ready: Prepared, context: PassContext, first: Pass, steps: int | None, seed: int) -> Choice:
    """Adapt the network of a choice to the scan, and keep the result if it helps.

    Only where noise is all there is to remove and a network without coordinate features was chosen and tested; by
    default also only where the noise is 1 % of the object or more.

    Args:
        choice: of the prior.
        ready: the scan.
        context: of the passes.
        first: axes and factors of the first pass.
        steps: at most; None for the default, 0 for none.
        seed: of the draws.
    """
    axes, factors = first
    detail = choice.prior.detail
    if steps == 0 or detail is None or detail.features or choice.trial is None or max(factors) > 1:
        return choice
    if steps is None and ready.level.relative < _QUIET:
        return choice
    recipe = ADAPTATION if steps is None else replace(ADAPTATION, steps=steps)
    held = _held_out(ready.inside.shape)
    stacks = [_stack(ready, context, axis, detail, ready.inside & ~held) for axis in axes]
    count = steps_for(stacks, recipe)
    tested = ready.inside & held
    if count == 0 or float(stacks[0].noise.sigma.max()) == 0 or not tested.any():
        return choice
    on_cpu = replace(context, device="cpu")  # where the other tests ran
    given = _stack(ready, on_cpu, axes[0], detail, tested)
    slices = some_slices(given.inside)
    start = Candidate("start", detail.cpu(), None, None, given.spacing_ratio)
    restored = restored_slices(start, given.y, given.noise, slices)
    given = replace(given, inside=given.inside & _bright(given, slices, restored))
    if not given.inside[slices].any():
        return choice

    tried: list[Trial] = []

    def risk(network: DetailPrior) -> float:
        one = replace(start, detail=network.cpu())
        known = None if tried else restored  # of the start, which is asked for first
        tried.append(noise_trial(one, given.y, given.noise, given.inside, slices, known))
        return float(tried[-1].risk)

    network = adapt(detail.to(context.device), stacks, recipe, seed=seed, risk=risk, on_step=context.progress)
    before, after = tried[0], min(tried, key=lambda one: one.risk)
    kept = after.risk < _BETTER * before.risk
    count = min(count, recipe.every * (len(tried) - 1))  # it ends where the risk rises
    outcome = Adaptation(steps=count, risk_before=float(before.risk), risk_after=float(after.risk), kept=bool(kept))
    if not kept:
        return replace(choice, adaptation=outcome)
    after = replace(after, widen=_wider(before, after))
    return replace(choice, prior=replace(choice.prior, detail=network), trial=after, adaptation=outcome)


def _bright(given: Stack, slices: Sequence[int], restored: Sequence[Amortised]) -> Tensor:
    """(S, H, W): where the signal of the slices to test is so far above the noise that Stein's estimate holds."""
    if not given.noise.is_magnitude:
        return torch.ones_like(given.inside)
    bright = torch.zeros_like(given.inside)
    for k, found in zip(slices, restored):
        level = given.noise.sigma[k] if given.noise.sigma.ndim else given.noise.sigma
        bright[k] = found.images[0] > BRIGHT * level
    return bright


def _held_out(shape: Sequence[int]) -> NDArray[np.bool_]:
    """(X, Y, Z): every fourth block, for the estimate of the risk; small images have four blocks along an axis."""
    sides = [min(_BLOCK, max(4, -(-n // 4))) for n in shape]
    blocks = np.meshgrid(*(np.arange(n) // side for n, side in zip(shape, sides)), indexing="ij", sparse=True)
    held: NDArray[np.bool_] = (blocks[0] + blocks[1] + blocks[2]) % 4 == 0
    return held


def _wider(before: Trial, after: Trial) -> float:
    """By how much the deviations, which an adaptation does not train, fell more than the estimated error did."""
    if min(before.risk, after.risk, before.promised, after.promised) <= 0:
        return 1.0
    ratio = (after.risk / before.risk) * (before.promised / after.promised)
    return min(_WIDEST, max(1.0, ratio**0.5))


def _stack(ready: Prepared, context: PassContext, axis: int, detail: DetailPrior, inside: NDArray[np.bool_]) -> Stack:
    volume = ready.acquired.volume
    y, noise = slices_with_noise(volume, axis, context, ready.level.level)
    part = torch.from_numpy(np.ascontiguousarray(np.moveaxis(inside, axis, 0))).to(context.device)
    return Stack(y, noise, part, neighbours_close(detail, volume.grid, axis, len(y)))
