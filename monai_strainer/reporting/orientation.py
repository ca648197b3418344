# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Orient a volume as radiologists look at it, and name the directions at the edges of its three planes.

The display order of the axes is: inferior to superior, anterior to posterior, the patient's right to left. A page reads
all three planes from an array in this order: rows run downwards and columns to the right, except that superior is up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..geometry import Grid, Plane

__all__ = ["DISPLAY", "display_axes", "displayed", "edge_marks", "obliqueness"]

DISPLAY: tuple[Plane, Plane, Plane] = ("axial", "coronal", "sagittal")
"""The planes whose slices follow each other along the three axes of the display order."""

_SIGNS = (1, -1, -1)  # RAS directions of these axes: to superior, to posterior, to the left
_LETTERS = (("L", "R"), ("P", "A"), ("I", "S"))  # towards lower and higher x, y, z
_SLANTED = 0.26  # a cosine above that (15 degrees) adds its letter to a mark


def display_axes(grid: Grid) -> tuple[tuple[int, bool], ...]:
    """Return for every axis of the display order the array axis and whether it runs backwards.

    Args:
        grid: of the volume; only directions count.

    Example:
        >>> display_axes(Grid((2, 3, 4), np.eye(4)))
        ((2, False), (1, True), (0, True))
    """
    axes = [grid.axis_of(plane) for plane in DISPLAY]
    return tuple((axis, grid.axes[axis][1] != sign) for axis, sign in zip(axes, _SIGNS))


def displayed(data: NDArray[Any], grid: Grid) -> NDArray[Any]:
    """Return the data in the display order.

    Args:
        data: (X, Y, Z).
        grid: of the data.

    Example:
        >>> data = np.arange(2)[:, None, None]  # the patient's left is at index 0
        >>> displayed(data, Grid((2, 1, 1), np.eye(4))).ravel().tolist()
        [1, 0]
    """
    axes = display_axes(grid)
    turned = np.transpose(data, [axis for axis, _ in axes])
    return turned[tuple(slice(None, None, -1 if is_backwards else 1) for _, is_backwards in axes)]


def edge_marks(grid: Grid) -> dict[Plane, dict[str, str]]:
    """Name the directions at the four edges of every plane: L, R, A, P, S, I, or two of them where the grid is oblique.

    Args:
        grid: of the volume.

    Returns:
        per plane the marks ``left``, ``right``, ``top`` and ``bottom``.

    Example:
        >>> edge_marks(Grid((2, 3, 4), np.eye(4)))["axial"]
        {'left': 'R', 'right': 'L', 'top': 'A', 'bottom': 'P'}
    """
    cosines = grid.affine[:3, :3] / grid.spacing
    up, back, left = (cosines[:, axis] * (-1 if is_back else 1) for axis, is_back in display_axes(grid))
    edges = {"axial": (left, back), "coronal": (left, -up), "sagittal": (back, -up)}  # to the right, downwards
    return {
        plane: {"left": _mark(-across), "right": _mark(across), "top": _mark(-down), "bottom": _mark(down)}
        for plane, (across, down) in edges.items()
    }


def obliqueness(grid: Grid) -> float:
    """Return the greatest angle between an axis of the grid and the anatomical axis it is named after, in degrees.

    Example:
        >>> obliqueness(Grid((2, 3, 4), np.eye(4)))
        0.0
    """
    cosines = np.abs(grid.affine[:3, :3] / grid.spacing)
    nearest = min(cosines[ras, axis] for axis, (ras, _) in enumerate(grid.axes))
    return float(np.degrees(np.arccos(min(1.0, nearest))))


def _mark(direction: NDArray[np.float64]) -> str:
    """Return the letters of a direction, that of the largest component first."""
    order = np.argsort(-np.abs(direction), kind="stable")
    letters = [_LETTERS[k][int(direction[k] > 0)] for k in order if abs(direction[k]) > _SLANTED]
    return "".join(letters[:2])
