# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Choose how a fusion starts: the method that predicts a stack better from the others, in a block of the volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from ..fitting.stack_registration import Aligned
from ..geometry import Grid
from .images import RestoredStack, block_of, kriged_start, prediction_error, restored_mean
from .options import FuseOptions

__all__ = ["Choice", "chosen"]

Method = Literal["network", "kriging"]


@dataclass(frozen=True)
class Choice:
    """A method and the reason.

    Args:
        method: to start with.
        why: in words.
        predicted: by method, the error of a stack predicted from the others, over its noise; where it was tried.
        priors: names of the priors that restored the stacks.
    """

    method: Method
    why: str = "it was asked for"
    predicted: dict[str, float] = field(default_factory=dict)
    priors: tuple[str, ...] = ()


def chosen(
    options: FuseOptions, parts: Sequence[RestoredStack], aligned: Sequence[Aligned], numbers: Sequence[int], room: Grid
) -> Choice:
    """Choose the method.

    Args:
        options: may name one.
        parts: the stacks as the prior restores them.
        aligned: the stacks.
        numbers: of the stacks, as they were given.
        room: a grid of isotropic voxels over the first stack.
    """
    if options.method != "auto":
        return Choice("kriging" if options.method == "kriging" else "network")
    block = block_of(room)
    stacks = [one.stack.within(block) for one in aligned]
    k = max(range(len(stacks)), key=lambda j: aligned[j].common if j else 0.0)
    left_out = replace(stacks[k], disagreement=0.0).data(block)
    others = [one.data(block) for j, one in enumerate(stacks) if j != k]
    firsts = {
        "network": restored_mean([part for j, part in enumerate(parts) if j != k], block),
        "kriging": kriged_start([one for j, one in enumerate(stacks) if j != k], block),
    }
    errors = {name: prediction_error(first, left_out, others) for name, first in firsts.items()}
    best: Method = "kriging" if errors["kriging"] < errors["network"] else "network"
    return Choice(best, f"it predicts stack {numbers[k]} better from the others", errors)
