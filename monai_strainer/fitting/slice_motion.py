# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Find the motion of every slice in its stack: Gauss-Newton steps of six numbers through the other measurements.

The volume that the other stacks make, measured at the position of a slice, shows what the slice should show. People
move between slices that are measured one after the other, and interleaved slices that lie side by side are not: so no
slice is taken to lie like the next. Each is pulled to where its stack lies, and stays there unless its residual falls
clearly; and a stack keeps the motion of its slices only where all stacks together explain the data better with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..geometry import Grid
from .joint_kriging import JointField
from .stack_registration import Stack, spread

__all__ = ["SliceMotion", "align_slices"]

Motions = NDArray[np.float64]
_LEVELS = (3.0, 2.0)  # mm of the volume, coarse first
_ROUNDS = 2  # through all stacks, at every level
_STEPS = 2  # of Gauss-Newton before the next stack moves
_TYPICAL = 2.0  # degrees and mm that a slice moves: the pull to its stack
_TOGETHER = 10.0  # residuals of neighbours are alike: so many of them count as one
_CLEAR = 12.0  # fall of the weighted square residual from which six numbers are more than chance
_NEEDED = 1.05  # rise of the residual of all stacks from which a stack needs the motion of its slices
_LARGEST = 12.0  # degrees or mm: a slice that moves further is not placed
_EXACT = 0.2  # degrees and mm: the last step of a slice that has converged is below
_PROBE = 0.3  # degrees and mm of the finite differences
_FEWEST = 60  # voxels of a slice that the others show
_DEVIATION = 0.1  # of the error of a mean of stacks, of an image of about [0, 1]
_SOLVER = 8  # steps of conjugate gradients


@dataclass(frozen=True, eq=False)
class SliceMotion:
    """The outcome for one stack.

    Args:
        stack: with the motion of its slices.
        converged: (S,) whether the last step of a slice was small; those that did not converge lie as the stack does.
    """

    stack: Stack
    converged: NDArray[np.bool_]

    @property
    def unsure(self) -> int:
        """Return the number of slices that did not converge."""
        return int((~self.converged).sum())


def align_slices(stacks: Sequence[Stack], volume: Grid) -> list[SliceMotion]:
    """Find the motion of every slice.

    Args:
        stacks: two or more, aligned with each other.
        volume: field of view in which they are compared; its spacing does not matter.

    Returns:
        One outcome per stack, in their order. The slices of the first stack have no motion in common.
    """
    found = [_still(one) for one in stacks]
    for step in _LEVELS:
        grid = volume.resize([max(2, round(length / step)) for length in volume.extent])
        for _ in range(_ROUNDS):
            for k, one in enumerate(found):
                others = [other.stack for j, other in enumerate(found) if j != k]
                found[k] = _closer(one, _shown(others, grid, step), grid, step, is_first=k == 0)
    # the volume of all stacks is the sharpest, now that the slices are near their positions
    shown = _shown([one.stack for one in found], grid, step)
    found = [_settled(_closer(one, shown, grid, step, is_first=k == 0)) for k, one in enumerate(found)]
    return _needed(found, grid, step)


def _still(stack: Stack) -> SliceMotion:
    count = stack.y.shape[stack.slice_axis]
    return SliceMotion(replace(stack, slices=np.zeros((count, 6))), np.ones(count, bool))


def _shown(others: Sequence[Stack], grid: Grid, step: float) -> tuple[Tensor, Tensor]:
    """Return the volume that stacks make, and where they show it."""
    data = [one.coarser(step).data(grid) for one in others]
    mean, seen = spread(data, [one.y for one in data])
    field = JointField((grid.shape[0], grid.shape[1], grid.shape[2]), (1.0,) * 3, torch.tensor(_DEVIATION))
    return field.correct(mean, data, _SOLVER), (seen > 0.3).float()


