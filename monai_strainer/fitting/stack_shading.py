# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Find where two aligned stacks differ in brightness: coils, saturation bands, flow.

The ratio of the two is a smooth field. Both stacks are blurred alike (see :mod:`stack_registration`), and the ratio is
the slope of a regression in a neighbourhood of about 2 cm. Where it is far from 1, the stack does not count. Away from
what both show, it tends to 1.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from ..geometry import Grid
from ..physics import StackOperator, rigid_matrix
from .stack_registration import SEEN, Stack, inner, spread

__all__ = ["evened"]

_STEP = 4.0  # mm of the grid of the field
_WIDTH = 8.0  # mm, standard deviation of the neighbourhood
_AIR = 0.02**2  # power of an image of about [0, 1] below which the ratio tends to 1
_WIDEST = 1.6  # ratio, or one over it, up to which a stack is corrected; beyond, one of the two has no signal


def evened(stack: Stack, first: Stack, volume: Grid) -> Stack:
    """Divide a stack by its brightness over that of the first stack, and leave out where the two show different things.

    Args:
        stack: aligned, with its gain.
        first: the stack whose brightness counts.
        volume: field of view of the result.

    Returns:
        The stack with corrected intensities and with the weights of its voxels.
    """
    grid = _around(volume, stack)
    low = replace(stack.coarser(_STEP), gain=1.0)
    mine, theirs = [low.data(grid)], [first.coarser(_STEP).data(grid)]
    own, seen = spread(mine, [mine[0].y / stack.gain])
    image, covered = spread(theirs, [theirs[0].y])
    ours, _ = spread(theirs, [theirs[0].operator.A(own)])
    others, _ = spread(mine, [mine[0].operator.A(image)])
    here = inner((seen > SEEN) & (covered > SEEN))  # at an edge, one of the two is blurred with what is not seen
    top, bottom = (_near(here * others * value, grid) for value in (ours, others))
    field = (top + _AIR) / (bottom + _AIR)
    measured = StackOperator(grid, stack.grid, stack.slice_axis, stack.profile, stack.motion)
    whole = measured.A(torch.ones(grid.shape)).clamp_min(1e-3)
    ratio = measured.A(field) / whole
    inside = ((ratio < _WIDEST) & (ratio > 1 / _WIDEST)).float()
    trusted = inside if stack.trusted is None else inside * stack.trusted
    return replace(stack, y=stack.y / ratio.clamp(1 / _WIDEST, _WIDEST), trusted=trusted)


def _around(volume: Grid, stack: Stack) -> Grid:
    """Return a coarse grid with the axes of a volume that holds the volume and a moved stack."""
    moved = rigid_matrix(stack.motion, stack.grid.corners().mean(0))
    corners = np.vstack([volume.corners(), stack.grid.corners() @ moved[:3, :3].T + moved[:3, 3]])
    at = (corners - volume.affine[:3, 3]) @ np.linalg.inv(volume.affine[:3, :3]).T
    first = np.floor(at.min(0) + 0.5).astype(int)
    shape = [math.ceil(high + 0.5) - low for high, low in zip(at.max(0), first.tolist())]
    whole = volume.part(first, shape)
    return whole.resize([max(2, round(length / _STEP)) for length in whole.extent])


def _near(values: Tensor, grid: Grid) -> Tensor:
    """Average over a neighbourhood."""
    widths = [_WIDTH / float(edge) for edge in grid.spacing]
    return torch.from_numpy(ndimage.gaussian_filter(values.numpy(), widths, mode="constant"))
