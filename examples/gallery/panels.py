# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Draw what an example made: slices side by side, the standard deviation last; and cut a few slices from a scan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from monai_strainer import Grid, Volume
from monai_strainer.metrics import psnr
from monai_strainer.reporting.figure import upright


def part(scan: Volume, axis: int, count: int, place: float = 0.5) -> Volume:
    """Neighbouring slices of a scan along an array axis, around a fraction of its length."""
    first = round(place * scan.grid.shape[axis] - count / 2)
    first = min(max(0, first), max(0, scan.grid.shape[axis] - count))
    kept = tuple(slice(first, first + count) if k == axis else slice(None) for k in range(3))
    affine = scan.grid.affine.copy()
    affine[:3, 3] += first * affine[:3, axis]
    data = scan.data[kept]
    return Volume(data, Grid(data.shape, affine), slice_axis=scan.slice_axis)


def quality(image: np.ndarray, truth: np.ndarray) -> float:
    """PSNR in dB over the whole image; its range is the 99.9th percentile of the truth."""
    return psnr(image, truth, data_range=float(np.percentile(truth, 99.9)))


def middle(volume: Volume, axis: int) -> np.ndarray:
    """The middle slice along an array axis, upright."""
    return upright(np.take(volume.data, volume.grid.shape[axis] // 2, axis), volume.grid, axis)


def save(target: Path, images: Mapping[str, Volume], std: Volume, axis: int, zoom: float = 1) -> None:
    """Write a picture of the middle slices.

    Args:
        target: PNG or JPEG file.
        images: by title; the last one is the result, and its brightness is that of all.
        std: the standard deviation.
        axis: array axis across the slices.
        zoom: show the middle part, enlarged by this factor.
    """
    result = list(images.values())[-1]
    top = float(np.percentile(middle(result, axis), 99.8))
    extent = [float(edge) for k, edge in enumerate(result.grid.extent) if k != axis]
    rows, columns = middle(result, axis).shape
    first = [n for k, n in enumerate(result.grid.shape) if k != axis]
    height, width = extent if (rows, columns) == tuple(first) else extent[::-1]
    figure = Figure(figsize=(3 * (len(images) + 1), 3 * height / width + 0.3), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = [*((name, image, "gray", top) for name, image in images.items())]
    error = float(np.percentile(middle(std, axis), 99.5))
    panels.append((f"standard deviation, 0 to {error:.3g}", std, "magma", error))
    for place, (title, volume, colours, high) in zip(figure.subplots(1, len(panels)), panels):
        place.imshow(middle(volume, axis), cmap=colours, vmin=0, vmax=high, extent=(0, width, 0, height))
        place.set_xlim(width / 2 * (1 - 1 / zoom), width / 2 * (1 + 1 / zoom))
        place.set_ylim(height / 2 * (1 - 1 / zoom), height / 2 * (1 + 1 / zoom))
        place.set_title(title, fontsize=9)
        place.set_axis_off()
    options = {"pil_kwargs": {"quality": 85}} if target.suffix == ".jpg" else {"metadata": {"Software": None}}
    figure.savefig(target, **options)
