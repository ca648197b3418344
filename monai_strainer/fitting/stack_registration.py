# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Align stacks of one person to the first of them: rigid Gauss-Newton steps through the measurement itself.

Two thick stacks of different directions are sharp along different axes. What the first shows is measured by the second
and spread again, and the other way round: then both images are blurred alike, and a difference is motion. Slices are
spread by a Gaussian and not by their box: the steps of boxes fit best where the headers say, and hold a stack there.
Six numbers and a gain are solved for. The first stack stays where its header says.
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
from ..physics import Profile, Rigid, SliceOperator, StackOperator, rigid_matrix
from .joint_kriging import WeightedData

__all__ = ["LEAST_NOISE", "SEEN", "Aligned", "Stack", "align_stacks", "inner", "smooth_data", "spread"]

_LEVELS = (4.0, 2.0)  # mm of the volume in which stacks are compared, coarse first
_ROUNDS = 20  # at every level, at most: stacks with gaps, of a small part, take more than ten
_STEPS = 2  # of Gauss-Newton before the next stack moves
_EXACT = (0.05, 0.05)  # degrees and mm: the last steps of a stack that has converged are below
_LARGEST = 45.0  # degrees or mm: a motion beyond is no longer one between two stacks of a visit
_PROBE = 0.3  # degrees and mm of the finite differences
_FEWEST = 200  # voxels that two stacks must have in common
_ALIKE = 0.5  # correlation from which two stacks show the same object in the same contrast
LEAST_NOISE = 0.01  # of an image of about [0, 1]: no stack agrees with the others better, whatever its noise
_MORE = 2  # voxels of a stack that are kept around the part that a volume can show
SEEN = 0.3  # of the data that fall on a voxel at most: enough to show it
_GAPS = 0.95  # thickness over step below which slices have gaps: spread, they fill them
_SMOOTH = Profile("gaussian", 1.2)  # spreads slices so wide that no steps are left between them


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
        trusted: (X, Y, Z) weight of every voxel; None counts all alike.
        disagreement: standard deviation, in the intensities of the first stack, by which it differs from the others
            beyond its noise.
        slices: (S, 6) motion of every slice in the stack, see :class:`monai_strainer.physics.SliceOperator`; None: the
            slices lie as the stack does.
        missing: slices that hold nothing, such as those a transfer lost; they count for nothing.
    """

    y: Tensor
    grid: Grid
    slice_axis: int
    sigma: float
    profile: Profile = field(default_factory=Profile)
    motion: Rigid = field(default_factory=lambda: np.zeros(6))
    gain: float = 1.0
    trusted: Tensor | None = None
    disagreement: float = 0.0
    slices: NDArray[np.float64] | None = None
    missing: tuple[int, ...] = ()

    @property
    def weights(self) -> Tensor | None:
        """Return the weight of every voxel, 0 in missing slices; None counts all alike."""
        if not self.missing:
            return self.trusted
        counts = torch.ones(self.grid.shape) if self.trusted is None else self.trusted.clone()
        counts.movedim(self.slice_axis, 0)[list(self.missing)] = 0
        return counts

    def operator(self, volume: Grid, motion: Rigid | None = None) -> StackOperator | SliceOperator:
        """Build the operator from a volume to this stack.

        Args:
            volume: grid of the volume.
            motion: in place of the stack's own.

        Returns:
            the operator of the whole stack, or of slices that move one by one.
        """
        motion = self.motion if motion is None else motion
        if self.slices is None:
            return StackOperator(volume, self.grid, self.slice_axis, self.profile, motion)
        return SliceOperator(volume, self.grid, self.slice_axis, self.profile, motion, self.slices)

    def data(self, volume: Grid) -> WeightedData:
        """Return the data in the intensities of the first stack; voxels that reach out of the volume weigh nothing."""
        operator = self.operator(volume)
        inside = operator.A(torch.ones(volume.shape)) > 0.999
        counted = inside.float() if self.weights is None else inside * self.weights
        variance = (max(self.sigma, LEAST_NOISE) / self.gain) ** 2 + self.disagreement**2
        gapless = replace(self.profile, ratio=1.0) if self.profile.ratio < _GAPS else None
        spreader = None if gapless is None else replace(self, profile=gapless).operator(volume)
        return WeightedData(operator, self.y / self.gain, counted / variance, spreader)

    def within(self, volume: Grid) -> Stack:
        """Return the part that a volume can show, with two slices more on either side; the motion goes into the grid.

        A block of a volume is measured by a part of the stack, in a part of the time.
        """
        bulk = rigid_matrix(self.motion, self.grid.corners().mean(0))
        moved = bulk @ self.grid.affine
        at = (volume.corners() - moved[:3, 3]) @ np.linalg.inv(moved[:3, :3]).T
        low = np.clip(np.floor(at.min(0)) - _MORE, 0, np.array(self.grid.shape) - 1).astype(int)
        high = np.clip(np.ceil(at.max(0)) + _MORE, low, np.array(self.grid.shape) - 1).astype(int) + 1
        some = tuple(slice(a, b) for a, b in zip(low, high))
        slices, begin, end = self.slices, low[self.slice_axis], high[self.slice_axis]
        if slices is not None:  # along the axes of the world, which the motion of the stack turns
            kept = slices[begin:end]
            slices = np.hstack([kept[:, :3] @ bulk[:3, :3].T, kept[:, 3:] @ bulk[:3, :3].T])
        return replace(
            self,
            y=self.y[some],
            grid=Grid(self.grid.shape, moved).part(low, high - low),
            motion=np.zeros(6),
            trusted=None if self.trusted is None else self.trusted[some],
            slices=slices,
            missing=tuple(int(k - begin) for k in self.missing if begin <= k < end),
        )

    def coarser(self, step: float) -> Stack:
        """Average voxels in the plane up to a step in mm."""
        shape = [
            n if k == self.slice_axis else max(1, min(n, round(n * float(self.grid.spacing[k]) / step)))
            for k, n in enumerate(self.grid.shape)
        ]
        return self.averaged(shape)

    def averaged(self, shape: Sequence[int]) -> Stack:
        """Average voxels to fewer along each axis, of the same field of view; slices that are averaged must touch."""
        low = Profile()(self.grid.shape, shape)
        fewer = math.sqrt(math.prod(shape) / math.prod(self.grid.shape))
        trusted = None if self.trusted is None else low.A(self.trusted)
        grid = self.grid.resize((shape[0], shape[1], shape[2]))
        return replace(self, y=low.A(self.y), grid=grid, sigma=self.sigma * fewer, trusted=trusted)


@dataclass(frozen=True, eq=False)
class Aligned:
    """The outcome for one stack.

    Args:
        stack: with its motion and gain.
        converged: whether the last steps were small.
        last: degrees and mm of the last step.
        common: fraction of what it shows that the first stack shows too; 0 where they do not overlap.
        likeness: correlation of what the two show, both blurred alike.
        unsure: slices whose own motion did not converge.
    """

    stack: Stack
    converged: bool
    last: tuple[float, float]
    common: float
    likeness: float
    unsure: int = 0

    @property
    def reason(self) -> str:
        """Return why it is not aligned, in words; nothing where it is."""
        if self.converged:
            return ""
        if self.common == 0:
            return "the two have too little in common"
        if self.likeness < _ALIKE:
            return (
                f"what the two show has a correlation of {self.likeness:.2f}: another person or contrast, a mirror "
                "image, or a wrong header"
            )
        return (
            f"its last step was still {self.last[0]:.2f} degrees and {self.last[1]:.2f} mm: too little in common, "
            "another person or contrast, or much motion"
        )


def align_stacks(stacks: Sequence[Stack], volume: Grid, levels: Sequence[float] = _LEVELS) -> list[Aligned]:
    """Find the motion and the gain of every stack but the first.

    Args:
        stacks: two or more.
        volume: field of view in which they are compared; its spacing does not matter.
        levels: mm of the volume in which they are compared, coarse first.

    Returns:
        One outcome per stack, in their order. A stack whose steps do not become small keeps its header's position.
    """
    found = [Aligned(stacks[0], True, (0.0, 0.0), 1.0, 1.0)]
    for stack in stacks[1:]:
        one = Aligned(stack, False, (0.0, 0.0), 0.0, 0.0)
        for step in levels:
            grid = volume.resize([max(2, round(length / step)) for length in volume.extent])
            for _ in range(_ROUNDS):
                before = one.stack.motion
                one = _closer(one, found[0].stack, grid, step)
                last = _size(one.stack.motion - before)
                done = one.likeness > _ALIKE and last[0] < _EXACT[0] and last[1] < _EXACT[1]
                one = replace(one, last=last, converged=done)
                if done or one.common == 0 or max(_size(one.stack.motion)) > _LARGEST:
                    break
            if one.common > 0 and one.likeness < _ALIKE:  # a finer level does not help
                break
        if not one.converged:  # where it is not sure, a stack lies as its header says
            one = replace(one, stack=replace(one.stack, motion=np.zeros(6)))
        found.append(one)
    return found


def spread(data: Sequence[WeightedData], values: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Average values of the shape of the data over the volume that the data measure.

    Args:
        data: of ``n`` stacks; a voxel of weight 0 does not count.
        values: of every stack, in the shape of its data.

    Returns:
        the average, in the shape of the volume, and how many stacks measured each voxel, 0 to ``n``.
    """
    top, seen = torch.zeros(data[0].operator.shape_in), torch.zeros(data[0].operator.shape_in)
    for one, value in zip(data, values):
        here = (one.weight > 0).float()
        operator = one.operator if one.spreader is None else one.spreader
        back = operator.adjoint(here)
        full = back.max().clamp_min(1e-12)
        top += operator.adjoint(here * value) / full
        seen += back / full
    return top / seen.clamp_min(1e-6), seen


