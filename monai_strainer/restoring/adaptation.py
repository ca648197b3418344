# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Adapt the general network to a noisy scan, and keep the adapted one only where its estimated error is lower."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ..fitting import ADAPTATION, Stack, adapt, steps_for
from .choice import Trial
from .plan import Pass
from .prepare import Prepared
from .prior_choice import Choice, tried
from .slicewise import PassContext, measured, neighbours_close

__all__ = ["adapted"]

_WIDEST = 2.0
_BETTER = 0.995  # of the risk before, at most: Stein's estimate does not see what the weights learned from the noise


def adapted(choice: Choice, ready: Prepared, context: PassContext, first: Pass, steps: int | None, seed: int) -> Choice:
    """The choice with a network adapted to the scan, if that pays.

    Only where noise is all there is to remove and a network without coordinate features was chosen and tested.

    Args:
        choice: of the prior.
        ready: the scan.
        scene: of the passes.
        leg: axes and factors of the first pass.
        steps: at most; None for the default, 0 for none.
        seed: of the draws.
    """
    axes, factors = first
    detail, before = choice.prior.detail, choice.trial
    if steps == 0 or detail is None or detail.features or before is None or max(factors) > 1:
        return choice
    recipe = ADAPTATION if steps is None else replace(ADAPTATION, steps=steps)
    stacks = [_stack(ready, context, axis, choice) for axis in axes]
    count = steps_for(stacks, recipe)
    if count == 0 or float(stacks[0].noise.sigma.max()) == 0:
        return choice
    network = adapt(detail.to(context.device), stacks, recipe, seed=seed, on_step=context.progress)
    prior = replace(choice.prior, detail=network)
    after = tried(prior, "adapted", ready, context.pose, first, context.operator)
    assert after is not None  # as it was before
    kept = after.risk < _BETTER * before.risk
    record = {"steps": count, "risk_before": float(before.risk), "risk_after": float(after.risk), "kept": bool(kept)}
    if not kept:
        return replace(choice, adaptation=record)
    after = replace(after, widen=_wider(before, after))
    return replace(choice, prior=prior, trial=after, adaptation=record)


def _wider(before: Trial, after: Trial) -> float:
    """By how much the deviations, which an adaptation does not train, fell more than the estimated error did."""
    if min(before.risk, after.risk, before.promised, after.promised) <= 0:
        return 1.0
    ratio = (after.risk / before.risk) * (before.promised / after.promised)
    return min(_WIDEST, max(1.0, ratio**0.5))


def _stack(ready: Prepared, context: PassContext, axis: int, choice: Choice) -> Stack:
    volume = ready.acquired.volume
    y, noise = measured(volume, axis, context, ready.level.level)
    inside = torch.from_numpy(np.ascontiguousarray(np.moveaxis(ready.inside, axis, 0))).to(context.device)
    assert choice.prior.detail is not None
    return Stack(y, noise, inside, neighbours_close(choice.prior.detail, volume.grid, axis, len(y)))
