# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Ask whether a stack fits another one better as its mirror image: a header that swaps left and right.

A head or a body is much like its mirror image, so that a mirrored stack can be aligned; what is left shows it. Mirrored
the other two ways, it has little in common with the first stack and is not aligned.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..geometry import Grid
from .stack_registration import Stack, align_stacks

__all__ = ["fits_better_mirrored"]

_LEVELS = (4.0,)  # mm
_ALIKE = 0.8  # correlation of two stacks below which mirroring has not helped
_CLEARLY = 0.5  # of what is missing to a correlation of 1


def fits_better_mirrored(stack: Stack, first: Stack, volume: Grid) -> bool:
    """Align a stack and its mirror image, left to right, with another, and compare the correlations.

    Args:
        stack: with the motion that was found.
        first: the other.
        volume: field of view in which they are compared.
    """
    grid = stack.grid
    axis = int(np.abs(grid.affine[0, :3] / grid.spacing).argmax())
    whole = replace(stack, trusted=None, slices=None, gain=1.0)
    weight = whole.y.abs().movedim(axis, 0).flatten(1).sum(1).numpy()
    centre = float((weight * np.arange(len(weight))).sum() / weight.sum())
    motion = np.zeros(6)
    motion[3:] = stack.motion[3:] + grid.affine[:3, axis] * (2 * centre - (len(weight) - 1))
    mirrored = replace(whole, y=whole.y.flip(axis), motion=motion)
    as_is, other = (align_stacks([first, one], volume, _LEVELS)[1].likeness for one in (whole, mirrored))
    return other > _ALIKE and 1 - other < _CLEARLY * (1 - as_is)
