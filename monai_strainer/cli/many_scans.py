# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Run over many scans: show progress, print lines of JSON, and write the table and the page of the run."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import InputError
from ..pipelines.device import device_of
from .messages import duration, log, result
from .progress import Progress

Options = Any  # an argparse.Namespace; only the command line knows argparse

__all__ = ["Many", "details_of", "print_plans", "restore_many"]


@dataclass(frozen=True)
class Many:
    """What a run is to do.

    Args:
        jobs: scans to restore.
        passed: what was found and is no scan.
        options: of the restorations.
        outputs: what is written beside each.
    """

    jobs: list[Any]
    passed: list[Any]
    options: Any
    outputs: Any


def print_plans(jobs: list[Any], options: Any, args: Options, passed: Sequence[tuple[str, str]] = ()) -> int:
    """Print what would be done with every scan, without restoring.

    Args:
        jobs: scans.
        options: of the restorations.
        args: of the command line.
        passed: what was found and is no scan, with the reason.

    Returns:
        exit status: 0, 8 where some scans cannot be restored, 3 where none can.
    """
    from ..pipelines.restore_file import plan_file
    from ..pipelines.scan_line import scan_line
    from ..priors.store import load_prior
    from ..storage.atomic import json_line

    prior, failed = load_prior(args.prior), 0
    folder = args.output if len(jobs) > 1 or jobs[0].target != args.output else args.output.parent
    for job in jobs:
        row = {"status": "planned"}
        try:
            row["message"] = str(plan_file(job.source, prior, _own(options, job, args)))
        except (InputError, OSError) as error:
            failed += 1
            row = {"status": "failed", "message": f"cannot be restored: {error}"}
        if args.json:
            print(json_line(scan_line(job, folder, row)), flush=True)
        lines = [*row["message"].splitlines(), *(f"note: {finding}" for finding in job.findings)]
        if row["status"] == "planned":
            lines.append(f"output: {job.target.name}")
        result("\n".join([f"{job.name}:", *(f"  {line}" for line in lines)]))
    for name, reason in passed:
        result(f"{name}: passed over: {reason}")
    return 0 if failed == 0 else 3 if failed == len(jobs) else 8


def _own(options: Any, job: Any, args: Options) -> Any:
    """Return the options of one scan: in a dataset, the volume that is meant concerns images that hold several."""
    return replace(options, volume=None) if args.command == "bids" and job.volumes == 1 else options


def restore_many(many: Many, args: Options, bundle: Any) -> int:
    """Restore many scans, one after the other.

    Args:
        many: scans, options and outputs.
        args: of the command line.
        bundle: folder of the prior; None is the one of the package.

    Returns:
        exit status: 0, 8 where some scans are not done, 3 where all failed.
    """
    from ..pipelines.batch import record_of, run_jobs, shard_of
    from ..pipelines.restore_file import restore_file
    from ..pipelines.scan_line import scan_line
    from ..priors.store import load_prior
    from ..storage.atomic import json_line

    prior, device, output = load_prior(bundle), device_of(args.device), args.output
    part, others = shard_of(many.jobs, args.shard), shard_of(many.passed, args.shard)
    bar = Progress("scans", "scan", args.quiet, lines=False)  # the pace says more
    pace = _Pace(len(part))
    last: dict[str, Mapping[str, Any]] = {}  # the report of the scan at hand

    def one(job: Any, extra: dict[str, Any], overwrite: bool) -> Mapping[str, Any]:
        findings = [*job.findings, *_foreign(job, prior)]
        own = replace(
            many.outputs, report=True, overwrite=overwrite, extra=extra, sidecar=job.sidecar, findings=findings
        )
        log.debug("%s: begins", job.name)
        last.clear()
        last[job.name] = restore_file(job.source, job.target, prior, _own(many.options, job, args), own, device=device)
        details_of(last[job.name])
        return last[job.name]

    def inform(job: Any, row: Mapping[str, Any]) -> None:
        if args.json:
            known = row["status"] == "skipped" and job.record.exists()
            report = last.get(job.name) if row["status"] == "done" else record_of(job) if known else None
            print(json_line(scan_line(job, output, row, report)), flush=True)
        result(f"{row['scan']}: {row['status']}{': ' + str(row['message']) if row['message'] else ''}")
        pace.add(row)
        bar.move(pace.done, len(part))

    ending = f"-{args.shard.replace('/', '-of-')}" if args.shard else ""
    configuration = {**many.options.configuration(prior), **many.outputs.configuration()}
    summary = output / f"summary{ending}.tsv"
    log.info("%d scans to restore", len(part))
    with bar:
        rows = run_jobs(part, one, configuration, summary, overwrite=args.overwrite, passed=others, inform=inform)
    _record_run(rows, part, configuration, summary, output / f"index{ending}.html")
    result(f"{_last_line(rows)}; see {summary.name}")
    failed, open_ = (sum(row["status"] == word for row in rows) for word in ("failed", "in work"))
    return 0 if failed == open_ == 0 else 3 if failed == len(part) else 8


