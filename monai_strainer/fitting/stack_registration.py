# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Find how stacks of one person lie to each other: rigid Gauss-Newton steps through the measurement itself.

Every stack but the first is compared with what the *other* stacks say of it: they are joined into one volume by
kriging, and ``y ~ g A(q) x`` is solved for the six numbers ``q`` and the gain ``g``. A volume that the stack itself
helped to make would agree with its wrong position. The first stack stays where its header says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..geometry import Grid
from ..physics import Profile, Rigid, StackOperator
from .joint_kriging import JointField, WeightedData

__all__ = ["Aligned", "Stack", "align_stacks", "joined"]

_LEVELS = (4.0, 2.0)  # mm of the volume in which stacks are compared, coarse first
_ROUNDS = 4  # at every level, at most
_STEPS = 3  # of Gauss-Newton before the other stacks are joined again
_EXACT = (0.05, 0.05)  # degrees and mm: the last steps of a stack that has converged are below
_PROBE = np.array([0.3, 0.3, 0.3, 0.3, 0.3, 0.3])  # degrees and mm of the finite differences
_FEWEST = 200  # voxels that two stacks must have in common
_ERROR = 0.05**2  # variance of an average of interpolated stacks, of an image of about [0, 1]


@dataclass(frozen=True, eq=False)
class Stack:
    """Slices of one direction, and what is known of how they were measured.

    Args:
        y: (X, Y, Z) intensities of about ``[0, 1]``, without the bias of their noise.
        grid: where they are.
        slice_axis: across the slices.
        sigma: of the noise.
        profile: of a slice.
        motion: from where the header says: rotation vector in degrees and shift in mm, about the stack's centre.
        gain: of the intensities over those of the first stack.
    """

    y: Tensor
    grid: Grid
    slice_axis: int
    sigma: float
    profile: Profile = field(default_factory=Profile)
    motion: Rigid = field(default_factory=lambda: np.zeros(6))
    gain: float = 1.0

    def operator(self, volume: Grid, motion: Rigid | None = None) -> StackOperator:
        """Build the operator from a volume to this stack."""
        return StackOperator(
            volume, self.grid, self.slice_axis, self.profile, self.motion if motion is None else motion
        )

    def data(self, volume: Grid) -> WeightedData:
        """Return the data in the intensities of the first stack; voxels that reach out of the volume weigh nothing."""
        operator = self.operator(volume)
        inside = operator.A(torch.ones(volume.shape)) > 0.999
        return WeightedData(operator, self.y / self.gain, inside.float() * (self.gain / max(self.sigma, 1e-3)) ** 2)

    def coarser(self, step: float) -> Stack:
        """Average voxels in the plane up to a step in mm."""
        shape = [
            n if k == self.slice_axis else max(1, min(n, round(n * float(self.grid.spacing[k]) / step)))
            for k, n in enumerate(self.grid.shape)
        ]
        low = Profile()(self.grid.shape, shape)
        fewer = math.sqrt(math.prod(shape) / math.prod(self.grid.shape))
        return replace(self, y=low.A(self.y), grid=self.grid.resize(shape), sigma=self.sigma * fewer)


@dataclass(frozen=True, eq=False)
class Aligned:
    """The outcome for one stack.

    Args:
        stack: with its motion and gain.
        converged: whether the last steps were small.
        last: degrees and mm of the last step.
        common: fraction of its voxels that other stacks see too.
    """

    stack: Stack
    converged: bool
    last: tuple[float, float]
    common: float


def align_stacks(stacks: Sequence[Stack], volume: Grid) -> list[Aligned]:
    """Find the motion and the gain of every stack but the first.

    Args:
        stacks: two or more.
        volume: field of view in which they are compared; its spacing does not matter.

    Returns:
        One outcome per stack, in their order.
    """
    found = [Aligned(one, True, (0.0, 0.0), 1.0) for one in stacks]
    for step in _LEVELS:
        grid = volume.resize([max(2, round(length / step)) for length in volume.extent])
        for _ in range(_ROUNDS):
            before = [one.stack.motion for one in found]
            for k in range(1, len(stacks)):
                others = [one.stack.coarser(step) for j, one in enumerate(found) if j != k]
                found[k] = _closer(found[k], others, grid, step)
            moved = [_size(one.stack.motion - old) for one, old in zip(found, before)]
            found = [
                replace(one, last=last, converged=bool(last[0] < _EXACT[0] and last[1] < _EXACT[1]))
                for one, last in zip(found, moved)
            ]
            if all(one.converged for one in found):
                break
    return found


def joined(stacks: Sequence[Stack], volume: Grid) -> tuple[Tensor, Tensor]:
    """Average the stacks, each spread over the voxels that it measured.

    Returns:
        The image (X, Y, Z) and how many stacks saw each voxel, 0 where none did.
    """
    top, bottom, seen = (torch.zeros(volume.shape) for _ in range(3))
    for one in stacks:
        data = one.data(volume)
        scale = float(data.weight.max())
        here = (data.weight > 0).float()
        back = data.operator.adjoint(here)
        top += data.operator.adjoint(here * data.y) * scale
        bottom += back * scale
        full = back.max() if float(back.max()) > 0 else torch.ones(())
        seen += (back / full).clamp(0, 1)
    return top / bottom.clamp_min(1e-6 * float(bottom.max())), seen


def _closer(one: Aligned, others: Sequence[Stack], volume: Grid, step: float) -> Aligned:
    """Move one stack towards what the others say of it."""
    image, seen = joined(others, volume)
    field = JointField(volume.shape, (1.5, 1.5, 1.5), _ERROR)
    image = field.correct(image, [other.data(volume) for other in others], steps=8)
    known = (seen > 0.05).float()
    stack = one.stack.coarser(step)
    motion, gain, common = stack.motion, one.stack.gain, one.common
    for _ in range(_STEPS):
        operator = stack.operator(volume, motion)
        weight = (operator.A(known) > 0.95).float()
        if float(weight.sum()) < _FEWEST:
            break
        common = float(weight.mean())
        shown = operator.A(image)
        gain = float((weight * shown * stack.y).sum() / (weight * shown * shown).sum().clamp_min(1e-12))
        slopes = [
            gain
            * (stack.operator(volume, motion + d).A(image) - stack.operator(volume, motion - d).A(image))
            / (2 * size)
            for d, size in zip(np.diag(_PROBE), _PROBE)
        ]
        columns = torch.stack([*(slope.flatten() for slope in slopes), shown.flatten()], 1).double()
        columns *= weight.flatten()[:, None]
        rest = (weight * (stack.y - gain * shown)).flatten().double()
        matrix = columns.T @ columns
        matrix += 1e-6 * torch.diag(matrix.diagonal())
        change = torch.linalg.solve(matrix, columns.T @ rest).numpy()
        motion, gain = motion + change[:6], gain + float(change[6])
    return replace(one, stack=replace(one.stack, motion=motion, gain=gain), common=common)


def _size(motion: NDArray[np.float64]) -> tuple[float, float]:
    """Degrees and mm of a motion."""
    return float(np.linalg.norm(motion[:3])), float(np.linalg.norm(motion[3:]))
