# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Square slices as the paper has them: one plane through the middle of a head, the head in the centre."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from monai_strainer import read
from monai_strainer.anatomy.aligned_slices import AlignedSlices
from monai_strainer.anatomy.foreground import foreground
from monai_strainer.anatomy.head_frame import find_pose
from monai_strainer.geometry import Plane, centres
from monai_strainer.storage.atomic import stem

__all__ = ["Slice", "cohort_of", "cut"]

FIELD = 178  # voxels of 1 mm that a slice shows; smaller sides show about as much, in larger pixels


@dataclass(frozen=True, eq=False)
class Slice:
    """A clean slice.

    Args:
        name: of its scan.
        image: (side, side), 0 to 1, where 1 is its brightest pixel; rows and columns in RAS order.
        places: (3, side, side) coordinates x, y, z in the head's box, for priors that want these.
        plane: it lies in.
    """

    name: str
    image: NDArray[np.float32]
    places: NDArray[np.float32]
    plane: Plane

    def coords(self, dims: int) -> Tensor:
        """(1, dims, side, side): the slice's own edge-aligned coordinates, or places in the head."""
        if dims == 3:
            return torch.from_numpy(self.places)[None]
        rows, columns = (torch.from_numpy(centres(n).astype(np.float32)) for n in self.image.shape)
        return torch.stack(torch.meshgrid(rows, columns, indexing="ij"))[None]


def cut(path: Path, side: int = FIELD, plane: Plane = "axial", height: float = 0.5) -> Slice:
    """Cut the slice of a scan at a height of the head (0 to 1), averaged over ``178 // side`` voxels if side is small.

    What lies beyond the scan is zero, as its skull-stripped background is.
    """
    scan = read(path)
    mask = foreground(scan.data)
    pose, axis = find_pose(mask, scan.grid), scan.grid.axis_of(plane)
    factor = max(1, FIELD // side)
    n, sign = scan.grid.shape[axis], scan.grid.axes[axis][1]
    level = int((pose.centre[axis] + sign * (2 * height - 1) * pose.half[axis] + 1) / 2 * n)
    image, index = scan.slices(axis)[min(n - 1, max(0, level))], {axis: np.array([level])}
    within = sorted((k for k in range(3) if k != axis), key=lambda k: scan.grid.axes[k][0])
    image = image if within[0] < within[1] else image.T
    for place, k in enumerate(within):
        middle = (pose.centre[k] + 1) / 2 * scan.grid.shape[k]
        wanted = round(middle - factor * side / 2) + np.arange(factor * side)
        wanted = wanted if scan.grid.axes[k][1] > 0 else wanted[::-1]
        inside = (wanted >= 0) & (wanted < scan.grid.shape[k])
        image = np.where(
            np.expand_dims(inside, 1 - place), image.take(np.clip(wanted, 0, image.shape[place] - 1), place), 0
        )
        index[k] = wanted.reshape(side, factor).mean(1)
    image = image.reshape(side, factor, side, factor).mean((1, 3))
    places = np.empty((3, side, side), np.float32)
    for k, values in index.items():
        coordinate = scan.grid.axes[k][1] * ((2 * values + 1) / scan.grid.shape[k] - 1 - pose.centre[k]) / pose.half[k]
        shape = [side if k in within and within.index(k) == place else 1 for place in (0, 1)]
        places[scan.grid.axes[k][0]] = coordinate.reshape(shape)
    return Slice(stem(path.name), (image / max(image.max(), 1e-9)).astype(np.float32), places, plane)


def cohort_of(
    paths: Iterable[Path], side: int = FIELD, plane: Plane = "axial", heights: tuple[float, ...] = (0.5,)
) -> AlignedSlices:
    """Cut the same slices of several scans, for pretraining networks of two coordinates (those of the slice)."""
    images = np.stack([[cut(path, side, plane, height).image for height in heights] for path in paths])
    inside = centres(side).astype(np.float32)
    levels = 2 * np.asarray(heights, np.float32) - 1
    return AlignedSlices(images.astype(np.float16), (levels, inside, inside), (2, 0, 1))
