# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Draw volumes to look at: all of a data set with their masks, or one with what every method made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from any_scan_data import Scan
from any_scan_tasks import Case
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

COLUMNS = 5
AROUND = 6  # voxels around the object
Image = NDArray[np.float32]


def draw(scans: list[Scan], path: Path) -> None:
    """One picture: per volume the slab's middle slice up to its 99.5th percentile, the mask's border, and choices."""
    rows = -(-len(scans) // COLUMNS)
    figure = Figure(figsize=(3.4 * COLUMNS, 3.9 * rows), layout="constrained")
    for k, scan in enumerate(scans):
        axes = figure.add_subplot(rows, COLUMNS, k + 1)
        volume, middle = scan.volume, scan.volume.data.shape[scan.axis] // 2
        image, mask = (np.take(values, middle, scan.axis) for values in (volume.data, scan.mask))
        spacing = np.delete(volume.grid.spacing, scan.axis)
        top = float(np.percentile(image[mask], 99.5)) if mask.any() else 1.0
        extent = panel(axes, image, spacing, top, "gray").get_extent()
        if mask.any() and not mask.all():
            axes.contour(mask.T, [0.5], colors="tab:orange", linewidths=0.6, origin="lower", extent=extent)
        shape = "x".join(map(str, volume.data.shape))
        notes = ", ".join(f"axis {j} x{fraction:.2f}" for j, fraction in scan.kept.items())
        lines = [scan.entry.name, f"{scan.entry.group}: {scan.entry.contrast}", f"{shape}, slices on axis {scan.axis}"]
        lines.append("resampled: not scored" if scan.entry.is_resampled else f"zero-filled: {notes or 'none'}")
        axes.set_title("\n".join(lines), fontsize=8)
    figure.savefig(path, dpi=100)


def compare(case: Case, images: dict[str, Image], titles: dict[str, str], std: Image, path: Path) -> None:
    """One picture of the slab's middle slice: truth and images above, deviation and absolute errors below.

    Args:
        case: what was measured, and its truth.
        images: (X, Y, Z) by name, the last of ours.
        titles: a line for every image.
        std: (X, Y, Z) of the last image; it shares its scale with the errors.
        path: of a JPEG file.
    """
    middle = case.truth.shape[case.axis] // 2
    inside = np.take(case.mask, middle, case.axis)
    box = tuple(
        slice(max(0, int(some[0]) - AROUND), int(some[-1]) + 1 + AROUND)
        for some in (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
    )

    def cut(values: NDArray[Any]) -> NDArray[Any]:
        return np.take(values, middle, case.axis)[box]

    spacing = np.delete(case.low.grid.resize(case.truth.shape).spacing, case.axis)
    top = float(np.percentile(cut(case.truth)[cut(case.mask)], 99.5))
    errors = {name: np.abs(np.maximum(cut(image), 0) - cut(case.truth)) for name, image in images.items()}
    high = float(np.percentile(next(iter(errors.values()))[cut(case.mask)], 99))
    wide, tall = np.array(cut(case.truth).shape) * spacing
    count = len(images) + 1
    figure = Figure(figsize=(3 * count, 6 * tall / wide + 0.8), layout="constrained")
    axes = figure.subplots(2, count)
    panel(axes[0, 0], cut(case.truth), spacing, top, "gray").axes.set_title("truth", fontsize=9)
    map_of = panel(axes[1, 0], cut(std), spacing, high, "magma")
    axes[1, 0].set_title("standard deviation of ours", fontsize=9)
    for k, (name, image) in enumerate(images.items(), start=1):
        panel(axes[0, k], cut(image), spacing, top, "gray").axes.set_title(titles[name], fontsize=9)
        panel(axes[1, k], errors[name], spacing, high, "magma").axes.set_title("absolute error", fontsize=9)
    bar = figure.colorbar(map_of, ax=axes[1].tolist(), shrink=0.8, pad=0.01)
    bar.set_label("scan units", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    figure.savefig(path, dpi=120, pil_kwargs={"quality": 82})


def panel(axes: Axes, image: NDArray[Any], spacing: NDArray[np.float64], top: float, colours: str) -> Any:
    """Show a slice (first axis to the right) in mm from 0 to `top`, without ticks; return matplotlib's image."""
    extent = (0, image.shape[0] * spacing[0], 0, image.shape[1] * spacing[1])
    axes.set_axis_off()
    return axes.imshow(image.T, cmap=colours, vmin=0, vmax=top, origin="lower", extent=extent)
