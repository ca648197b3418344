# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Three stacks of one phantom, cut with cubic splines: no operator of the package makes what the package undoes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from phantoms import affine_of
from scipy import ndimage

from benchmarks.stacks import cut as cut_volume
from monai_strainer.geometry import Grid, centres
from monai_strainer.volume import Volume

SHAPE = (48, 48, 48)
GRID = Grid(SHAPE, affine_of(2 * np.eye(3), (-47, -47, -47)))
MOTIONS = ([0.0] * 6, [2.0, -1.5, 3.0, 1.5, -2.0, 1.0], [-3.0, 2.0, 1.0, -1.0, 0.7, 2.0])


def phantom() -> NDArray[np.float32]:
    """A body of about 600 with structures of many sizes and soft edges, in air."""
    x, y, z = np.meshgrid(*(centres(n) for n in SHAPE), indexing="ij", sparse=True)
    inside = (x / 0.75) ** 2 + (y / 0.85) ** 2 + (z / 0.8) ** 2 < 1
    waves = np.cos(7 * x + 2 * y) * np.cos(9 * y - 3 * z) + 0.5 * np.sin(11 * z + 5 * x) * np.cos(10 * y)
    texture = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(SHAPE), 2.5)
    sharp = np.where(inside, 600 + 100 * waves + 1500 * texture, 0)
    soft = ndimage.gaussian_filter(sharp, 1.0)  # as scanners see edges
    return np.where(soft > 5, soft, 0).astype(np.float32)


def cut(
    truth: NDArray[np.float32], axis: int, factor: int, motion: Sequence[float], sigma: float = 8.0, grid: Grid = GRID
) -> Volume:
    """Cut a stack of thick slices; the noise of every axis is its own."""
    return cut_volume(Volume(truth, grid), axis, factor, motion, sigma, seed=axis)


def three(factor: int = 3, gains: Sequence[float] = (1.0, 1.0, 1.0)) -> list[Volume]:
    """Axial, coronal and sagittal stacks, each moved since the first."""
    made = [cut(phantom(), axis, factor, motion) for axis, motion in zip((2, 1, 0), MOTIONS)]
    return [Volume(gain * one.data, one.grid, slice_axis=one.slice_axis) for gain, one in zip(gains, made)]