def _closer(one: SliceMotion, shown: tuple[Tensor, Tensor], grid: Grid, step: float, is_first: bool) -> SliceMotion:
    """Move every slice of a stack by a few Gauss-Newton steps towards what the others show."""
    image, seen = shown
    low = one.stack.coarser(step)
    motions = np.array(one.stack.slices)
    last = np.zeros(len(motions))

    def measured(slices: Motions) -> Tensor:
        return _rows(replace(low, slices=slices).operator(grid).A(image), low.slice_axis)

    y = _rows(low.y / low.gain, low.slice_axis)
    still = np.zeros_like(motions)
    for _ in range(_STEPS):
        covered = _rows(replace(low, slices=motions).operator(grid).A(seen), low.slice_axis)
        weight = (covered > 0.95).double()
        rest = (y - measured(motions)).double() * weight
        slopes = torch.stack([
            (measured(motions + change) - measured(motions - change)) / (2 * _PROBE)
            for change in np.diag(np.full(6, _PROBE))
        ], -1).double() * weight[..., None]  # fmt: skip
        # the typical residual: slices that have moved are the others
        per_slice = rest.square().sum(1) / weight.sum(1).clamp_min(1)
        enough = weight.sum(1) >= _FEWEST
        if not bool(enough.any()):
            return one
        variance = float(per_slice[enough].median()) * _TOGETHER
        pull = torch.eye(6, dtype=torch.float64) / _TYPICAL**2
        matrix = slopes.transpose(1, 2) @ slopes / variance + pull
        vector = (slopes.transpose(1, 2) @ rest[..., None])[..., 0] / variance - torch.from_numpy(motions) @ pull
        change = torch.linalg.solve(matrix, vector).numpy() * enough.numpy()[:, None]
        change = np.clip(change, -_LARGEST / 4, _LARGEST / 4)
        last = np.abs(change).max(1)
        motions = motions + change
        if is_first:  # the whole stack stays where its header says
            motions -= np.median(motions, 0)
    # a slice lies as the stack does unless its residual says clearly that it moved
    covered = _rows(replace(low, slices=still).operator(grid).A(seen), low.slice_axis)
    weight = ((covered > 0.95) & (weight > 0)).double()
    before, after = ((weight * (y - measured(q)).double().square()).sum(1) / variance for q in (still, motions))
    is_clear = (before - after).numpy() > _CLEAR
    motions = motions * is_clear[:, None]
    return SliceMotion(replace(one.stack, slices=motions), ~is_clear | (last < _EXACT))


def _settled(one: SliceMotion) -> SliceMotion:
    """Put slices that are not sure back to where the stack lies."""
    motions = np.array(one.stack.slices)
    size = np.maximum(np.linalg.norm(motions[:, :3], axis=1), np.linalg.norm(motions[:, 3:], axis=1))
    sure = one.converged & (size < _LARGEST)
    return SliceMotion(replace(one.stack, slices=motions * sure[:, None]), sure)


def _needed(found: list[SliceMotion], grid: Grid, step: float) -> list[SliceMotion]:
    """Put the slices of a stack back where all stacks together explain the data as well without their motion."""
    best = _left([one.stack for one in found], grid, step)
    for k, one in enumerate(found):
        if not np.any(one.stack.slices):
            found = [*found[:k], _still(one.stack), *found[k + 1 :]]
            continue
        without = [*found[:k], _still(one.stack), *found[k + 1 :]]
        rest = _left([other.stack for other in without], grid, step)
        if rest < _NEEDED * best:
            found, best = without, rest
    return found


def _left(stacks: Sequence[Stack], grid: Grid, step: float) -> float:
    """Return the weighted square residual of a fit of all stacks."""
    image, _ = _shown(stacks, grid, step)
    data = [one.coarser(step).data(grid) for one in stacks]
    return sum(float((one.weight * (one.y - one.operator.A(image)).square()).sum()) for one in data)


def _rows(image: Tensor, slice_axis: int) -> Tensor:
    """(S, P): one row per slice."""
    return image.movedim(slice_axis, 0).flatten(1)
