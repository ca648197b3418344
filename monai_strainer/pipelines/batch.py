# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore many scans, one after another: shards for clusters, commits that survive a crash, failures one by one.

The JSON record beside an image is written last and is the commit mark: a scan whose record names the same input, the
same configuration and the files that are there is done, and a rerun passes it over. A failed scan does not stop the
others. Shards share nothing: every process takes each n-th line of the same sorted list. Two processes on one scan do
not meet: one holds the scan's mark, the other goes on to the next.
"""

from __future__ import annotations

import hashlib
import json
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

from ..errors import InputError
from ..io import Passed, is_image
from ..storage.atomic import clear, is_there
from ..storage.marks import Busy, hold
from ..storage.provenance import sha256
from ..storage.tables import write_csv
from .jobs import Job, find_jobs, shard_of

__all__ = [
    "COLUMNS",
    "Job",
    "digest_of",
    "find_jobs",
    "is_committed",
    "passed_rows",
    "row_of",
    "run_jobs",
    "sentence_of",
    "shard_of",
    "record_of",
    "warnings_of",
    "write_summary",
]

_PACKAGE = Path(__file__).resolve().parents[1]
COLUMNS = ("scan", "status", "seconds", "task", "noise_percent", "median_std", "unusual", "warnings", "message")


def digest_of(source: Path) -> str:
    """Return the SHA-256 of a file, or over all files of a folder."""
    if not source.is_dir():
        return sha256(source)
    digest = hashlib.sha256()
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        digest.update(sha256(file).encode())
    return digest.hexdigest()


def record_of(job: Job) -> dict[str, Any]:
    """Read the record of a job; in a BIDS sidecar it stands under a key of its own.

    Raises:
        OSError, ValueError: there is none, or it is not JSON.
    """
    record: dict[str, Any] = json.loads(job.record.read_text(encoding="utf-8"))
    return dict(record.get("Strainer", record))


def warnings_of(jobs: Sequence[Job]) -> dict[str, list[str]]:
    """Return the warnings in the records of jobs, by their names; jobs without a record or a warning are left out."""
    found = {}
    for job in jobs:
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            found[job.name] = [str(warning) for warning in record_of(job)["warnings"]]
    return {name: warnings for name, warnings in found.items() if warnings}


def is_committed(job: Job, configuration: Mapping[str, Any]) -> bool:
    """Return whether the record of a job matches what is there, made from this input with this configuration.

    Args:
        job: the scan and its output.
        configuration: what decides the result, as ``FileOptions`` and ``Outputs`` give it.
    """
    try:
        record = record_of(job)
        if record["configuration"] != json.loads(json.dumps(configuration)):
            return False
        if record["source_sha256"] != digest_of(job.source):
            return False
        home = job.record.parent
        return all(sha256(home / name) == digest for name, digest in record["outputs"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def sentence_of(error: Exception) -> str:
    """Return a sentence about a failure. Only our own words are repeated: those of others may name a patient."""
    if isinstance(error, InputError):
        return " ".join(str(error).split())
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "there is not enough memory for this scan; use a smaller scale or another machine"
    if isinstance(error, FileNotFoundError):
        return "a file is not there: a link that leads nowhere, or it was removed meanwhile; get it, and run again"
    if isinstance(error, OSError):
        reason = error.strerror or type(error).__name__
        return f"a file cannot be read or written ({reason}); check space and rights, and run again"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _PACKAGE in Path(frame.filename).resolve().parents]
    where = f" in {Path(own[-1].filename).name}, line {own[-1].lineno}" if own else ""
    return f"the program met a fault of its own ({type(error).__name__}{where}); please report it"


def _one(
    job: Job,
    restore_one: Callable[[Job, dict[str, Any], bool], Mapping[str, Any]],
    configuration: Mapping[str, Any],
    overwrite: bool,
) -> dict[str, Any]:
    """Run one job and return the columns of its row; any exception but an interruption is that job's failure."""
    before = {"status": "skipped", "message": "done before"}
    try:
        if not is_image(job.target):
            clear(job.target)  # a series that a killed process had moved away counts
        if is_committed(job, configuration):
            _clear_mark(job)
            return before
        extra = {"configuration": dict(configuration), "source_sha256": digest_of(job.source)}
        with hold(job.mark) as was_begun:
            keep_mark = False
            try:
                if is_committed(job, configuration):  # by another process, meanwhile
                    return before
                if not was_begun and not overwrite and (job.record.exists() or is_there(job.target)):
                    raise InputError(
                        "the output exists already", "pass --overwrite, or choose another folder", job.target
                    )
                row = row_of(restore_one(job, extra, overwrite or was_begun))
                return row | ({"message": " ".join(job.findings)} if job.findings else {})
            except (OSError, KeyboardInterrupt, SystemExit):
                keep_mark = True  # what is half there may be replaced
                raise
            finally:
                if not keep_mark:
                    job.mark.unlink(missing_ok=True)
    except Busy:
        return {"status": "in work", "message": "another process restores it; run again when that has ended"}
    except Exception as error:  # one scan's fault, of whatever kind, is not the others'
        return {"status": "failed", "message": " ".join([sentence_of(error), *job.findings])}


