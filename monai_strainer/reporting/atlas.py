# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Put all slices of a volume into one small picture, from which a page takes slices of every plane.

The slices stand side by side as tiles of 8-bit grey. A page decodes the picture once and cuts all three planes from it,
so that no voxel is stored three times. The size is bounded: a large volume is averaged over small blocks, and
compression loses some noise. The files beside the page are exact.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..physics import Profile, Separable
from ..volume import Volume
from .orientation import DISPLAY, display_axes, displayed

__all__ = ["FEWER", "MOST", "Atlas", "Window", "atlas_of"]

MOST = 13_000_000  # voxels of an image that is shown: one of 256 x 256 x 192 is shown whole
FEWER = 3_300_000  # voxels of a map
_FAITHFUL = 4_000_000  # voxels up to which compression loses next to nothing
_QUALITY = (95, 75)  # of WebP: up to so many voxels, and above
_EDGE = 2048  # pixels of a tile, at most: a picture of such tiles stays within what browsers decode
_BLOCK = 8  # pixels: sides of tiles are multiples, so that a compressed block never holds two slices


@dataclass(frozen=True)
class Window:
    """What is black and what is white.

    Args:
        low, high: values, in the units of the volume.
        colours: "grey" or "warm".
    """

    low: float
    high: float
    colours: str = "grey"


@dataclass(frozen=True)
class Atlas:
    """A picture of all slices of a volume, and how to read it.

    Args:
        src: the picture as a data address.
        shape: of the volume in the display order, as shown.
        along: axis of the display order along which the tiles follow each other.
        tile: rows and columns of a tile, with its padding.
        columns: tiles side by side.
        steps: voxels per array axis whose mean is one pixel; 1 shows all.
        window: black and white.
    """

    src: str
    shape: tuple[int, int, int]
    along: int
    tile: tuple[int, int]
    columns: int
    steps: tuple[int, int, int]
    window: Window

    def plain(self) -> dict[str, Any]:
        """Return the entries that a page needs, fit for JSON."""
        names = ("src", "shape", "along", "tile", "columns")
        window = {"low": self.window.low, "high": self.window.high, "colours": self.window.colours}
        return {name: getattr(self, name) for name in names} | window


def atlas_of(volume: Volume, window: Window, most: int = MOST) -> Atlas:
    """Build the picture of a volume.

    Args:
        volume: any grid.
        window: black and white; values beyond are cut off.
        most: voxels, at most; a larger volume is averaged along the axes of its smallest voxels.

    Example:
        >>> from monai_strainer.geometry import Grid
        >>> scan = Volume(np.ones((20, 30, 5)), Grid((20, 30, 5), np.diag([1, 1, 4, 1])))
        >>> found = atlas_of(scan, Window(0, 1))
        >>> found.shape, found.tile, found.columns, found.steps, found.src[:16]
        ((5, 30, 20), (32, 24), 3, (1, 1, 1), 'data:image/webp;')
    """
    steps = _steps(volume, most)
    small = volume if max(steps) == 1 else _averaged(volume, steps)
    along = [axis for axis, _ in display_axes(small.grid)].index(small.slice_axis)
    tiles = np.moveaxis(displayed(_grey(small.data, window), small.grid), along, 0)
    count, rows, columns = tiles.shape
    tile = (-(-rows // _BLOCK) * _BLOCK, -(-columns // _BLOCK) * _BLOCK)
    side = min(count, max(1, round((count * tile[0] / tile[1]) ** 0.5)))  # tiles side by side: a square picture
    full = -(-count // side) * side
    padded = np.pad(tiles, ((0, full - count), (0, tile[0] - rows), (0, tile[1] - columns)), mode="edge")
    sheet = padded.reshape(full // side, side, *tile).swapaxes(1, 2).reshape(full // side * tile[0], side * tile[1])
    shape = tuple(small.grid.shape[small.grid.axis_of(plane)] for plane in DISPLAY)
    quality = _QUALITY[int(volume.data.size > _FAITHFUL)]
    return Atlas(_address(sheet, quality), (shape[0], shape[1], shape[2]), along, tile, side, steps, window)


def _steps(volume: Volume, most: int) -> tuple[int, int, int]:
    """Return the voxels per axis whose mean is one pixel: the axes of finest pixels are averaged first."""
    shape, spacing = volume.grid.shape, volume.grid.spacing
    steps = [1 if k == volume.slice_axis else -(-n // _EDGE) for k, n in enumerate(shape)]
    while math.prod(_smaller(shape, steps)) > most and max(_smaller(shape, steps)) > 1:
        sizes = [edge * step if step < n else np.inf for n, edge, step in zip(shape, spacing, steps)]
        steps[int(np.argmin(sizes))] += 1
    return steps[0], steps[1], steps[2]


def _smaller(shape: Sequence[int], steps: Sequence[int]) -> list[int]:
    return [-(-n // step) for n, step in zip(shape, steps)]


def _averaged(volume: Volume, steps: Sequence[int]) -> Volume:
    """Average over blocks; the field of view stays."""
    shape = _smaller(volume.grid.shape, steps)
    matrices = [n if n == m else Profile().matrix(n, m) for n, m in zip(volume.grid.shape, shape)]
    data = Separable(matrices).A(torch.from_numpy(np.ascontiguousarray(volume.data))).numpy()
    return Volume(data, volume.grid.resize(shape), slice_axis=volume.slice_axis)


def _grey(data: NDArray[np.float32], window: Window) -> NDArray[np.uint8]:
    """8-bit values; 0 is ``low`` and 255 ``high``."""
    span = (window.high - window.low) or 1.0
    return np.rint(np.clip((data - window.low) / span, 0, 1) * 255).astype(np.uint8)


def _address(sheet: NDArray[np.uint8], quality: int) -> str:
    """Compress a picture, and return it as a data address."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, format="WEBP", quality=quality, method=2)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
