# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Measure a stack of slices in any direction from a volume: sample it in world coordinates, then average."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ..geometry import Grid
from .operators import Operator
from .profiles import Profile

__all__ = ["Rigid", "StackOperator", "rigid_matrix"]

Rigid = NDArray[np.float64]
"""Six numbers: a rotation vector in degrees and a shift in mm."""

_CHUNK = 1 << 20  # points sampled at once: their coordinates take 12 MiB
_LANES = 4  # parts of them that processors share; their number is fixed, so that sums do not depend on the machine
_PARALLEL = 1e-3  # voxels by which an axis that is parallel to another may leave it
_TRILINEAR, _ZEROS = 0, 0  # how torch's grid sampler interpolates, and what lies outside


def rigid_matrix(motion: ArrayLike, centre: ArrayLike) -> NDArray[np.float64]:
    """Return the (4, 4) matrix that turns about a centre, then shifts: ``p -> R (p - c) + c + t``.

    Args:
        motion: six numbers: the rotation vector in degrees, the shift in mm.
        centre: ``c`` (3,) in mm.

    Example:
        >>> rigid_matrix([0, 0, 90, 0, 0, 5], [0, 0, 0]).round(3) @ [1, 0, 0, 1]
        array([0., 1., 5., 1.])
    """
    numbers, middle = np.asarray(motion, np.float64), np.asarray(centre, np.float64)
    x, y, z = np.radians(numbers[:3])
    angle = math.sqrt(x * x + y * y + z * z)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    first = math.sin(angle) / angle if angle > 1e-12 else 1.0
    second = (1 - math.cos(angle)) / angle**2 if angle > 1e-12 else 0.5
    out = np.eye(4)
    out[:3, :3] += first * cross + second * cross @ cross  # Rodrigues
    out[:3, 3] = middle - out[:3, :3] @ middle + numbers[3:]
    return out


