# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Choose how stacks are fused: the method that predicts every stack best from the others, in a block of the volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from torch import Tensor

from ..fitting.stack_registration import Aligned, Stack
from ..geometry import Grid
from .air import with_air
from .images import (
    RestoredStack,
    block_of,
    interpolated_mean,
    kriged_start,
    prediction_error,
    restored_mean,
)
from .options import FuseOptions

__all__ = ["Choice", "Method", "chosen", "start_of"]

Method = Literal["network", "kriging", "mean"]
_METHODS: tuple[Method, ...] = ("network", "kriging", "mean")
_CLEAR = 0.95  # of the error of the mean; where tissue moves, methods differ by less, and no trial can tell them apart


@dataclass(frozen=True)
class Choice:
    """A method and the reason.

    Args:
        method: that was chosen.
        why: in words.
        predicted: by method, the mean square error of stacks that are predicted from the others, over the variance of
            their noise; where it was tried.
        priors: names of the priors that restored the stacks.
    """

    method: Method
    why: str = "it was asked for"
    predicted: dict[str, float] = field(default_factory=dict)
    priors: tuple[str, ...] = ()


def chosen(options: FuseOptions, parts: Sequence[RestoredStack], aligned: Sequence[Aligned], room: Grid) -> Choice:
    """Choose the method.

    Every stack is left out once and predicted from the others by every method. What a method makes sharper than the
    stacks agree on counts against it. The mean of the stacks is taken unless a method is clearly better;
    it is taken, too, where none can be tried, for no stack shows in the block what another does.

    Args:
        options: may name a method.
        parts: the stacks as the prior restores them.
        aligned: the stacks.
        room: a grid of isotropic voxels over the first stack.
    """
    if options.method != "auto":
        return Choice(options.method)  # type: ignore[arg-type]
    block = block_of(room)
    stacks = [one.stack.within(block) for one in aligned]
    errors: dict[str, float] = dict.fromkeys(_METHODS, 0.0)
    for k, left_out in enumerate(stacks):
        wanted = replace(left_out, disagreement=0.0).data(block)
        kept = [*stacks[:k], *stacks[k + 1 :]]
        restored = [*parts[:k], *parts[k + 1 :]]
        others = [one.data(block) for one in kept]
        for method in _METHODS:
            first = start_of(method, restored, kept, block)
            errors[method] += prediction_error(first, wanted, others, correct=method != "mean") / len(stacks)
    if not any(errors.values()):  # nothing was predicted: long stacks overlap near their ends alone
        return Choice("mean", "the stacks do not overlap where methods are tried, in the middle of the volume")
    best = min(_METHODS, key=lambda method: errors[method])
    if errors[best] > _CLEAR * errors["mean"]:
        return Choice("mean", "no other method predicts the stacks clearly better from each other", errors)
    return Choice(best, "it predicts the stacks best from each other", errors)


def start_of(
    method: Method, parts: Sequence[RestoredStack], stacks: Sequence[Stack], target: Grid
) -> tuple[Tensor, Tensor]:
    """Return the first image of a method and the deviation of its error.

    Args:
        method: of the fusion.
        parts: the stacks as the prior restores them; only the network needs them.
        stacks: what is in the target.
        target: grid of the image.
    """
    if method == "network":
        return with_air(restored_mean(parts, target), stacks, target)
    return kriged_start(stacks, target) if method == "kriging" else interpolated_mean(stacks, target)