def smooth_data(stack: Stack, volume: Grid) -> WeightedData:
    """Return the data of a stack, to be spread with no steps between slices.

    Args:
        stack: with its motion.
        volume: that the data measure.
    """
    return replace(stack.data(volume), spreader=replace(stack, profile=_SMOOTH).operator(volume))


def _closer(one: Aligned, first: Stack, volume: Grid, step: float) -> Aligned:
    """Move one stack by a few Gauss-Newton steps towards the first; ``common`` is 0 where they do not overlap.

    Stacks of two directions are not sharp along the same axes, so neither can be compared with the other as it is. With
    ``P_k`` for "measure stack k, and spread it", ``P_2 v_1`` and ``P_1 v_2`` show the same, blurred along both axes.
    """
    stack, known = one.stack.coarser(step), smooth_data(first.coarser(step), volume)
    image, seen = spread([known], [known.y])
    motion, gain, common, likeness = stack.motion, one.stack.gain, one.common, one.likeness

    def both(moved: Rigid) -> tuple[Tensor, Tensor, Tensor]:
        own = smooth_data(replace(stack, motion=moved, gain=1.0), volume)
        shown, here = spread([own], [own.y])
        theirs, _ = spread([own], [own.operator.A(image)])
        mine, _ = spread([known], [known.operator.A(shown)])
        return theirs, mine, here

    slopes: list[Tensor] = []
    for _ in range(_STEPS):
        theirs, mine, here = both(motion)
        weight = inner((seen > SEEN) & (here > SEEN))
        if float(weight.sum()) < _FEWEST:
            return replace(one, common=0.0, likeness=0.0)
        likeness = float(torch.corrcoef(torch.stack([theirs[weight > 0], mine[weight > 0]]))[0, 1])
        common = float(weight.sum() / inner(here > SEEN).sum().clamp_min(1))
        gain = float((weight * theirs * mine).sum() / (weight * theirs * theirs).sum().clamp_min(1e-12))
        if not slopes:  # they hardly change from one step to the next, and are nearly all of the work
            for change in np.diag(np.full(6, _PROBE)):
                ahead, behind = both(motion + change), both(motion - change)
                slopes.append((gain * (ahead[0] - behind[0]) - (ahead[1] - behind[1])) / (2 * _PROBE))
        columns = torch.stack([*(slope.flatten() for slope in slopes), theirs.flatten()], 1).double()
        columns *= weight.flatten()[:, None]
        rest = (weight * (mine - gain * theirs)).flatten().double()
        matrix = columns.T @ columns
        matrix += 1e-9 * torch.diag(matrix.diagonal())
        change = torch.linalg.solve(matrix, columns.T @ rest).numpy()
        motion, gain = motion + change[:6], gain + float(change[6])
    return replace(one, stack=replace(one.stack, motion=motion, gain=gain), common=common, likeness=likeness)


def inner(where: Tensor) -> Tensor:
    """Return 1 where a voxel and all within two voxels are True, else 0."""
    outside = torch.nn.functional.max_pool3d((~where).float()[None, None], 5, 1, 2)[0, 0]
    return 1 - outside


def _size(motion: NDArray[np.float64]) -> tuple[float, float]:
    """Degrees and mm of a motion."""
    return float(np.linalg.norm(motion[:3])), float(np.linalg.norm(motion[3:]))
