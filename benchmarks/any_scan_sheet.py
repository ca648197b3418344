# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Draw the middle slice of every volume with its name, group and mask: a data set is looked at before it is judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from any_scan_data import Scan
from matplotlib.figure import Figure

COLUMNS = 5


def draw(scans: list[Scan], path: Path) -> None:
    """One picture: per volume the slab's middle slice up to its 99.5th percentile, the mask's border, and choices."""
    rows = -(-len(scans) // COLUMNS)
    figure = Figure(figsize=(3.4 * COLUMNS, 3.9 * rows), layout="constrained")
    for k, scan in enumerate(scans):
        axes = figure.add_subplot(rows, COLUMNS, k + 1)
        volume, middle = scan.volume, scan.volume.data.shape[scan.axis] // 2
        image, mask = (np.take(values, middle, scan.axis) for values in (volume.data, scan.mask))
        planes = [j for j in range(3) if j != scan.axis]
        spacing = volume.grid.spacing[planes]
        extent = (0, image.shape[0] * spacing[0], 0, image.shape[1] * spacing[1])
        top = float(np.percentile(image[mask], 99.5)) if mask.any() else 1.0
        axes.imshow(image.T, cmap="gray", vmin=0, vmax=top, origin="lower", extent=extent)
        if mask.any() and not mask.all():
            axes.contour(mask.T, [0.5], colors="tab:orange", linewidths=0.6, origin="lower", extent=extent)
        shape = "x".join(map(str, volume.data.shape))
        notes = ", ".join(f"axis {j} x{share:.2f}" for j, share in scan.kept.items())
        lines = [scan.entry.name, f"{scan.entry.group}: {scan.entry.contrast}", f"{shape}, slices on axis {scan.axis}"]
        lines.append("resampled: not judged" if scan.entry.is_resampled else f"zero-filled: {notes or 'none'}")
        axes.set_title("\n".join(lines), fontsize=8)
        axes.set_axis_off()
    figure.savefig(path, dpi=100)
