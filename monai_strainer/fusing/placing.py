# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Choose the grid of a fusion, and bring volumes onto it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from ..errors import InputError
from ..fitting.stack_registration import Stack
from ..geometry import Grid
from ..physics import rigid_matrix
from ..volume import Volume

__all__ = ["isotropic", "on_grid", "require_overlap"]

_MOST = 400_000_000  # voxels of a result: beyond, a spacing is a mistake
_FEWEST = 0.05  # fraction of a stack's field of view that lies in that of the first


def isotropic(first: Grid, spacing: float) -> Grid:
    """Return the field of view of a stack with voxels of one size, on its own axes.

    Raises:
        InputError: the result would have more than 400 million voxels.
    """
    shape = [max(1, round(float(length) / spacing)) for length in first.extent]
    if np.prod([float(n) for n in shape]) > _MOST:
        raise InputError(
            f"voxels of {spacing:g} mm make a volume of {' x '.join(map(str, shape))}", "ask for a wider spacing"
        )
    return first.resize(shape)


def require_overlap(stacks: Sequence[Volume]) -> None:
    """Refuse stacks that do not look at the same place.

    Raises:
        InputError: a stack hardly overlaps the field of view of the first.
    """
    first = stacks[0].grid
    for number, one in enumerate(stacks[1:], 2):
        index = np.indices([min(n, 16) for n in one.grid.shape]).reshape(3, -1).T
        at = (index + 0.5) * one.grid.shape / np.minimum(one.grid.shape, 16) - 0.5
        world = at @ one.grid.affine[:3, :3].T + one.grid.affine[:3, 3]
        inside = (world - first.affine[:3, 3]) @ np.linalg.inv(first.affine[:3, :3]).T
        common = float(np.all((inside > -0.5) & (inside < np.array(first.shape) - 0.5), axis=1).mean())
        if common < _FEWEST:
            raise InputError(
                f"stack {number} has {100 * common:.0f} % of its field of view in common with the first",
                "pass stacks of one visit whose headers share a coordinate system",
            )


def on_grid(volume: Volume, stack: Stack, target: Grid, order: int = 3) -> tuple[Tensor, NDArray[np.bool_]]:
    """Interpolate a volume that lies where a stack does onto a grid.

    Args:
        volume: the stack itself or a finer version of it.
        stack: with its motion.
        target: grid.
        order: of the spline; 3 is cubic.

    Returns:
        The image and where the volume's field of view reaches.
    """
    moved = rigid_matrix(stack.motion, stack.grid.corners().mean(0)) @ volume.grid.affine
    matrix = np.linalg.inv(moved) @ target.affine
    size = {"output_shape": target.shape, "mode": "nearest"}
    image = ndimage.affine_transform(volume.data, matrix[:3, :3], matrix[:3, 3], order=order, **size)
    corners = [np.arange(n) for n in target.shape]
    inside = np.ones(target.shape, bool)
    for row, n in zip(matrix[:3], volume.grid.shape):
        at = row[0] * corners[0][:, None, None] + row[1] * corners[1][:, None] + row[2] * corners[2] + row[3]
        inside &= (at >= -0.5) & (at <= n - 0.5)
    return torch.from_numpy(image.astype(np.float32)), inside
