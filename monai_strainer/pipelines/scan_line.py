# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Declare the line of JSON that a run prints for each scan; ``docs/schema/scan_line.json`` is generated from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..restoring.records import Record, entry
from .jobs import Job

__all__ = ["ScanLine", "scan_line"]


@dataclass(frozen=True, kw_only=True)
class ScanLine(Record):
    """What became of one scan."""

    format: Literal[1] = entry("1: the schema of these entries, `docs/schema/scan_line.json`")
    input: str = entry("name of the scan, as in the table of the run")
    output: str = entry("file or folder of the result, relative to the output folder")
    status: Literal["done", "skipped", "failed", "in work", "passed over", "planned"] = entry(
        "what became of it; `skipped` is done before, `planned` belongs to `--dry-run`"
    )
    message: str = entry("why it is not done, or the plan; empty where there is nothing to say")
    seconds: float | None = entry("that it took", "s", missing="left out")
    task: str | None = entry('"denoising" or "super-resolution"', missing="left out")
    method: str | None = entry("method that was used", missing="left out")
    prior: str | None = entry("prior that was used", missing="left out")
    volumes: int | None = entry("volumes of a 4-D file; the numbers are those of the first", missing="left out")
    noise_sigma: float | None = entry("noise standard deviation", "scan units", missing="left out")
    noise_relative: float | None = entry("the same over the intensity scale", "relative", missing="left out")
    rmse: float | None = entry("estimated root mean square error, of denoising", "scan units", missing="left out")
    rmse_of_input: float | None = entry("that of the input", "scan units", missing="left out")
    median_std: float | None = entry("median standard deviation of the result", "scan units", missing="left out")
    unusual: float | None = entry(
        "how unlike the cohort the head is; above 4 is out of distribution",
        "robust standard deviations",
        missing="left out",
    )
    warnings: tuple[str, ...] | None = entry("what to check before use, in words", missing="left out")


def scan_line(
    job: Job, folder: Path, row: Mapping[str, Any], report: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the line of one scan.

    Args:
        job: of the scan.
        folder: of the outputs.
        row: of the table, see :func:`monai_strainer.pipelines.batch.run_jobs`.
        report: of the restoration; None where there is none.

    Example:
        >>> job = Job("a.nii", Path("in/a.nii"), Path("out/a.nii"))
        >>> scan_line(job, Path("out"), {"status": "failed", "message": "It is dark. Make light."})["output"]
        'a.nii'
    """
    found: dict[str, Any] = {}
    if report is not None:
        risk, unusual = report.get("risk") or {}, report.get("cohort", {}).get("unusual", {})
        found = {
            "task": report.get("task"),
            "method": report.get("method"),
            "prior": report.get("choice", {}).get("prior"),
            "volumes": len(report["volumes"]) if "volumes" in report else None,
            "noise_sigma": report.get("noise", {}).get("sigma"),
            "noise_relative": report.get("noise", {}).get("relative"),
            "rmse": risk.get("rmse"),
            "rmse_of_input": risk.get("rmse_of_input"),
            "median_std": report.get("median_std"),
            "unusual": max(unusual.values()) if unusual else None,
            "warnings": tuple(report.get("warnings", ())),
        }
    own: dict[str, Any] = {
        "input": job.name,
        "output": job.target.relative_to(folder).as_posix(),
        "seconds": row.get("seconds"),
    }
    return ScanLine(format=1, status=row["status"], message=str(row.get("message", "")), **own, **found).as_dict()
