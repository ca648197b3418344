# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Three stacks of one phantom, cut with cubic splines: no operator of the package makes what the package undoes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from phantoms import affine_of
from scipy import ndimage

from benchmarks.stacks import cut as cut_volume
from monai_strainer.geometry import Grid, centres
from monai_strainer.physics import rigid_matrix
from monai_strainer.physics.acquired import fourier_resize
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


def interleaved(count: int, seed: int) -> NDArray[np.float64]:
    """Every second slice has moved by about 1 degree and 1 mm: the second half of an interleaved acquisition."""
    motions = np.random.default_rng(seed).normal(0, 1.0, (count, 6))
    motions[::2] = 0
    return motions


def cut_moved(axis: int, motions: NDArray[np.float64], sigma: float = 8.0) -> Volume:
    """Cut a stack of the phantom, every slice at its own place; (S, 6) degrees and mm."""
    count = len(motions)
    times = SHAPE[axis] // count
    place = GRID.resize([count if k == axis else n for k, n in enumerate(SHAPE)])
    planes = []
    for number, motion in enumerate(motions):
        start = np.eye(4)
        start[axis, 3] = number
        size = [1 if k == axis else n for k, n in enumerate(place.shape)]
        one = Grid((size[0], size[1], size[2]), place.affine @ start)
        fine = one.refine([2 * times if k == axis else 1 for k in range(3)])
        matrix = np.linalg.inv(GRID.affine) @ rigid_matrix(motion, one.corners().mean(0)) @ fine.affine
        planes.append(
            ndimage.affine_transform(phantom(), matrix[:3, :3], matrix[:3, 3], output_shape=fine.shape, order=3).mean(
                axis
            )
        )
    clean = np.stack(planes, axis)
    noise = sigma * np.random.default_rng(axis).standard_normal((2, *clean.shape))
    return Volume(np.hypot(clean + noise[0], noise[1]).astype(np.float32), place, slice_axis=axis)


def zero_filled(one: Volume, size: int) -> Volume:
    """The same stack with larger k-space in the plane, as scanners write it."""
    data = torch.from_numpy(one.data)
    for axis in (k for k in range(3) if k != one.slice_axis):
        data = fourier_resize(data.movedim(axis, -1), size).movedim(-1, axis)
    shape = [n if k == one.slice_axis else size for k, n in enumerate(one.grid.shape)]
    return Volume(data.abs().numpy(), one.grid.resize(shape), slice_axis=one.slice_axis)


def with_gaps(axis: int, sigma: float = 8.0) -> Volume:
    """Slices one voxel thick, every third of them measured."""
    fine = cut(phantom(), axis, 1, [0.0] * 6, sigma)
    kept = tuple(slice(1, None, 3) if k == axis else slice(None) for k in range(3))
    affine = fine.grid.affine.copy()
    affine[:3, 3] += affine[:3, axis]
    affine[:3, axis] *= 3
    data = fine.data[kept]
    return Volume(data, Grid((data.shape[0], data.shape[1], data.shape[2]), affine), None, axis, 2.0)
