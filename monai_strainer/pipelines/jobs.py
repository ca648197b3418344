# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""List the scans of a folder or a manifest, what is to be made of each, and the part of one worker."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import Any, TypeVar

from ..errors import InputError
from ..io import SERIES, Passed, holds_images, is_image, refuse_inside, survey
from ..storage.atomic import stem

__all__ = ["Job", "find_jobs", "jobs_among", "matched", "shard_of"]

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


def find_jobs(source: Path, output: Path, endings: Sequence[str] = ()) -> tuple[list[Job], list[Passed]]:
    """Find the scans of a folder, or of a manifest, and what is passed over with the reason.

    A manifest is a table with the columns ``input`` and, if wanted, ``output``. Its paths are relative to it; outputs
    are relative to the output folder.

    Args:
        source: folder or manifest.
        output: folder to write to.
        endings: of the maps that are written as well, so that ``x_std`` is no name for another scan's output.

    Raises:
        InputError: no scan, a table without the column, two scans with one output, or outputs among the inputs.
    """
    if not source.is_dir():
        return _manifest(source, output)
    refuse_inside(output, source)
    scans, passed = survey(source)
    jobs, twice = _jobs([(path.relative_to(source), path) for path in scans], output, endings)
    return jobs, [*passed, *twice]


def jobs_among(sources: Sequence[Path], output: Path, endings: Sequence[str] = ()) -> tuple[list[Job], list[Passed]]:
    """Find the scans among several files and folders: of one session, of many people.

    Outputs keep the folders below the last folder that all inputs share.

    Args:
        sources: image files, DICOM files or folders, and folders of images.
        output: folder to write to.
        endings: see :func:`find_jobs`.

    Raises:
        InputError: a manifest among others, or outputs among the inputs.
    """
    whole = [Path(os.path.abspath(source)) for source in dict.fromkeys(sources)]
    home = Path(os.path.commonpath([path.parent for path in whole]))
    named: list[tuple[Path, Path]] = []
    passed: list[Passed] = []
    for path in whole:
        if path.suffix.lower() == ".tsv":
            raise InputError("a manifest names all scans of a run", "pass it alone, or pass the scans", path)
        inner = path.relative_to(home)
        if path.is_dir():
            refuse_inside(output, path)
        if path.is_dir() and holds_images(path):
            scans, others = survey(path)
            named += [(scan.relative_to(home), scan) for scan in scans]
            passed += [Passed((inner / name).as_posix(), reason) for name, reason in others]
        else:
            named.append((inner, path))
    jobs, twice = _jobs(dict(sorted(named)).items(), output, endings)
    return jobs, [*passed, *twice]


def _jobs(named: Iterable[tuple[Path, Path]], output: Path, endings: Sequence[str]) -> tuple[list[Job], list[Passed]]:
    """Return the jobs of scans by the names of their outputs, and the scans whose output is that of another."""
    jobs: list[Job] = []
    passed: list[Passed] = []
    taken: dict[Path, str] = {}
    for inner, path in named:
        is_series = not is_image(path)  # its output is a folder
        job = Job(str(inner), path, output / (f"{inner}_strainer" if is_series else inner))
        home, own = job.target.parent, stem(job.target)
        names = [home / own, *(home / f"{own}_{ending}" for ending in endings)]
        if others := [taken[name] for name in names if name in taken]:
            reason = (
                f"its output would have the name of an output of {Path(others[0]).name}; name another in a manifest"
            )
            passed.append(Passed(str(inner), reason))
            continue
        taken |= dict.fromkeys(names, str(inner))
        jobs.append(job)
    return jobs, passed


def matched(words: Sequence[Path]) -> list[Path]:
    """Return the paths that are meant: a pattern that no shell has expanded stands for the files that it matches.

    Args:
        words: paths, or patterns with ``*``, ``?``, ``[...]`` and, for any folders, ``**``.

    Raises:
        InputError: a pattern matches nothing.
    """
    out: list[Path] = []
    for word in words:
        if word.exists() or not has_magic(str(word)):
            out.append(word)
            continue
        found = sorted(Path(name) for name in glob(str(word), recursive=True))
        if not found:
            raise InputError(f"no file matches {word.name}", "check the pattern and the folder")
        out += found
    return out


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
    """Return the jobs of one shard: every n-th from the k-th on.

    Args:
        jobs: all of them, in an order that is the same for all workers.
        shard: ``"k/n"``; None returns all.

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
