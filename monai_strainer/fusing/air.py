# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Find the part of a stack that shows more than noise: the network restores it, and the air around it is smoothed.

The square of the data is averaged over some voxels of a slice. Of air, that is the variance of the noise; where it is
clearly more, there is an object. The box around the object, with a margin, is restored. What lies outside shows nothing
that rises out of the noise, and takes the network as long as a brain.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from ..fitting.stack_registration import Stack
from ..geometry import Grid
from ..volume import Volume
from .placing import on_grid

__all__ = ["shown_part", "with_air"]

_WIDTH = 3.0  # voxels in the plane, standard deviation of the average: it holds about a hundred voxels
_CLEARLY = 1.6  # root mean square of an object over the deviation of the noise; that of air is 1.1
_MARGIN = (8, 2)  # voxels around the object, in the plane and across the slices
_EVEN = 8  # sizes are multiples of it: the network folds so many voxels into one
_SMOOTH = 2.0  # voxels, standard deviation of the blur of air
_ERROR = 0.01  # deviation of the error of smoothed air, of an image of about [0, 1]: that of a network which sees air


def shown_part(stack: Stack, factors: Sequence[float]) -> tuple[slice, slice, slice]:
    """Return the box of what rises out of the noise, with a margin; the whole stack where nothing does.

    Args:
        stack: the slices.
        factors: by which the voxels of every axis are refined: the refined box has an even number of them, if it fits.
    """
    width = [0.0 if k == stack.slice_axis else _WIDTH for k in range(3)]
    power = ndimage.gaussian_filter(stack.y.square().numpy(), width, mode="constant")  # an edge counts no voxel twice
    object_ = power > (_CLEARLY * stack.sigma) ** 2
    if not object_.any():
        object_[:] = True
    parts = []
    for axis, factor in enumerate(factors):
        kept = np.flatnonzero(object_.any(tuple(k for k in range(3) if k != axis)))
        margin = _MARGIN[int(axis == stack.slice_axis)]
        parts.append(_evened(int(kept[0]) - margin, int(kept[-1]) + margin + 1, object_.shape[axis], factor))
    return parts[0], parts[1], parts[2]


def _evened(low: int, high: int, n: int, factor: float) -> slice:
    """Widen a range until it has an even number of refined voxels, or fills the axis of ``n``."""
    low, high = max(0, low), min(n, high)
    while high - low < n and round((high - low) * factor) % _EVEN:
        low, high = (low, high + 1) if high < n else (low - 1, high)
    return slice(low, high)


def with_air(first: tuple[Tensor, Tensor], stacks: Sequence[Stack], target: Grid) -> tuple[Tensor, Tensor]:
    """Fill a first image where only air was measured by the mean of blurred stacks.

    Args:
        first: image and deviation of its error on the target, both 0 where nothing was restored.
        stacks: with their motion.
        target: grid of the image.
    """
    mean, deviation = first
    empty = deviation == 0
    if not empty.any():
        return first
    total, count = torch.zeros(target.shape), torch.zeros(target.shape)
    for one in stacks:
        width = [0.0 if k == one.slice_axis else _SMOOTH for k in range(3)]
        blurred = Volume(ndimage.gaussian_filter(one.y.numpy(), width, mode="nearest"), one.grid)
        image, inside = on_grid(blurred, one.grid, one.motion, target, order=1)
        total += torch.from_numpy(inside) * image / one.gain
        count += torch.from_numpy(inside)
    air = empty & (count > 0)
    return torch.where(air, total / count.clamp_min(1), mean), torch.where(air, _ERROR, deviation)
