# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""List the scans of a folder or a manifest, what is to be made of each, and the share of one worker."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..errors import InputError
from ..io import SERIES, Passed, is_image, refuse_inside, survey
from ..storage.atomic import stem

__all__ = ["Job", "find_jobs", "jobs_of", "shard_of"]

Item = TypeVar("Item")


@dataclass(frozen=True)
class Job:
    """One scan to restore.

    Args:
        name: in the table; never more than the manifest or the file name says.
        source: file or DICOM folder.
        target: NIfTI file or DICOM folder to make.
        sidecar: what the JSON file beside the image says besides the record.
        findings: what is wrong with the files beside the source, in sentences.
        volumes: that the source holds, where that is known.
    """

    name: str
    source: Path
    target: Path
    sidecar: Mapping[str, Any] | None = None
    findings: tuple[str, ...] = ()
    volumes: int = 1

    @property
    def record(self) -> Path:
        """The JSON file that commits the job."""
        if is_image(self.target):
            return self.target.with_name(f"{stem(self.target)}.json")
        return self.target / f"{SERIES}.json"

    @property
    def mark(self) -> Path:
        """A hidden file that stands while the job is under way: what it left may be replaced."""
        return self.target.with_name(f".{stem(self.target)}.started")


def jobs_of(source: Path, output: Path) -> list[Job]:
    """Find the scans of a folder, or of a manifest: the first half of :func:`find_jobs`."""
    return find_jobs(source, output)[0]


def find_jobs(source: Path, output: Path, with_std: bool = False) -> tuple[list[Job], list[Passed]]:
    """Find the scans of a folder, or of a manifest, and what is passed over with the reason.

    A manifest is a table with the columns ``input`` and, if wanted, ``output``. Its paths are relative to it; outputs
    are relative to the output folder.

    Args:
        source: folder or manifest.
        output: folder to write to.
        with_std: standard deviations are written as well, so that ``x_std`` is no name for another scan's output.

    Raises:
        InputError: no scan, a table without the column, two scans with one output, or outputs among the inputs.
    """
    if not source.is_dir():
        return _manifest(source, output)
    refuse_inside(output, source)
    scans, passed = survey(source)
    jobs: list[Job] = []
    taken: dict[Path, str] = {}
    for path in scans:
        inner = path.relative_to(source)
        job = Job(str(inner), path, output / inner)
        deviation = job.target.with_name(f"{stem(job.target)}_std")
        names = [job.target.with_name(stem(job.target)), *([deviation] if with_std else [])]
        if others := [taken[name] for name in names if name in taken]:
            reason = (
                f"its output would have the name of an output of {Path(others[0]).name}; name another in a manifest"
            )
            passed.append(Passed(str(inner), reason))
            continue
        taken |= dict.fromkeys(names, str(inner))
        jobs.append(job)
    return jobs, passed


def _manifest(source: Path, output: Path) -> tuple[list[Job], list[Passed]]:
    """Read the scans of a table; a line that names none is passed over."""
    try:
        text = source.read_text(encoding="utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text), delimiter="\t"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError("the manifest cannot be read", "pass tab-separated values in UTF-8", source) from error
    if not rows or "input" not in rows[0] or not any(row["input"] for row in rows):
        raise InputError("the manifest has no column 'input', or no rows", "give one scan per row", source)
    jobs: list[Job] = []
    passed: list[Passed] = []
    for number, row in enumerate(rows, 2):
        if not row["input"] or None in row:
            what = "has more fields than the first line" if None in row else "names no input"
            passed.append(Passed(f"{source.name}, row {number}", f"the row {what}"))
            continue
        path = source.parent / row["input"]
        name = row.get("output") or (path.name if not path.is_dir() else f"{path.name}_strainer")
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise InputError("an output lies outside the output folder", "give relative names in it", source)
        jobs.append(Job(row["input"], path, output / name))
    if len({job.record for job in jobs}) < len(jobs):
        raise InputError("two scans have one output", "give the column 'output'", source)
    return sorted(jobs, key=lambda job: job.name), passed


def shard_of(jobs: Sequence[Item], shard: str | None) -> list[Item]:
    """Every n-th job from the k-th on, for ``"k/n"``; all without a shard.

    Raises:
        InputError: not two numbers with ``1 <= k <= n``.

    Example:
        >>> jobs = [Job(name, Path(name), Path("out") / name) for name in "abcde"]
        >>> " ".join(job.name for job in shard_of(jobs, "2/3"))
        'b e'
    """
    if shard is None:
        return list(jobs)
    k, _, n = shard.partition("/")
    if not (k.isdigit() and n.isdigit() and 1 <= int(k) <= int(n)):
        raise InputError(f"a shard of {shard!r} is not k/n", "give 1/4, 2/4, 3/4 and 4/4 to four workers")
    return list(jobs[int(k) - 1 :: int(n)])
