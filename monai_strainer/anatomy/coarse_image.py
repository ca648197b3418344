# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Resample a whole head to a coarse grid in head coordinates, where noise and resolution hardly matter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from ..geometry import PLANES, Plane, centres
from .aligned_slices import AlignedSlices
from .head_frame import Pose, laid

__all__ = ["CoarseHead", "coarse_head", "mirrored_coarse_heads"]

SLICES, ROWS, COLUMNS = 16, 32, 40  # about 8 x 4.5 x 4.5 mm in an adult head
REACH = (0.85, 1.1, 1.1)
FINER = 2  # points per cell and in-plane axis


@dataclass(frozen=True, eq=False)
class CoarseHead:
    """A coarse image of a head.

    Args:
        images: ``(S, H, W)`` intensities in about ``[0, 1]``.
        coords: ``(S, 3, H, W)`` head coordinates x, y, z.
    """

    images: Tensor
    coords: Tensor


def _axes(plane: Plane) -> tuple[list[NDArray[np.float64]], tuple[int, int, int]]:
    """Coordinates along slices, rows and columns, the latter two finer than the cells, and their anatomical axes."""
    counts = (SLICES, FINER * ROWS, FINER * COLUMNS)
    return [reach * centres(n) for reach, n in zip(REACH, counts)], PLANES[plane]


def _averaged(values: NDArray[np.floating], axes: list[NDArray[np.float64]], order: tuple[int, int, int]) -> CoarseHead:
    """Average the points of every cell."""
    cells = values.reshape(len(values), -1, FINER, values.shape[2] // FINER, FINER).mean((2, 4), dtype=np.float32)
    rough = [axes[0], *(axis.reshape(-1, FINER).mean(1) for axis in axes[1:])]
    coords = np.empty((len(cells), 3, *cells.shape[1:]), np.float32)
    for ras, part in zip(order, np.meshgrid(*rough, indexing="ij")):
        coords[:, ras] = part
    return CoarseHead(torch.from_numpy(np.ascontiguousarray(cells)), torch.from_numpy(coords))


def coarse_head(data: NDArray[np.float32], pose: Pose, intensity_scale: float, plane: Plane = "axial") -> CoarseHead:
    """Return the coarse image of a scan, at the heights that it holds.

    Args:
        data: (X, Y, Z) intensities.
        pose: where the head is; its alignment is not applied.
        intensity_scale: intensity that stands for 1.
        plane: of the slices.
    """
    axes, order = _axes(plane)
    across = next(k for k, (ras, _) in enumerate(pose.axes) if ras == order[0])
    u = axes[0] * pose.axes[across][1] * pose.half[across] + pose.centre[across]  # over the field of view
    inside = np.abs(u) <= 1 - 1 / data.shape[across]  # between the first slice's middle and the last's
    if not inside.any():
        inside = np.arange(len(u)) == np.argmin(np.abs(u))
        axes[0] = axes[0] + (0 - u[inside]) / (pose.axes[across][1] * pose.half[across])
    axes[0] = axes[0][inside]
    cells = 2 * np.array([REACH[1] / ROWS, REACH[2] / COLUMNS])
    size = [1] * 3
    for ras, cell in zip(order[1:], cells / FINER):
        k = next(k for k, (r, _) in enumerate(pose.axes) if r == ras)
        size[k] = max(1, round(cell * pose.half[k] * data.shape[k] / 2))
    smooth = ndimage.uniform_filter(np.clip(data, 0, None), size)
    return _averaged(laid(smooth, pose, axes, order, spline=1) / np.float32(intensity_scale), axes, order)


def mirrored_coarse_heads(slices: AlignedSlices) -> Iterator[CoarseHead]:
    """Coarse images of the mirror images, left for right, of a cohort's heads.

    A prior knows the very heads that it was trained on. Their mirror images are heads of the same kind that it has not
    seen, so they measure how well it does on those.
    """
    plane = next(name for name, order in PLANES.items() if order == slices.order)
    axes, order = _axes(plane)
    index = [np.interp(wanted, have, np.arange(len(have))) for wanted, have in zip(axes, slices.axes)]
    where = np.meshgrid(*index, indexing="ij")
    for head in slices.images:
        other = np.flip(np.asarray(head, np.float32), slices.order.index(0))
        yield _averaged(ndimage.map_coordinates(other, where, order=1, mode="nearest"), axes, order)
