# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Choose the grid of a fusion, and bring volumes onto it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from ..errors import InputError
from ..geometry import Grid
from ..physics import Rigid, rigid_matrix
from ..volume import Volume

__all__ = ["Target", "averaged", "isotropic", "on_grid", "require_overlap", "target_of"]

_MOST = 400_000_000  # voxels of a result: beyond, a spacing is a mistake
_MOST_FITTED = 40_000_000  # voxels in which finer ones than were asked for are computed
_ABOUT = 0.15  # voxels of stacks that are shorter by this fraction are about as fine as those of the result
_FINER = 1.2  # an image whose voxels are so many times shorter is averaged before it is sampled
_WIDTH = 0.4  # standard deviation of that blur, in voxels of the target
_READ = 16  # voxels beyond the points of a grid that cubic splines need for seven digits
_FEWEST = 0.05  # fraction of a field of view that lies in another


@dataclass(frozen=True, eq=False)
class Target:
    """The grid of the result, and the one in which it is computed.

    Thick voxels are the mean of thin ones, for what a stack shows depends on what lies within a voxel; and slices that
    reach beyond the edge of the result count only where what they measure is computed as a whole.

    Args:
        wanted: of the result.
        fitted: the same axes, with finer and more voxels.
        times: voxels of ``fitted`` per voxel of ``wanted``, per axis.
        margin: voxels of ``wanted`` that ``fitted`` reaches further, on either side of every axis.
    """

    wanted: Grid
    fitted: Grid
    times: tuple[int, int, int] = (1, 1, 1)
    margin: tuple[int, int, int] = (0, 0, 0)

    def given(self, image: Tensor) -> Tensor:
        """Bring an image from the fitted grid to that of the result."""
        for axis, (n, k, m) in enumerate(zip(self.wanted.shape, self.times, self.margin)):
            whole = image.narrow(axis, m * k, n * k)
            image = whole.unflatten(axis, (n, k)).mean(axis + 1) if k > 1 else whole
        return image.contiguous()


def target_of(first: Grid, spacing: float, like: Grid | None, thickest: float, finest: float = math.inf) -> Target:
    """Return the grids of a fusion.

    A volume of wide voxels cannot explain data of finer ones, wherever they lie: it is computed in voxels about as fine
    as those of the stacks, as far as that makes no more than 40 million.

    Args:
        first: of the first stack.
        spacing: voxel edge in mm, where no grid is asked for.
        like: grid that is asked for.
        thickest: slice thickness in mm, the greatest of all stacks.
        finest: voxel edge in mm in the plane, the least of all stacks.

    Raises:
        InputError: too many voxels.
    """
    wanted = isotropic(first, spacing) if like is None else like
    edges = wanted.spacing
    coarse = [1 if like is None else max(1, round(float(edge / edges.min()))) for edge in edges]
    margin = [0 if like is None else math.ceil(thickest / float(edge)) for edge in edges]
    wider = [n + 2 * m for n, m in zip(wanted.shape, margin)]
    shape = [n * k for n, k in zip(wider, coarse)]
    _require_size(shape, float(edges.min()))
    finer = max(1, math.ceil(float(edges.min()) / finest - _ABOUT))
    while finer > 1 and math.prod(shape) * finer**3 > _MOST_FITTED:
        finer -= 1
    if like is None and finer == 1:
        return Target(wanted, wanted)
    fitted = wanted.part([-m for m in margin], wider).resize([finer * n for n in shape])
    times = [finer * k for k in coarse]
    return Target(wanted, fitted, (times[0], times[1], times[2]), (margin[0], margin[1], margin[2]))


def isotropic(first: Grid, spacing: float) -> Grid:
    """Return the field of view of a stack with voxels of one size, on its own axes.

    Args:
        first: grid of the stack.
        spacing: edge of a voxel in mm.

    Raises:
        InputError: the result would have more than 400 million voxels.
    """
    shape = [max(1, round(float(length) / spacing)) for length in first.extent]
    _require_size(shape, spacing)
    return first.resize(shape)


