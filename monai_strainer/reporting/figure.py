# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Draw the figure of a restoration: truth, data, results, their errors and the standard deviation, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..geometry import Grid
from ..metrics import psnr
from ..storage.atomic import atomic

__all__ = ["Strip", "picture", "upright"]


@dataclass(frozen=True, eq=False)
class Strip:
    """One row of the picture.

    Args:
        name: of the task.
        truth: (H, W), upright.
        measured: (h, w) what the methods were given.
        results: (H, W) per method, ours last.
        std: (H, W) of the last result, if it has one.
        peak: data range, shown as white.
        mask: (H, W) of the head, where PSNR is taken; everywhere by default.
    """

    name: str
    truth: NDArray[np.float32]
    measured: NDArray[np.float32]
    results: Mapping[str, NDArray[np.float32]]
    std: NDArray[np.float32] | None
    peak: float
    mask: NDArray[np.bool_] | None = None


def upright(image: NDArray[Any], grid: Grid, axis: int) -> NDArray[Any]:
    """Turn a slice as radiologists look at it: anterior or superior up, the patient's right (or front) on the left.

    Args:
        image: (H, W) slice along array axis ``axis``.
        grid: of the volume it comes from; only directions count.
        axis: the array axis across the slice.

    Example:
        >>> grid = Grid((2, 2, 1), np.eye(4))  # array axes run to the right and to the front
        >>> upright(np.array([["RP", "RA"], ["LP", "LA"]])[::-1], grid, axis=2).tolist()
        [['RA', 'LA'], ['RP', 'LP']]
    """
    first, second = (grid.axes[k] for k in range(3) if k != axis)
    if first[0] < second[0]:  # the later of x, y, z runs upwards
        image, first, second = image.T, second, first
    return np.ascontiguousarray(image[:: -first[1], :: -second[1]])


def _panels(strip: Strip, span: float) -> Iterator[tuple[str, NDArray[Any], str, float]]:
    """Title, image, colours and upper end of each panel of a row."""
    yield "truth", strip.truth, "gray", strip.peak
    yield "input", strip.measured, "gray", strip.peak
    for name, image in strip.results.items():
        value = psnr(image, strip.truth, data_range=strip.peak, mask=strip.mask)
        yield f"{name}, {value:.1f} dB", image, "gray", strip.peak
    for name, image in strip.results.items():
        yield f"|error| of {name}", np.abs(image - strip.truth), "magma", span
    if strip.std is not None:
        yield "standard deviation", strip.std, "magma", span


def picture(path: Path, strips: Sequence[Strip]) -> None:
    """Write a PNG with one row per strip; errors and deviations of a row share one scale, written at its end.

    Args:
        path: the file to write, whole or not at all.
        strips: what to show.

    Raises:
        InputError: matplotlib is not installed, or there is nothing to show.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError("pictures need matplotlib", 'run pip install "monai_strainer[pictures]"') from error
    if not strips:
        raise InputError("there is nothing to show", "pass at least one strip")
    rows = []
    for strip in strips:
        errors = [np.abs(image - strip.truth) for image in strip.results.values()]
        span = float(max((np.percentile(e, 99.5) for e in errors), default=0)) or 1.0
        rows.append((strip, span, list(_panels(strip, span))))
    columns = max(len(panels) for _, _, panels in rows)
    height, width = rows[0][0].truth.shape
    figure = Figure(figsize=(2.1 * columns, len(rows) * (2.1 * height / width + 0.3)), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for line, (strip, span, panels) in zip(axes, rows):
        for axes in line:
            axes.set_axis_off()
        for axes, (title, image, colours, top) in zip(line, panels):
            shown = axes.imshow(image, cmap=colours, vmin=0, vmax=top, interpolation="nearest")
            axes.set_title(title, fontsize=8)
        line[0].text(
            -0.06, 0.5, strip.name, rotation=90, va="center", ha="right", transform=line[0].transAxes, fontsize=9
        )
        if panels[-1][2] != "gray":
            beside = line[len(panels) - 1].inset_axes((1.03, 0.1, 0.04, 0.8))
            bar = figure.colorbar(shown, cax=beside, ticks=[0, span])
            bar.ax.set_yticklabels(["0", f"{100 * span / strip.peak:.0f} %"], fontsize=7)
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
