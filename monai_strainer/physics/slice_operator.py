# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Measure a stack whose slices have moved, each on its own: one stack operator per slice."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ..geometry import Grid
from .operators import Operator
from .profiles import Profile
from .stack_operator import StackOperator, rigid_matrix

__all__ = ["SliceOperator"]


class SliceOperator(Operator):
    """``y_s = P S_s x`` for every slice ``s``.

    A slice is turned about its own centre and shifted, both along the axes of the world; then it moves with the stack.

    Args:
        volume: grid of ``x``.
        stack: grid of ``y``.
        slice_axis: across the slices of the stack.
        profile: of a slice.
        motion: of the stack, see :class:`StackOperator`.
        slices: (S, 6) motion of every slice: rotation vector in degrees, shift in mm.

    Example:
        >>> volume = Grid((8, 8, 8), np.eye(4))
        >>> moved = np.zeros((2, 6))
        >>> SliceOperator(volume, volume.resize((8, 8, 2)), 2, Profile(), np.zeros(6), moved)(torch.ones(8, 8, 8)).shape
        torch.Size([8, 8, 2])
    """

    def __init__(
        self,
        volume: Grid,
        stack: Grid,
        slice_axis: int,
        profile: Profile,
        motion: ArrayLike,
        slices: NDArray[np.float64],
    ) -> None:
        super().__init__(volume.shape, stack.shape)
        self.axis = slice_axis
        # a profile that reaches into the next slices needs them beside the one that is kept
        self.beside = 0 if profile.kind == "box" and profile.ratio <= 1 else 1
        bulk = rigid_matrix(motion, stack.corners().mean(0))
        count = 1 + 2 * self.beside
        shape = [count if k == slice_axis else n for k, n in enumerate(stack.shape)]
        self.parts = []
        for number, own in enumerate(slices):
            start = np.eye(4)
            start[slice_axis, 3] = number - self.beside
            grid = Grid((shape[0], shape[1], shape[2]), stack.affine @ start)
            moved = bulk @ rigid_matrix(own, grid.corners().mean(0)) @ grid.affine
            self.parts.append(StackOperator(volume, Grid(grid.shape, moved), slice_axis, profile))

    def A(self, x: Tensor) -> Tensor:
        self._check(x, self.shape_in)
        return torch.cat([one.A(x).narrow(self.axis - 3, self.beside, 1) for one in self.parts], self.axis - 3)

    def adjoint(self, y: Tensor) -> Tensor:
        self._check(y, self.shape_out)
        out = y.new_zeros(*y.shape[:-3], *self.shape_in)
        for number, one in enumerate(self.parts):
            slab = y.narrow(self.axis - 3, number, 1)
            if self.beside:
                empty = torch.zeros_like(slab)
                slab = torch.cat([empty, slab, empty], self.axis - 3)
            out += one.adjoint(slab.contiguous())
        return out