class StackOperator(Operator):
    """``y = P S x``: sample a volume where a stack's voxels are, finely, and average them by the slice profile.

    ``S`` interpolates linearly at the points of a fine grid in the stack's own directions, which may be oblique; ``P``
    is the profile of its slices and the box of its voxels. Points outside the volume are 0. Where the axes of stack and
    volume are parallel, both are one matrix per axis, which is far quicker.

    Args:
        volume: grid of ``x``.
        stack: grid of ``y``.
        slice_axis: across the slices of the stack.
        profile: of a slice; its ratio is thickness over step.
        motion: of the stack from where its header says, see :func:`rigid_matrix`; about the stack's centre.

    Example:
        >>> volume = Grid((8, 8, 8), np.eye(4))
        >>> stack = volume.resize((8, 8, 2))
        >>> StackOperator(volume, stack, 2)(torch.ones(8, 8, 8)).shape
        torch.Size([8, 8, 2])
    """

    def __init__(
        self,
        volume: Grid,
        stack: Grid,
        slice_axis: int,
        profile: Profile | None = None,
        motion: ArrayLike | None = None,
    ) -> None:
        super().__init__(volume.shape, stack.shape)
        step = float(volume.spacing.min())
        times = [max(1, math.ceil(float(edge) / step - 0.01)) for edge in stack.spacing]
        self.fine = stack.refine(times)
        slices, box = profile or Profile(), Profile()
        self.average = [
            None if n == m else (slices if k == slice_axis else box).matrix(n, m)
            for k, (n, m) in enumerate(zip(self.fine.shape, stack.shape))
        ]
        moved = np.eye(4) if motion is None else rigid_matrix(motion, stack.corners().mean(0))
        to_voxel = np.linalg.inv(volume.affine) @ moved @ self.fine.affine
        self.parallel = _parallel_axes(to_voxel, self.fine.shape, volume.shape)
        if self.parallel is not None:
            self.lines = [
                _linear(to_voxel[axis, k], to_voxel[axis, 3], self.fine.shape[k], volume.shape[axis])
                for k, axis in enumerate(self.parallel)
            ]
            self.lines = [line if a is None else a.to(line) @ line for a, line in zip(self.average, self.lines)]
        self.to_voxel = to_voxel
        self.chunks = [(some, self._box(some)) for some in self._ranges()]

    def A(self, x: Tensor) -> Tensor:
        self._check(x, self.shape_in)
        images = x.reshape(-1, *self.shape_in)
        if self.parallel is not None:
            out = _multiplied(images.permute(0, *(1 + axis for axis in self.parallel)), self.lines)
        else:
            out = self._measured(images)
        return out.reshape(*x.shape[:-3], *self.shape_out)

    def adjoint(self, y: Tensor) -> Tensor:
        self._check(y, self.shape_out)
        stacks = y.reshape(-1, *self.shape_out)
        if self.parallel is not None:
            back = _multiplied(stacks, [line.T for line in self.lines])
            out = back.permute(0, *(1 + self.parallel.index(axis) for axis in range(3)))
        else:
            out = self._spread(stacks)
        return out.reshape(*y.shape[:-3], *self.shape_in)

    def _measured(self, images: Tensor) -> Tensor:
        """Sample and average images (some, *shape_in) to (some, *shape_out); they share the points."""
        parts = []
        for some, box in self.chunks:
            points = self._points(some, box, images)  # (lanes, ...)
            where = (slice(None), *box)
            seen = images[where].expand(len(points), *(-1,) * 4)
            sampled = torch.nn.functional.grid_sample(seen, points, align_corners=True)
            parts.append(sampled.transpose(0, 1).flatten(1, 2))
        return _multiplied(torch.cat(parts, 1), self.average)

    def _spread(self, stacks: Tensor) -> Tensor:
        """Do the transpose of ``_measured``."""
        fine = _multiplied(stacks, [None if matrix is None else matrix.T for matrix in self.average])
        out = stacks.new_zeros((len(stacks), *self.shape_in))
        for some, box in self.chunks:
            backward: Any = torch.ops.aten.grid_sampler_3d_backward
            points = self._points(some, box, stacks)
            part = fine[:, some].unflatten(1, points.shape[:2]).transpose(0, 1).contiguous()
            where = (slice(None), *box)
            empty = out[where].expand(len(points), *(-1,) * 4)
            gradient, _ = backward(part, empty, points, _TRILINEAR, _ZEROS, True, (True, False))
            out[where] += gradient.sum(0)
        return out

    def _ranges(self) -> list[slice]:
        """Ranges along the first axis of the fine grid."""
        n, rest = self.fine.shape[0], self.fine.shape[1] * self.fine.shape[2]
        size = max(1, _CHUNK // rest // _LANES) * _LANES
        return [slice(low, min(n, low + size)) for low in range(0, n, size)]

    def _box(self, some: slice) -> tuple[slice, slice, slice]:
        """Return the part of the volume that points of a range read: two voxels or more of every axis that has them."""
        ends = [(some.start, some.stop - 1), *((0, n - 1) for n in self.fine.shape[1:])]
        corners = np.stack(np.meshgrid(*ends, indexing="ij"), -1).reshape(-1, 3)
        at = corners @ self.to_voxel[:3, :3].T + self.to_voxel[:3, 3]
        size = np.array(self.shape_in)
        low = np.clip(np.floor(at.min(0) - _PARALLEL), 0, np.maximum(size - 2, 0)).astype(int)
        high = np.clip(np.ceil(at.max(0) + _PARALLEL) + 1, np.minimum(low + 2, size), size).astype(int)
        first, second, third = (slice(int(a), int(b)) for a, b in zip(low, high))
        return first, second, third

    def _points(self, some: slice, box: Sequence[slice], like: Tensor) -> Tensor:
        """(lanes, n / lanes, F1, F2, 3): where the sampler reads in a part of the volume for part of the fine grid."""
        # torch's sampler counts from -1 at the first centre to 1 at the last, and names the last axis first
        half = np.array([max(one.stop - one.start - 1, 1) / 2 for one in box])
        scaled = self.to_voxel[:3] / half[:, None]
        scaled[:, 3] -= 1 + np.array([one.start for one in box]) / half
        ranges = (torch.arange(some.start, some.stop), *(torch.arange(n) for n in self.fine.shape[1:]))
        i, j, k = (r.double()[(...,) + (None,) * (2 - axis)].to(like.device) for axis, r in enumerate(ranges))
        lanes = math.gcd(len(i), _LANES)
        out = like.new_empty((len(i), *self.fine.shape[1:], 3))
        for axis, row in enumerate(scaled[::-1]):  # the long sum is of float32, of two terms added in float64
            torch.add(((row[0] * i + row[3]) + row[1] * j).to(like), (row[2] * k).to(like), out=out[..., axis])
        return out.unflatten(0, (lanes, -1))


def _parallel_axes(
    to_voxel: NDArray[np.float64], fine: Sequence[int], volume: Sequence[int]
) -> tuple[int, int, int] | None:
    """Return for every axis of a stack that of the volume it runs along; None where one runs along none or two."""
    reach = np.abs(to_voxel[:3, :3]) * fine  # in voxels of the volume, over the whole stack
    axes = reach.argmax(0)
    rest = reach.copy()
    rest[axes, range(3)] = 0
    if sorted(axes) != [0, 1, 2] or rest.max() > _PARALLEL or min(volume) == 1:
        return None
    return int(axes[0]), int(axes[1]), int(axes[2])


def _linear(step: float, start: float, fine: int, volume: int) -> Tensor:
    """(fine, volume): linear interpolation at ``start + step i``; 0 outside."""
    at = start + step * np.arange(fine)
    weights = 1 - np.abs(at[:, None] - np.arange(volume))
    return torch.from_numpy(np.maximum(weights, 0))


def _multiplied(x: Tensor, matrices: Sequence[Tensor | None]) -> Tensor:
    """Multiply by one matrix along each of the last three axes, first along those that become shortest."""
    order = sorted(range(3), key=lambda k: 1.0 if (m := matrices[k]) is None else m.shape[0] / m.shape[1])
    for k in order:
        if (matrix := matrices[k]) is not None:
            x = torch.movedim(torch.movedim(x, k - 3, -1) @ matrix.to(x).T, -1, k - 3)
    return x
