# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Write the page of a scan and the index of many scans: HTML files that need no network and nothing beside them."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..priors.similarity import LIMIT
from ..restoring.report import Report
from ..volume import Volume
from .methods_text import methods_text
from .quality_rows import quality_rows, volume_rows
from .viewer import maps_of, viewer_data

__all__ = ["RunFacts", "index_of", "page_of", "render"]

TEMPLATES = Path(__file__).resolve().parent / "templates"
COMPARED = {
    "distance": "its readouts compared with the cohort's",
    "misfit": "what the prior cannot explain",
    "agreement": "where it is bright and dark",
    "largest": "its most unusual region",
}


@dataclass(frozen=True)
class RunFacts:
    """What is known of a run besides its report.

    Args:
        command: a command line that does the same, without folders: they are often named after patients.
        seconds: from reading the scan to its result; None where it is not known.
        device: where it was computed.
    """

    command: str = ""
    seconds: float | None = None
    device: str = "cpu"

    @classmethod
    def since(cls, start: float, command: str, device: str) -> RunFacts:
        """Return the facts of a run, with the time that it took.

        Where outputs are to be repeated to the byte (``SOURCE_DATE_EPOCH``) the time is left out: it differs each time.

        Args:
            start: of the run, on the clock ``time.perf_counter``.
            command: command line of the run.
            device: where it computed.
        """
        seconds = None if "SOURCE_DATE_EPOCH" in os.environ else time.perf_counter() - start
        return cls(command, seconds, device)

    @property
    def runtime(self) -> str:
        """The time in words; empty where it is not known.

        Example:
            >>> RunFacts(seconds=83.2).runtime
            '1 min 23 s on cpu'
        """
        if self.seconds is None:
            return ""
        minutes, seconds = divmod(round(self.seconds), 60)
        return f"{minutes} min {seconds} s on {self.device}" if minutes else f"{self.seconds:.1f} s on {self.device}"


def page_of(
    scan: Volume,
    out: Volume,
    std: NDArray[np.float32],
    report: Report,
    *,
    network_weight: NDArray[np.float32] | None = None,
    relative_error: NDArray[np.float32] | None = None,
    run: RunFacts | None = None,
) -> str:
    """One scan's page: input and result, what the result leaves of the data, how sure it is, and what was done.

    It names the scan by its file name; of a DICOM series, by a hash. No other attribute of the patient is on it.

    Args:
        scan: what was measured.
        out: what was made of it.
        std: ``(X, Y, Z)`` standard deviation of ``out``.
        report: of the restoration, ``Restored.details``.
        network_weight: ``(X, Y, Z)``, ``Restored.network_weight``; shown as a map where it is given.
        relative_error: ``(X, Y, Z)``, ``Restored.relative_error``; likewise.
        run: command line and time.

    Returns:
        HTML that works from the file system, with its images inside: at most about 10 MB, whatever the scan's size. It
        shows the patient's head: it is as private as the scan.
    """
    maps = maps_of(scan, out, std, report, network_weight, relative_error)
    viewer = viewer_data({"input": scan}, out, maps)
    curves = [one.curve for one in report.passes if one.curve]
    spacings = [volume.grid.spacing.tolist() for volume in (scan, out)]
    return render(
        "scan.html",
        title=getattr(scan.source, "name", None) or "scan",
        viewer=viewer,
        maps=maps,
        report=report,
        run=run or RunFacts(),
        text=methods_text(report, *spacings),
        curve=_curve(curves[0]) if curves else None,
        shapes=(scan.grid.shape, out.grid.shape),
        spacings=[" x ".join(f"{v:.3g}" for v in spacing) for spacing in spacings],
        unusual=_unusual(report),
        quality=quality_rows(report.risk, report.quality),
        volumes=volume_rows(report.quality),
        limit=LIMIT,
    )


def _unusual(report: Report) -> dict[str, float]:
    """Scores of a head beside those of unseen heads, by what they compare; empty where no head was compared."""
    found = report.cohort and report.cohort.unusual
    return {COMPARED[name]: value for name, value in found.as_dict().items()} if found else {}


def index_of(
    rows: Sequence[Mapping[str, Any]],
    links: Mapping[str, str],
    warnings: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """Build a cohort's page: one line per scan, sortable by every column.

    Args:
        rows: of :func:`monai_strainer.pipelines.batch.run_jobs`.
        links: a scan's page by its name, relative to this one.
        warnings: of its report, by the scan's name; they stand below its message.
    """
    columns = list(rows[0]) if rows else []
    return render("index.html", columns=columns, rows=rows, links=links, warnings=warnings or {})


def render(name: str, **values: Any) -> str:
    """Fill a template.

    Args:
        name: file in the folder ``templates``.
        values: of its variables; text is escaped.

    Returns:
        HTML.
    """
    from jinja2 import Environment, FileSystemLoader

    engine = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return engine.get_template(name).render(**values)


def _curve(points: Sequence[Sequence[float]], width: float = 320, height: float = 120) -> str:
    """Return the path of an SVG line through (step, held-out error)."""
    x, y = np.asarray(points, dtype=np.float64).T
    y = np.log10(np.maximum(y, 1e-12))
    u = (x - x.min()) / max(float(np.ptp(x)), 1e-9) * width
    v = height - (y - y.min()) / max(float(np.ptp(y)), 1e-9) * height
    return "M" + " L".join(f"{a:.1f},{b:.1f}" for a, b in zip(u, v))