class _Pace:
    """How long the scans that are left take, by those that are done; what was done before takes no time."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.made, self.seconds = total, 0, 0, 0.0
        self.began = time.monotonic()

    def add(self, row: Mapping[str, Any]) -> None:
        """Count a scan, and say how many are left and for how long."""
        self.done += 1
        if row["status"] == "done":
            self.made += 1
            self.seconds += float(row["seconds"])
        left = self.total - self.done
        if self.made and left:
            about = duration(left * self.seconds / self.made)
            log.info("%d of %d scans done, %d left, about %s", self.done, self.total, left, about)
        elif not left:
            log.info("%d scans in %s", self.total, duration(time.monotonic() - self.began))


def details_of(report: Mapping[str, Any], level: int = logging.DEBUG) -> None:
    """Say what was decided.

    Args:
        report: of a restoration.
        level: of the log, for notes; the choice of the prior is a detail.
    """
    every = report.get("volumes") or [report]
    for one in every:
        log.debug("prior: %s (%s)", one["choice"]["prior"], one["choice"]["why"])
    for note in dict.fromkeys(note for one in every for note in one["notes"]):
        log.log(level, "note: %s", note)


def _foreign(job: Any, prior: Any) -> list[str]:
    """Return a warning if the prior was learned from another contrast than that of the image, else an empty list."""
    from ..io.bids.names import name_of

    name, learned = name_of(job.source.name), prior.record.get("contrast")
    if name is None or learned is None or name.suffix.lower() == str(learned).lower():
        return []
    return [f"the prior was learned from {learned} images, this is a {name.suffix} image"]


def _record_run(rows: Any, jobs: Any, configuration: Any, summary: Any, index: Any) -> None:
    """Write the page of a run, and beside its table the record: options, counts, and what was passed over and why."""
    from collections import Counter

    from ..pipelines.batch import warnings_of
    from ..reporting.html import index_of
    from ..storage.atomic import atomic, stem, write_json
    from ..storage.provenance import record

    pages = {job.name: job.record.with_name(f"{stem(job.record)}.html") for job in jobs}
    links = {key: page.relative_to(index.parent).as_posix() for key, page in pages.items() if page.exists()}
    with atomic(index) as temporary:
        temporary.write_text(index_of(rows, links, warnings_of(jobs)), encoding="utf-8")
    content = {
        "found": len(rows),
        "counts": Counter(row["status"] for row in rows),
        "passed_over": {row["scan"]: row["message"] for row in rows if row["status"] == "passed over"},
    }
    write_json(summary.with_name(f"{summary.name}.json"), record(content, configuration=configuration))


def _last_line(rows: Any) -> str:
    """How many of what was found are done, and what is not, by name as far as that is short."""
    done = sum(row["status"] in ("done", "skipped") for row in rows)
    line = f"{done} of {len(rows)} scans are done"
    for status in ("failed", "in work", "passed over"):
        some = [row for row in rows if row["status"] == status]
        if some and status == "passed over":
            named = ", ".join(f"{row['scan']} ({row['message']})" for row in some[:3])
            line += f"; passed over: {named}" + (f" and {len(some) - 3} more" if len(some) > 3 else "")
        elif some:
            line += f", {len(some)} {status}"
    return line
