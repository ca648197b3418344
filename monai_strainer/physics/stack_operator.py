# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Measure a stack of slices in any direction from a volume: sample it in world coordinates, then average."""

from __future__ import annotations

import math
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
    is the profile of its slices and the box of its voxels. Points outside the volume are 0.

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
        middle = stack.corners().mean(0)
        moved = np.eye(4) if motion is None else rigid_matrix(motion, middle)
        to_voxel = np.linalg.inv(volume.affine) @ moved @ self.fine.affine
        # torch's sampler counts from -1 at the first centre to 1 at the last, and names the last axis first
        half = np.array([max(n - 1, 1) / 2 for n in volume.shape])
        scaled = to_voxel[:3] / half[:, None]
        scaled[:, 3] -= 1
        self.register_buffer("to_sampler", torch.from_numpy(scaled[::-1].copy()))

    def A(self, x: Tensor) -> Tensor:
        self._check(x, self.shape_in)
        images = x.reshape(-1, 1, 1, *self.shape_in)
        return torch.stack([self._measured(image) for image in images]).reshape(*x.shape[:-3], *self.shape_out)

    def adjoint(self, y: Tensor) -> Tensor:
        self._check(y, self.shape_out)
        stacks = y.reshape(-1, *self.shape_out)
        return torch.stack([self._spread(stack) for stack in stacks]).reshape(*y.shape[:-3], *self.shape_in)

    def _measured(self, image: Tensor) -> Tensor:
        """(1, 1, *shape_in) to (*shape_out)."""
        parts = [
            torch.nn.functional.grid_sample(image, self._points(some, image), align_corners=True)[0, 0]
            for some in self._chunks()
        ]
        return self._averaged(torch.cat(parts))

    def _spread(self, stack: Tensor) -> Tensor:
        """(*shape_out) to (*shape_in), the transpose of ``_measured``."""
        fine = stack
        for k, matrix in enumerate(self.average):
            if matrix is not None:
                fine = torch.movedim(torch.movedim(fine, k, -1) @ matrix.to(fine), -1, k)
        out, empty = stack.new_zeros(self.shape_in), stack.new_zeros((1, 1, *self.shape_in))
        for some in self._chunks():
            backward: Any = torch.ops.aten.grid_sampler_3d_backward
            part = fine[some][None, None].contiguous()
            gradient, _ = backward(part, empty, self._points(some, stack), _TRILINEAR, _ZEROS, True, (True, False))
            out += gradient[0, 0]
        return out

    def _averaged(self, fine: Tensor) -> Tensor:
        for k, matrix in enumerate(self.average):
            if matrix is not None:
                fine = torch.movedim(torch.movedim(fine, k, -1) @ matrix.to(fine).T, -1, k)
        return fine

    def _chunks(self) -> list[slice]:
        """Ranges along the first axis of the fine grid."""
        n, rest = self.fine.shape[0], self.fine.shape[1] * self.fine.shape[2]
        size = max(1, _CHUNK // rest)
        return [slice(low, min(n, low + size)) for low in range(0, n, size)]

    def _points(self, some: slice, like: Tensor) -> Tensor:
        """(1, n, F1, F2, 3): where the sampler reads for part of the fine grid."""
        matrix = self.get_buffer("to_sampler")
        ranges = (torch.arange(some.start, some.stop), *(torch.arange(n) for n in self.fine.shape[1:]))
        i, j, k = (r.to(matrix)[(...,) + (None,) * (2 - axis)] for axis, r in enumerate(ranges))
        # one sum per axis in float64, then float32: the sums of three broadcast vectors cost little
        rows = [(row[0] * i + row[3]) + row[1] * j + row[2] * k for row in matrix]
        return torch.stack(rows, -1).to(like.dtype)[None]
