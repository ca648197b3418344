# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Find the box of a head, and give head coordinates that mean the same position in every scan.

A prior learned on many heads only helps if a coordinate points at the same anatomy in all of them. Head coordinates
put the box around the foreground at ``[-1, 1]`` on each anatomical axis: x from left to right, y from posterior to
anterior, z from inferior to superior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import InputError
from ..geometry import Grid, centres

__all__ = ["Pose", "find_pose", "laid"]


@dataclass(frozen=True)
class Pose:
    """How array axes map to head coordinates, independent of the resolution of the grid.

    Let ``u = (2 i + 1) / n - 1`` be the position of voxel ``i`` on an array axis. The head coordinate on the anatomical
    axis ``ras`` that it runs along is ``sign (u - centre) / half``.

    Args:
        axes: per array axis, the RAS axis and the sign (``Grid.axes``).
        centre: per array axis, the middle of the head in ``u``.
        half: per array axis, half of the head's size in ``u``.
        alignment: (3, 4) affine that takes head coordinates to those of the cohort, for a head that is tilted or
            formed otherwise; None where the box says it all. See :func:`monai_strainer.fitting.align`.
    """

    axes: tuple[tuple[int, int], ...]
    centre: tuple[float, float, float]
    half: tuple[float, float, float]
    alignment: tuple[tuple[float, ...], ...] | None = None

    def axis_coordinates(self, axis: int, n: int) -> NDArray[np.float32]:
        """Return the head coordinates of the voxel centres along one array axis.

        Args:
            axis: array axis, 0 to 2.
            n: voxels that the field of view is cut into along it.

        Returns:
            ``(n,)``; -1 and 1 are the edges of the head's box.
        """
        sign = self.axes[axis][1]
        return (sign * (centres(n) - self.centre[axis]) / self.half[axis]).astype(np.float32)

    def coordinates(
        self, shape: tuple[int, int, int], slice_axis: int, some: slice = slice(None)
    ) -> NDArray[np.float32]:
        """(S, 3, H, W): head coordinates x, y, z of every voxel of the slices along ``slice_axis``.

        Args:
            shape: voxels per array axis, of the scan or of any refinement of it.
            slice_axis: array axis along which slices are taken.
            some: which slices; all by default.
        """
        along = [self.axis_coordinates(k, n) for k, n in enumerate(shape)]
        along[slice_axis] = along[slice_axis][some]
        parts = np.meshgrid(*along, indexing="ij")
        by_ras = np.empty((3, *parts[0].shape), np.float32)
        for (ras, _), part in zip(self.axes, parts):
            by_ras[ras] = part
        if self.alignment is not None:
            matrix = np.asarray(self.alignment, np.float32)
            by_ras = np.einsum("ij,jxyz->ixyz", matrix[:, :3], by_ras) + matrix[:, 3, None, None, None]
        return np.ascontiguousarray(np.moveaxis(by_ras, slice_axis + 1, 0))  # (S, 3, H, W)

    def within(self, shape: Sequence[int], part: Sequence[slice]) -> Pose:
        """Return the pose of the same head relative to a part of the field of view.

        Args:
            shape: voxels of the field of view, per array axis.
            part: slice of every array axis that is kept.

        Example:
            >>> pose = Pose(((0, 1), (1, 1), (2, 1)), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
            >>> pose.within((4, 4, 4), (slice(0, 2), slice(0, 4), slice(0, 4))).axis_coordinates(0, 2).tolist()
            [-0.75, -0.25]
        """
        centre, half = [], []
        for n, some, c, h in zip(shape, part, self.centre, self.half):
            start, stop, _ = some.indices(n)
            centre.append(((c + 1) * n - 2 * start) / (stop - start) - 1)
            half.append(h * n / (stop - start))
        return replace(self, centre=(centre[0], centre[1], centre[2]), half=(half[0], half[1], half[2]))

    def half_mm(self, grid: Grid) -> NDArray[np.float64]:
        """(3,) half sizes of the head in mm, in RAS order."""
        out = np.empty(3)
        for k, (ras, _) in enumerate(self.axes):
            out[ras] = self.half[k] * grid.extent[k] / 2
        return out


def laid(
    data: NDArray[np.float32], pose: Pose, axes: Sequence[NDArray[np.floating]], order: Sequence[int], spline: int = 3
) -> NDArray[np.float32]:
    """Interpolate a scan onto a grid of box coordinates.

    Args:
        data: (X, Y, Z) intensities.
        pose: where the head is; its alignment is not applied.
        axes: wanted coordinates along slices, rows and columns.
        order: anatomical axis (0 x, 1 y, 2 z) of each of these.
        spline: order of the interpolation; beyond the field of view there is nothing.

    Returns:
        one value per slice, row and column.
    """
    wanted = dict(zip(order, axes))
    index = []
    for k, (ras, sign) in enumerate(pose.axes):
        position = wanted[ras] * sign * pose.half[k] + pose.centre[k]  # in [-1, 1] over the field of view
        index.append((position + 1) * data.shape[k] / 2 - 0.5)
    values = ndimage.map_coordinates(data, np.meshgrid(*index, indexing="ij"), order=spline, mode="constant")
    return values.transpose([[ras for ras, _ in pose.axes].index(ras) for ras in order])


def find_pose(mask: NDArray[np.bool_], grid: Grid) -> Pose:
    """Find the pose whose box holds the foreground, leaving out the outermost 0.1 % on each side.

    Args:
        mask: (X, Y, Z), true in the foreground.
        grid: of the mask.

    Raises:
        InputError: the mask is empty.
    """
    centre, half = [], []
    for axis in range(3):
        profile = mask.sum(axis=tuple(k for k in range(3) if k != axis)).astype(np.float64)
        cumulative = np.concatenate([[0.0], np.cumsum(profile)])
        if cumulative[-1] == 0:
            raise InputError("the scan has no foreground", "check that the file holds an image")
        cumulative /= cumulative[-1]
        n = len(profile)
        low, high = np.interp([0.001, 0.999], cumulative, np.arange(n + 1))  # voxel edges
        low, high = 2 * low / n - 1, 2 * high / n - 1
        centre.append(float((low + high) / 2))
        half.append(float(max((high - low) / 2, 1 / n)))
    return Pose(grid.axes, (centre[0], centre[1], centre[2]), (half[0], half[1], half[2]))
