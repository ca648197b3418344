# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Write the page of a fusion: the stacks where they were found to lie, the result, and what was done with each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..fusing.fuse import Fused
from ..fusing.placing import on_grid
from ..fusing.report import FuseReport, StackReport
from ..volume import Volume
from .html import RunFacts, render
from .methods_text import MethodsText, tool_named
from .viewer import deviation_map, viewer_data

__all__ = ["fused_page", "fused_text"]

_METHODS = {
    "network": "Every stack was restored by a residual U-Net that is given the acquisition and the noise level, and "
    "the results were averaged by their variances",
    "kriging": "The start was the mean of the stacks",
    "mean": "The stacks were interpolated with cubic splines and averaged",
}
_DATA_STEP = "All data then corrected the image together, each stack through its own slice profile and position"


def fused_page(stacks: Sequence[Volume], out: Fused, *, run: RunFacts | None = None) -> str:
    """One fusion's page.

    It names the first stack by its file name; of a DICOM series, by a hash. No other attribute of the patient is on it.

    Args:
        stacks: that were passed to :func:`monai_strainer.fuse`.
        out: what it returned.
        run: command line and time.

    Returns:
        HTML that works from the file system, with its images inside. It shows the patient: it is as private as the
        stacks.
    """
    report, grid = out.details, out.volume.grid
    inputs = {_name(one, stacks): _placed(one, stacks, out.volume) for one in report.stacks}
    maps = [deviation_map(out.volume, out.std)]
    return render(
        "fused.html",
        title=getattr(stacks[0].source, "name", None) or "stacks",
        viewer=viewer_data(inputs, out.volume, maps),
        maps=maps,
        report=report,
        run=run or RunFacts(),
        text=fused_text(report),
        shape=grid.shape,
        edges=edges_of(report.spacing),
        rows=[(one, _name(one, stacks), edges_of(one.spacing)) for one in report.stacks],
        median=_median(out),
    )


def _name(one: StackReport, stacks: Sequence[Volume]) -> str:
    """Return the number of a stack and its direction."""
    scan = stacks[one.number - 1]
    ras = scan.grid.axes[scan.slice_axis][0]
    return f"stack {one.number}, {('sagittal', 'coronal', 'axial')[ras]}"


def _placed(one: StackReport, stacks: Sequence[Volume], out: Volume) -> Volume:
    """Bring a stack where it was found to lie, in the intensities of the first; its voxels stay visible."""
    scan, motion = stacks[one.number - 1], np.array([*one.rotation, *one.shift])
    image, inside = on_grid(scan, scan.grid, motion, out.grid, order=0)
    data = np.where(inside, image.numpy() / np.float32(one.gain), np.float32(0))
    return Volume(data, out.grid, slice_axis=out.slice_axis)


def _median(out: Fused) -> float:
    inside = out.std[out.volume.data > 0]
    return float(np.median(inside)) if inside.size else 0.0


def edges_of(spacing: Sequence[float]) -> str:
    """Return voxel edges in words.

    Example:
        >>> edges_of((1.0, 1.0, 4.0))
        '1 x 1 x 4'
    """
    return " x ".join(f"{edge:.3g}" for edge in spacing)


def fused_text(report: FuseReport) -> MethodsText:
    """Write the paragraph for a methods section.

    Args:
        report: of the fusion.
    """
    text = MethodsText()
    each = "; ".join(edges_of(one.spacing) for one in report.stacks)
    tool = tool_named(text, report.made_by)
    moved = "The positions of the stacks were those of their headers"
    if report.aligned:
        largest = max(float(np.linalg.norm(one.shift)) for one in report.stacks)
        turned = max(float(np.linalg.norm(one.rotation)) for one in report.stacks)
        moved = (
            f"The stacks were aligned rigidly with the first by Gauss-Newton steps (largest shift {largest:.1f} mm, "
            f"largest rotation {turned:.1f} degrees), with an intensity scale for each"
        )
    sentences = [
        f"{len(report.stacks)} stacks (voxels of {each} mm) were fused to voxels of {edges_of(report.spacing)} mm with "
        f"{tool}",
        moved,
        _METHODS[report.method],
        *([] if report.method == "mean" else [_DATA_STEP]),
        f"The noise was taken to be Rician {text.cite('rician')}, with a standard deviation of "
        f"{', '.join(f'{one.sigma:.4g}' for one in report.stacks)} in the units of the stacks",
        f"The seed of all random draws was {report.seed}",
    ]
    text.paragraph = ". ".join(sentences) + "."
    return text