def _clear_mark(job: Job) -> None:
    """Remove the mark of a process that was killed after its commit; it would let a later run replace the result."""
    if job.mark.exists():
        with suppress(Busy), hold(job.mark):
            job.mark.unlink(missing_ok=True)


def run_jobs(
    jobs: Sequence[Job],
    restore_one: Callable[[Job, dict[str, Any], bool], Mapping[str, Any]],
    configuration: Mapping[str, Any],
    summary: Path,
    *,
    overwrite: bool = False,
    passed: Sequence[Passed] = (),
    inform: Callable[[Job, Mapping[str, Any]], None] = lambda job, row: None,
) -> list[dict[str, Any]]:
    """Restore scans one after another.

    Args:
        jobs: of this shard.
        restore_one: restores and writes a job, adding what it is given to the record; gets whether it may replace
            what is there. It returns the report.
        configuration: the options as resolved: with other ones, a scan is not done.
        summary: table to write at the end.
        overwrite: replace results of other inputs or configurations.
        passed: what was found and is passed over; the table names it too.
        inform: is called with each job and its row.

    Returns:
        a row per scan with the keys ``COLUMNS``; ``status`` is done, skipped (done before), failed, in work (by another
        process) or passed over.
    """
    rows = []
    for job in jobs:
        start = time.perf_counter()
        row: dict[str, Any] = dict.fromkeys(COLUMNS, "") | {"scan": job.name}
        row |= _one(job, restore_one, configuration, overwrite)
        row["seconds"] = round(time.perf_counter() - start, 1)
        rows.append(row)
        inform(job, row)
    for job, row in zip(jobs, rows):
        if row["status"] == "in work" and is_committed(job, configuration):
            row |= {"status": "skipped", "message": "done by another process"}
    rows += passed_rows(passed)
    write_summary(rows, summary)
    return rows


def passed_rows(passed: Sequence[Passed]) -> list[dict[str, Any]]:
    """Return a row of the table for everything that was passed over."""
    return [
        dict.fromkeys(COLUMNS, "") | {"scan": name, "status": "passed over", "message": reason}
        for name, reason in passed
    ]


def write_summary(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write the table that has one row per scan: its status, and why it failed or was skipped.

    Args:
        rows: with the keys ``COLUMNS``.
        path: of the table, ending in ``.tsv``; it appears whole or not at all.
    """
    write_csv(rows, path, COLUMNS, delimiter="\t", lineterminator="\n")


def row_of(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the table says about a report; of a 4-D file, the median of its volumes."""
    unusual = report.get("cohort", {}).get("unusual", {})
    volumes = report.get("volumes") or [report]
    return {
        "status": "done",
        "task": report.get("task", ""),
        "noise_percent": f"{100 * median(one['noise']['relative'] for one in volumes):.2f}",
        "median_std": f"{median(one['median_std'] for one in volumes):.4g}",
        "unusual": f"{max(unusual.values()):.1f}" if unusual else "",
        "warnings": len(report.get("warnings", ())),
    }