def _require_size(shape: Sequence[int], spacing: float) -> None:
    if math.prod(shape) > _MOST:
        raise InputError(
            f"voxels of {spacing:g} mm make a volume of {' x '.join(map(str, shape))}", "ask for a wider spacing"
        )


def require_overlap(stacks: Sequence[Grid], like: Grid | None = None) -> None:
    """Refuse stacks that do not look at the same place, and a grid where none of them looks.

    Args:
        stacks: their grids, the first one leading.
        like: grid that was asked for, if any.

    Raises:
        InputError: a stack hardly overlaps the field of view of the first, or a grid that of any.
    """
    for number, one in enumerate(stacks[1:], 2):
        common = _common(one, stacks[0])
        if common < _FEWEST:
            raise InputError(
                f"stack {number} has {100 * common:.0f} % of its field of view in common with the first",
                "pass stacks of one visit whose headers share a coordinate system",
            )
    if like is not None and max(max(_common(one, like), _common(like, one)) for one in stacks) < _FEWEST:
        raise InputError(
            "the grid that was asked for lies outside the stacks", "pass an image of the same visit and body part"
        )


def _common(one: Grid, other: Grid) -> float:
    """Fraction of a field of view that lies in another."""
    index = np.indices([min(n, 16) for n in one.shape]).reshape(3, -1).T
    at = (index + 0.5) * one.shape / np.minimum(one.shape, 16) - 0.5
    world = at @ one.affine[:3, :3].T + one.affine[:3, 3]
    inside = (world - other.affine[:3, 3]) @ np.linalg.inv(other.affine[:3, :3]).T
    return float(np.all((inside > -0.5) & (inside < np.array(other.shape) - 0.5), axis=1).mean())


def on_grid(
    volume: Volume, place: Grid, motion: Rigid, target: Grid, order: int = 3
) -> tuple[Tensor, NDArray[np.bool_]]:
    """Interpolate a volume that lies where a moved stack does onto a grid.

    Args:
        volume: the stack itself or a finer version of it.
        place: grid of the stack.
        motion: of the stack, see :func:`monai_strainer.physics.rigid_matrix`; about its centre.
        target: grid.
        order: of the spline; 3 is cubic.

    Returns:
        The image and where the volume's field of view reaches.
    """
    moved = rigid_matrix(motion, place.corners().mean(0)) @ volume.grid.affine
    matrix = np.linalg.inv(moved) @ target.affine
    size = {"output_shape": target.shape, "mode": "nearest"}
    low, part = _read_by(volume.data, matrix, target.shape)
    image = ndimage.affine_transform(part, matrix[:3, :3], matrix[:3, 3] - low, order=order, **size)
    corners = [np.arange(n) for n in target.shape]
    inside = np.ones(target.shape, bool)
    for row, n in zip(matrix[:3], volume.grid.shape):
        at = row[0] * corners[0][:, None, None] + row[1] * corners[1][:, None] + row[2] * corners[2] + row[3]
        inside &= (at >= -0.5) & (at <= n - 0.5)
    return torch.from_numpy(image.astype(np.float32)), inside


def _read_by(
    data: NDArray[np.float32], matrix: NDArray[np.float64], shape: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the part of an image that splines read at the points of a grid, and where it begins: a block is quick."""
    corners = np.indices((2, 2, 2)).reshape(3, -1).T * (np.array(shape) - 1)
    at = corners @ matrix[:3, :3].T + matrix[:3, 3]
    size = np.array(data.shape)
    low = np.clip(np.floor(at.min(0)) - _READ, 0, size - 1).astype(np.int64)
    high = np.clip(np.ceil(at.max(0)) + _READ + 1, low + 1, size).astype(np.int64)
    return low, data[tuple(slice(a, b) for a, b in zip(low, high))]


def averaged(volume: Volume, target: Grid) -> Volume:
    """Blur an image along the axes whose voxels are shorter than those of the grid that will sample it.

    Args:
        volume: the image.
        target: that grid.
    """
    ratio = float(target.spacing.min()) / volume.grid.spacing
    width = [_WIDTH * float(r) if r > _FINER else 0.0 for r in ratio]
    return replace(volume, data=ndimage.gaussian_filter(volume.data, width, mode="nearest")) if any(width) else volume
