# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Measure how far stacks disagree beyond their noise: bowel moves, blood flows, fields are not uniform.

Noise is read off every stack alone and knows nothing of this. What remains after a fit of all stacks does. It is
alike in neighbouring voxels, so that many of them say no more than one: the variance counts as many times as there
are voxels that vary together. A fit of two stacks cannot tell which of them is wrong, so all stacks share the value.
With three stacks or more, one is predicted from the others, and the value is lowered where that predicts better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from ..fitting.joint_kriging import WeightedData
from ..fitting.stack_registration import Aligned, Stack
from ..geometry import Grid
from .images import block_of, kriged_mean, kriged_start, posterior, prediction_error

__all__ = ["disagreement_of", "varying_together", "with_disagreement"]

_ALIKE = 0.05  # correlation of voxels below which they vary on their own
_FURTHEST = 12  # voxels
_FEWEST = 1000  # voxels of a stack in the block: fewer say nothing
_PARTS = (0.0, 0.25, 1.0)  # of what is read off, tried where a third stack can judge
_MEANT = 0.25  # of the noise variance: an excess below is the error of its estimate


def with_disagreement(aligned: Sequence[Aligned], room: Grid, seed: int) -> list[Aligned]:
    """Widen the variance of every stack by what a joint fit of the middle of the volume leaves.

    Args:
        aligned: the stacks at their places.
        room: a grid of isotropic voxels over the first stack.
        seed: of the draw that says how much of the residual a fit takes away.
    """
    block = block_of(room)
    stacks = [one.stack.within(block) for one in aligned]
    most = disagreement_of([one.data(block) for one in stacks], seed)
    found = most
    if most > 0 and len(stacks) > 2:
        k = max(range(1, len(stacks)), key=lambda j: aligned[j].common)
        found = min((part * most for part in _PARTS), key=lambda value: _error(stacks, k, value, block))
    return [replace(one, stack=replace(one.stack, disagreement=found)) for one in aligned]


def _error(stacks: Sequence[Stack], k: int, disagreement: float, block: Grid) -> float:
    """Predict stack k from the others."""
    others = [replace(one, disagreement=disagreement) for j, one in enumerate(stacks) if j != k]
    data = [one.data(block) for one in others]
    return prediction_error(kriged_start(others, block), stacks[k].data(block), data)


def disagreement_of(data: Sequence[WeightedData], seed: int) -> float:
    """Return the standard deviation by which the data disagree, beyond noise; 0 where noise explains the residuals.

    Args:
        data: weighted by noise alone, in the intensities of the first stack.
        seed: of the draw.

    Example:
        >>> import torch
        >>> from monai_strainer.physics import Identity
        >>> one = WeightedData(Identity((12, 12, 12)), torch.zeros(12, 12, 12), torch.full((12, 12, 12), 1e4))
        >>> disagreement_of([one, one], seed=0)
        0.0
    """
    data = [one for one in data if int((one.weight > 0).sum()) >= _FEWEST]
    if len(data) < 2:
        return 0.0
    found = posterior(kriged_mean(data), data, seed, lambda done, steps: None)
    total = 0.0
    for one in data:
        counted = one.weight > 0
        rest = (one.y - one.operator.A(found.image)) * counted
        # the fit lowers the residual by what it learns from this stack; a draw of that gives it back
        both = (rest.square() + one.operator.A(found.left).square())[counted].mean()
        noise = (1 / one.weight[counted]).mean()
        excess = float(both - noise)
        if excess > _MEANT * float(noise):
            total += excess * varying_together(rest, counted.float())
    return float((total / len(data)) ** 0.5)


def varying_together(residual: Tensor, counted: Tensor) -> float:
    """Return how many voxels vary together: the sum of the correlations with the neighbours, per axis, multiplied.

    Args:
        residual: (X, Y, Z), 0 where it does not count.
        counted: (X, Y, Z), 1 where it counts, else 0.

    Example:
        >>> import torch
        >>> white = torch.randn(20, 20, 20, generator=torch.Generator().manual_seed(0))
        >>> varying_together(white, torch.ones(20, 20, 20))
        1.0
    """
    power = residual.square().sum() / counted.sum().clamp_min(1)
    many = 1.0
    for axis, n in enumerate(residual.shape):
        along = 1.0
        for lag in range(1, min(n, _FURTHEST)):
            first, second = (x.narrow(axis, 0, n - lag) for x in (residual, counted))
            third, fourth = (x.narrow(axis, lag, n - lag) for x in (residual, counted))
            alike = float((first * third).sum() / (second * fourth).sum().clamp_min(1) / power.clamp_min(1e-12))
            if alike < _ALIKE:
                break
            along += 2 * alike
        many *= along
    return many
