# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The page a person looks at: one HTML file per scan that needs no network, and a sortable index of a cohort."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..geometry import PLANES
from ..physics import Profile, Separable
from ..priors.similarity import LIMIT
from ..restoring.report import Profiled, Report
from ..volume import Volume
from .figure import upright
from .quality_rows import quality_rows, volume_rows

__all__ = ["index_of", "page_of"]

TEMPLATES = Path(__file__).resolve().parent / "templates"
HEIGHTS = (0.3, 0.4, 0.5, 0.6, 0.7)  # of the slices shown, as shares of each axis
COMPARED = {
    "distance": "its heads among the cohort's",
    "misfit": "what the prior cannot explain",
    "agreement": "where it is bright and dark",
    "largest": "its most unusual region",
}
FLATTEST = 4  # the ratio of sides up to which a plane is worth a look
WARM = np.array(
    [(0, 0, 4), (81, 18, 124), (183, 55, 121), (252, 137, 97), (252, 253, 191)], np.float64
)  # magma, coarse


def page_of(scan: Volume, out: Volume, std: NDArray[np.float32], report: Report) -> str:
    """One scan's page: input and result, what the result leaves of the data, how sure it is, and what was done.

    Args:
        scan: what was measured.
        out: what was made of it.
        std: ``(X, Y, Z)`` standard deviation of ``out``.
        report: of the restoration, ``Restored.details``.

    Returns:
        HTML that works from the file system, with its images inside. It shows the patient's head: it is as private as
        the scan.
    """
    fine, measured = out.grid.shape, scan.grid.shape
    again = _measured_again(scan, out, report.profile, report.acquired.zero_filled_axes)
    residual = Volume(scan.data - again, scan.grid)
    top = float(np.percentile(scan.data, 99.8)) or 1.0
    spans = (
        float(np.percentile(np.abs(residual.data), 99.5)) or 1.0,
        float(np.percentile(std, 99.5)) or 1.0,
    )
    sure = Volume(std, out.grid)
    planes = []
    for plane in PLANES:
        axis = out.grid.axis_of(plane)
        if out.grid.shape[axis] < 2 and min(fine) > 1:
            continue
        across = [float(out.grid.extent[k]) for k in range(3) if k != axis]
        first, second = (out.grid.axes[k][0] for k in range(3) if k != axis)
        tall, wide = across if first > second else across[::-1]
        if axis != out.slice_axis and max(tall, wide) > FLATTEST * min(tall, wide):
            continue  # a slab seen from the side is a line
        shown = [
            {
                "input": _grey(_slice(scan, axis, height), top),
                "result": _grey(_slice(out, axis, height), top),
                "residual": _signed(_slice(residual, axis, height), spans[0]),
                "std": _warm(_slice(sure, axis, height), spans[1]),
            }
            for height in (HEIGHTS if out.grid.shape[axis] > 1 else (0.5,))
        ]
        planes.append({"name": plane, "ratio": wide / tall, "slices": shown})
    curves = [one.curve for one in report.passes if one.curve]
    return _render(
        "scan.html",
        planes=planes,
        report=report,
        spans=[f"{span:.3g}" for span in spans],
        curve=_curve(curves[0]) if curves else None,
        shapes=(measured, fine),
        spacings=[" x ".join(f"{v:.3g}" for v in volume.grid.spacing) for volume in (scan, out)],
        unusual=_unusual(report),
        quality=quality_rows(report.risk, report.quality),
        volumes=volume_rows(report.quality),
        limit=LIMIT,
    )


def _measured_again(
    scan: Volume, out: Volume, assumed: Profiled | None, filled: Sequence[int] = ()
) -> NDArray[np.float32]:
    """Measure the result with the run's own operator: its profile, slice thickness, and zero-filled axes."""
    profile = Profile() if assumed is None else Profile(assumed.kind, assumed.ratio)
    matrices: list[torch.Tensor | int] = []
    for k, (n, m) in enumerate(zip(out.grid.shape, scan.grid.shape)):
        in_step = profile if k == out.slice_axis else replace(profile, ratio=1.0)
        own = Profile("kspace") if k in filled else in_step
        matrices.append(n if n == m else own.matrix(n, m))
    seen: NDArray[np.float32] = Separable(matrices).A(torch.from_numpy(out.data)).numpy()
    return seen


def _unusual(report: Report) -> dict[str, float]:
    """Scores of a head beside those of unseen heads, by what they compare; empty where no head was compared."""
    found = report.cohort and report.cohort.unusual
    return {COMPARED[name]: value for name, value in found.as_dict().items()} if found else {}


def index_of(rows: Sequence[Mapping[str, Any]], links: Mapping[str, str]) -> str:
    """Build a cohort's page: one line per scan, sortable by every column.

    Args:
        rows: of :func:`monai_strainer.pipelines.batch.run_jobs`.
        links: a scan's page by its name, relative to this one.
    """
    columns = list(rows[0]) if rows else []
    return _render("index.html", columns=columns, rows=rows, links=links)


def _render(name: str, **values: Any) -> str:
    from jinja2 import Environment, FileSystemLoader

    engine = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return engine.get_template(name).render(**values)


def _slice(volume: Volume, axis: int, height: float) -> NDArray[np.float32]:
    """Return the slice at a height of the field of view, upright; heights are positions, whatever the grid."""
    n, sign = volume.grid.shape[axis], volume.grid.axes[axis][1]
    place = height if sign > 0 else 1 - height
    image = np.take(volume.data, min(n - 1, int(place * n)), axis=axis)
    return upright(image, volume.grid, axis)


def _grey(image: NDArray[np.float32], top: float) -> str:
    return _png((np.clip(image / top, 0, 1) * 255).astype(np.uint8))


def _signed(image: NDArray[np.float32], span: float) -> str:
    """Grey where nothing is left, brighter where the data are higher, darker where they are lower."""
    return _png((np.clip(0.5 + 0.5 * image / span, 0, 1) * 255).astype(np.uint8))


def _warm(image: NDArray[np.float32], span: float) -> str:
    place = np.clip(image / span, 0, 1) * (len(WARM) - 1)
    colours = [np.interp(place, np.arange(len(WARM)), WARM[:, k]) for k in range(3)]
    return _png(np.stack(colours, axis=-1).astype(np.uint8))


def _png(pixels: NDArray[np.uint8]) -> str:
    """Pixels as a data URI."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _curve(points: Sequence[Sequence[float]], width: float = 320, height: float = 120) -> str:
    """Return the path of an SVG line through (step, held-out error)."""
    x, y = np.asarray(points, dtype=np.float64).T
    y = np.log10(np.maximum(y, 1e-12))
    u = (x - x.min()) / max(float(np.ptp(x)), 1e-9) * width
    v = height - (y - y.min()) / max(float(np.ptp(y)), 1e-9) * height
    return "M" + " L".join(f"{a:.1f},{b:.1f}" for a, b in zip(u, v))
