# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Many scans, one after another: shards for clusters, commits that survive a crash, and a table of what became of each.

The JSON record beside an image is written last and is the commit mark: a scan whose record names the same input, the
same configuration and the files that are there is done, and a rerun passes it over. A failed scan does not stop the
others. Shards share nothing: every process takes each n-th line of the same sorted list.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import InputError
from .io import SERIES, find_scans, is_nifti, is_there, refuse_inside, sha256
from .io.atomic import stem
from .table import write_csv

__all__ = [
    "COLUMNS",
    "Job",
    "digest_of",
    "is_committed",
    "jobs_of",
    "row_of",
    "run_jobs",
    "share_of",
    "told_of",
    "write_summary",
]

COLUMNS = ("scan", "status", "seconds", "task", "noise_percent", "median_std", "unusual", "warnings", "message")


@dataclass(frozen=True)
class Job:
    """One scan to restore.

    Args:
        name: in the table; never more than the manifest or the file name says.
        source: file or DICOM folder.
        target: NIfTI file or DICOM folder to make.
        sidecar: what the JSON file beside the image says besides the record.
    """

    name: str
    source: Path
    target: Path
    sidecar: Mapping[str, Any] | None = None

    @property
    def record(self) -> Path:
        """The JSON file that commits the job."""
        if is_nifti(self.target):
            return self.target.with_name(f"{stem(self.target)}.json")
        return self.target / f"{SERIES}.json"

    @property
    def mark(self) -> Path:
        """A hidden file that stands while the job is under way: what it left may be replaced."""
        return self.target.with_name(f".{stem(self.target)}.started")


def jobs_of(source: Path, output: Path) -> list[Job]:
    """The scans of a folder, or of a manifest: a table with the columns ``input`` and, if wanted, ``output``.

    Paths in a manifest are relative to it; outputs are relative to the output folder.

    Raises:
        InputError: no scan, a table without the column, two scans with one output, or outputs among the inputs.
    """
    if source.is_dir():
        refuse_inside(output, source)
        found = [(path.relative_to(source), path) for path in find_scans(source)]
        return [Job(str(inner), path, output / inner) for inner, path in found]
    try:
        rows = list(csv.DictReader(io.StringIO(source.read_text(encoding="utf-8-sig")), delimiter="\t"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError("the manifest cannot be read", "pass a table of tab-separated values", source) from error
    if not rows or not rows[0].get("input"):
        raise InputError("the manifest has no column 'input', or no rows", "give one scan per row", source)
    jobs = []
    for row in rows:
        path = source.parent / str(row["input"])
        name = row.get("output") or (path.name if not path.is_dir() else f"{path.name}_strainer")
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise InputError("an output lies outside the output folder", "give relative names in it", source)
        jobs.append(Job(str(row["input"]), path, output / name))
    if len({job.target for job in jobs}) < len(jobs):
        raise InputError("two scans have one output", "give the column 'output'", source)
    return sorted(jobs, key=lambda job: job.name)


def share_of(jobs: Sequence[Job], shard: str | None) -> list[Job]:
    """Every n-th job from the k-th on, for ``"k/n"``; all without a shard.

    Raises:
        InputError: not two numbers with ``1 <= k <= n``.

    Example:
        >>> jobs = [Job(name, Path(name), Path("out") / name) for name in "abcde"]
        >>> " ".join(job.name for job in share_of(jobs, "2/3"))
        'b e'
    """
    if shard is None:
        return list(jobs)
    k, _, n = shard.partition("/")
    if not (k.isdigit() and n.isdigit() and 1 <= int(k) <= int(n)):
        raise InputError(f"a shard of {shard!r} is not k/n", "give 1/4, 2/4, 3/4 and 4/4 to four workers")
    return list(jobs[int(k) - 1 :: int(n)])


def digest_of(source: Path) -> str:
    """The SHA-256 of a file, or over all files of a folder."""
    if not source.is_dir():
        return sha256(source)
    digest = hashlib.sha256()
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        digest.update(sha256(file).encode())
    return digest.hexdigest()


def told_of(job: Job) -> dict[str, Any]:
    """The record of a job; in a BIDS sidecar it stands under a key of its own.

    Raises:
        OSError, ValueError: there is none, or it is not JSON.
    """
    told: dict[str, Any] = json.loads(job.record.read_text(encoding="utf-8"))
    return dict(told.get("Strainer", told))


def is_committed(job: Job, configuration: Mapping[str, Any]) -> bool:
    """Whether the record of a job vouches for what is there, made from this input with this configuration."""
    try:
        told = told_of(job)
        if told["configuration"] != json.loads(json.dumps(configuration)):
            return False
        if told["source_sha256"] != digest_of(job.source):
            return False
        home = job.record.parent
        return all(sha256(home / name) == digest for name, digest in told["outputs"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def run_jobs(
    jobs: Sequence[Job],
    restore_one: Callable[[Job, dict[str, Any], bool], Mapping[str, Any]],
    configuration: Mapping[str, Any],
    summary: Path,
    *,
    overwrite: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> list[dict[str, Any]]:
    """Restore scans one after another.

    Args:
        jobs: of this shard.
        restore_one: restores and writes a job, adding what it is given to the record; told whether it may replace
            what is there. It returns the report.
        configuration: the options as resolved: with other ones, a scan is not done.
        summary: table to write at the end.
        overwrite: replace results of other inputs or configurations.
        tell: is called with a line per scan.

    Returns:
        a row per scan with the keys ``COLUMNS``; ``status`` is done, skipped or failed.
    """
    rows = []
    for job in jobs:
        start = time.perf_counter()
        row: dict[str, Any] = dict.fromkeys(COLUMNS, "") | {"scan": job.name}
        try:
            if is_committed(job, configuration):
                row |= {"status": "skipped", "message": "done before"}
            else:
                was_begun = job.mark.exists()
                job.mark.parent.mkdir(parents=True, exist_ok=True)
                extra = {"configuration": dict(configuration), "source_sha256": digest_of(job.source)}
                if not was_begun and not overwrite and (job.record.exists() or is_there(job.target)):
                    raise InputError(
                        "the output exists already", "pass --overwrite, or choose another folder", job.target
                    )
                job.mark.touch()
                row |= row_of(restore_one(job, extra, overwrite or was_begun))
                job.mark.unlink(missing_ok=True)
        except (InputError, OSError, RuntimeError, MemoryError) as error:
            # only our own words are repeated: others may quote what names a patient
            message = " ".join(str(error).split()) if isinstance(error, InputError) else type(error).__name__
            row |= {"status": "failed", "message": message}
            if not isinstance(error, OSError):
                job.mark.unlink(missing_ok=True)
        row["seconds"] = round(time.perf_counter() - start, 1)
        rows.append(row)
        tell(f"{row['scan']}: {row['status']}{': ' + str(row['message']) if row['status'] == 'failed' else ''}")
    write_summary(rows, summary)
    return rows


def write_summary(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write the table of what became of each scan, whole or not at all."""
    write_csv(rows, path, COLUMNS, delimiter="\t", lineterminator="\n")


def row_of(report: Mapping[str, Any]) -> dict[str, Any]:
    """What the table says of a report."""
    unusual = report.get("cohort", {}).get("unusual", {})
    return {
        "status": "done",
        "task": report.get("task", ""),
        "noise_percent": f"{100 * report['noise']['relative']:.2f}",
        "median_std": f"{report['median_std']:.4g}",
        "unusual": f"{max(unusual.values()):.1f}" if unusual else "",
        "warnings": len(report.get("warnings", ())),
    }
