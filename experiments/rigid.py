# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Rigid registration of two scans of one person: six numbers, found by the correlation of smoothed intensities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize
from scipy.spatial.transform import Rotation

from monai_strainer import Grid, Volume
from monai_strainer.anatomy.foreground import foreground

__all__ = ["carried", "rigid"]

LEVELS = ((4.0, 4000), (1.5, 20000))  # smoothing in mm, and how many voxels are compared
AROUND = 4  # voxels beyond the head that are compared too: the outline of the head counts
Matrix = NDArray[np.float64]
Image = NDArray[np.float32]


def rigid(fixed: Volume, moving: Volume, seed: int = 0) -> Matrix:
    """Find the rigid motion under which one scan correlates best with another (Powell's method, coarse to fine).

    Args:
        fixed: the scan whose voxels are compared.
        moving: the other scan of the same person and contrast.
        seed: of the draw of voxels.

    Returns:
        ``(4, 4)`` matrix that sends a place of the fixed scan to the same anatomy in the moving one, RAS mm.
    """
    rng = np.random.default_rng(seed)
    head = foreground(fixed.data)
    centre = _centre(head, fixed.grid)
    start = np.zeros(6)  # rotation vector in degrees, shift in mm
    start[3:] = _centre(foreground(moving.data), moving.grid) - centre
    near = np.argwhere(ndimage.binary_dilation(head, iterations=AROUND))
    for width, count in LEVELS:
        one, two = (ndimage.gaussian_filter(v.data, width / v.grid.spacing) for v in (fixed, moving))
        some = near[rng.choice(len(near), min(count, len(near)), replace=False)]
        compared = (_mm(fixed.grid, some), one[tuple(some.T)], two, moving.grid, centre)
        start = optimize.minimize(_misfit, start, compared, "Powell", options={"xtol": 1e-3, "ftol": 1e-8}).x
    motion = np.eye(4)
    motion[:3, :3] = _turn(start)
    motion[:3, 3] = centre - _turn(start) @ centre + start[3:]
    return motion


def carried(data: Image, home: Grid, goal: Grid, motion: Matrix, order: int = 3) -> Image:
    """Interpolate an image of the moving scan onto voxels of the fixed one.

    Args:
        data: intensities on ``home``.
        home: grid of the moving image, or of a part of it.
        goal: grid of the fixed image, or of a part of it.
        motion: from :func:`rigid`.
        order: of the spline.

    Returns:
        intensities on ``goal``; NaN where the moving image does not reach.
    """
    places = _mm(goal, np.indices(goal.shape).reshape(3, -1).T)
    index = _index(home, places @ motion[:3, :3].T + motion[:3, 3]).T
    values = ndimage.map_coordinates(data, index, order=order, mode="nearest").astype(np.float32)
    inside = np.all([(i >= 0) & (i <= n - 1) for i, n in zip(index, home.shape)], axis=0)
    return np.where(inside, values, np.float32(np.nan)).reshape(goal.shape)


def _misfit(six: Matrix, places: Matrix, wanted: Image, moving: Image, grid: Grid, centre: Matrix) -> float:
    """Return minus the correlation of ``wanted`` at ``(N, 3)`` places with the moving image after the motion."""
    turn = _turn(six)
    index = _index(grid, (places - centre) @ turn.T + centre + six[3:])
    found = ndimage.map_coordinates(moving, index.T, order=1, mode="constant")
    return -float(np.corrcoef(found, wanted)[0, 1]) if found.std() > 0 else 1.0


def _turn(six: Matrix) -> Matrix:
    """Rotation matrix of the first three numbers, a rotation vector in degrees."""
    return np.asarray(Rotation.from_rotvec(six[:3], degrees=True).as_matrix(), np.float64)


def _mm(grid: Grid, index: NDArray[np.int64]) -> Matrix:
    """``(N, 3)`` voxel indices in RAS mm."""
    return np.asarray(index @ grid.affine[:3, :3].T + grid.affine[:3, 3], np.float64)


def _index(grid: Grid, places: Matrix) -> Matrix:
    """``(N, 3)`` RAS mm in voxel indices."""
    return np.asarray((places - grid.affine[:3, 3]) @ np.linalg.inv(grid.affine[:3, :3]).T, np.float64)


def _centre(head: NDArray[np.bool_], grid: Grid) -> Matrix:
    return _mm(grid, np.argwhere(head)).mean(0)
