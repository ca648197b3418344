# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The commands that restore: one scan, many, or a BIDS dataset."""

from __future__ import annotations

import os
import sys
from typing import Any

from .commands import LEARNING, bar_of, device_of, pretrain
from .errors import InputError

Options = Any  # an argparse.Namespace; only cli.py knows argparse

__all__ = ["bids", "restore"]


def _options(args: Options) -> Any:
    """The options of a restoration as the command line gives them."""
    from .files import Options as Chosen

    try:
        sigma = None if args.sigma == "auto" else float(args.sigma)
    except ValueError as error:
        raise InputError(f"a sigma of {args.sigma!r} is not a number", "give a number, or auto") from error
    return Chosen(
        scale=tuple(args.scale or [2.0]),
        spacing=tuple(args.spacing) if args.spacing else None,
        sigma=sigma,
        gaussian=args.gaussian,
        profile=args.profile,
        thickness=args.thickness,
        method=args.method,
        steps=args.steps,
        adapt=args.adapt,
        seed=args.seed,
        series_uid=args.series_uid,
        volume=args.volume,
        form=args.form,
    )


def restore(args: Options) -> int:
    """Restore one scan, or every scan of a folder or a manifest."""
    from .files import restore_file
    from .io import clear, holds_nifti, is_dicom, is_nifti, is_there
    from .jobs import find_jobs
    from .prior import load_prior

    is_many = (args.input.is_dir() and holds_nifti(args.input)) or args.input.suffix.lower() == ".tsv"
    if is_many:
        jobs, passed = find_jobs(args.input, args.output, args.std)
        return _run(jobs, passed, _options(args), args, args.prior)
    if args.shard:
        raise InputError("one scan cannot be shared out", "pass a folder or a manifest with --shard")
    options, prior, device = _options(args), load_prior(args.prior), device_of(args.device)
    target = args.output  # refused before anything is computed
    if (target.is_dir() if is_nifti(target) else target.is_file()) or not (is_nifti(target) or is_dicom(args.input)):
        raise InputError("the output is no NIfTI file name", "let it end in .nii or .nii.gz", target)
    clear(target)  # of what a killed process left
    _refuse_shut(target)
    if not args.overwrite and is_there(target):
        raise InputError("the output exists already", "pass --overwrite or choose another name", target)
    bar, move = bar_of(args, "restoring" if args.input.is_dir() else args.input.name, "slice")
    with bar:
        report = restore_file(
            args.input,
            target,
            prior,
            options,
            device=device,
            with_std=args.std,
            with_report=args.report,
            overwrite=args.overwrite,
            progress=move,
        )
    print(f"{target.name}: {report['task']}, noise {100 * report['noise']['relative']:.1f} %")
    for doubt in report["warnings"]:
        print(f"  note: {doubt}", file=sys.stderr)
    return 0


def _refuse_shut(target: Any) -> None:
    """Refuse, before anything is computed, an output in a folder that cannot be made or written to."""
    home = next(folder for folder in target.absolute().parents if folder.exists())
    if not home.is_dir() or not os.access(home, os.W_OK):
        raise InputError("the output cannot be written into this", "choose a folder that can be written to", home)


def _run(jobs: Any, passed: Any, options: Any, args: Options, bundle: Any) -> int:
    """Restore many scans; 8 where some are not done, and 3 where all failed."""
    from dataclasses import replace

    from .batch import run_jobs, share_of
    from .files import restore_file
    from .prior import load_prior

    prior, device, output = load_prior(bundle), device_of(args.device), args.output
    part, others = share_of(jobs, args.shard), share_of(passed, args.shard)
    bar, move = bar_of(args, "scans", "scan")
    lines: list[str] = []

    def one(job: Any, extra: dict[str, Any], overwrite: bool) -> dict[str, Any]:
        # in a dataset, the volume that is meant concerns the images that hold several
        own = replace(options, volume=None) if args.command == "bids" and job.volumes == 1 else options
        return restore_file(
            job.source,
            job.target,
            prior,
            own,
            device=device,
            with_std=args.std,
            with_report=True,
            overwrite=overwrite,
            extra=extra,
            sidecar=job.sidecar,
            findings=[*job.findings, *_foreign(job, prior)],
        )

    def tell(line: str) -> None:
        lines.append(line)
        bar.write(line)
        move(len(lines), len(part))

    ending = f"-{args.shard.replace('/', '-of-')}" if args.shard else ""
    configuration = {**options.configuration(prior), "std": args.std}
    summary = output / f"summary{ending}.tsv"
    with bar:
        move(0, len(part))
        rows = run_jobs(part, one, configuration, summary, overwrite=args.overwrite, passed=others, tell=tell)
    _record_run(rows, part, configuration, summary, output / f"index{ending}.html")
    print(f"{_last_line(rows)}; see {summary.name}")
    failed, open_ = (sum(row["status"] == word for row in rows) for word in ("failed", "in work"))
    return 0 if failed == open_ == 0 else 3 if failed == len(part) else 8


def _foreign(job: Any, prior: Any) -> list[str]:
    """A warning where the prior was learned from another contrast than the image has."""
    from .bids_names import name_of

    name, learned = name_of(job.source.name), prior.record.get("contrast")
    if name is None or learned is None or name.suffix.lower() == str(learned).lower():
        return []
    return [f"the prior was learned from {learned} images, this is a {name.suffix} image"]


def _record_run(rows: Any, jobs: Any, configuration: Any, summary: Any, index: Any) -> None:
    """Write the page of a run, and beside its table the record: options, counts, and what was passed over and why."""
    from collections import Counter

    from .io import atomic, record, write_json
    from .io.atomic import stem
    from .report import index_of

    pages = {job.name: job.record.with_name(f"{stem(job.record)}.html") for job in jobs}
    links = {key: page.relative_to(index.parent).as_posix() for key, page in pages.items() if page.exists()}
    with atomic(index) as temporary:
        temporary.write_text(index_of(rows, links), encoding="utf-8")
    told = {
        "found": len(rows),
        "counts": Counter(row["status"] for row in rows),
        "passed_over": {row["scan"]: row["message"] for row in rows if row["status"] == "passed over"},
    }
    write_json(summary.with_name(f"{summary.name}.json"), record(told, configuration=configuration))


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


def bids(args: Options) -> int:
    """The BIDS App: restore participants, or learn from the group."""
    import torch

    from .bids import Size, Wanted, describe, find_jobs, read_filters
    from .io import refuse_inside
    from .prior import RULES

    refuse_inside(args.output, args.input)
    args.series_uid, learned = None, args.output / "prior"
    if args.nprocs:
        torch.set_num_threads(max(1, args.nprocs))
    options = _options(args)
    filters = None if args.bids_filter_file is None else read_filters(args.bids_filter_file)
    wanted = Wanted(args.participant_label, args.session_label, filters, args.contrast)
    jobs, passed = find_jobs(args.input, args.output, Size(options.scale, options.spacing, options.form), wanted)
    for finding in describe(args.output, args.input):
        print(f"  note: {finding}", file=sys.stderr)
    if args.level == "participant":
        own = learned if args.prior is None and (learned / RULES).exists() else args.prior
        return _run(jobs, passed, options, args, own)
    was_killed = (learned / LEARNING).exists()
    if (learned / RULES).exists() and not (args.overwrite or args.resume or was_killed):
        print("there is a prior already; --overwrite learns it anew")
    else:
        args.output = learned
        pretrain(args, [job.source for job in jobs], passed)
    _table_cohort(jobs, passed, learned.parent)
    return 0


def _table_cohort(jobs: Any, passed: Any, output: Any) -> None:
    """One line per scan of the dataset, from the records of what was restored."""
    from .batch import COLUMNS, passed_rows, row_of, told_of, write_summary

    rows = []
    for job in jobs:
        row: dict[str, Any] = dict.fromkeys(COLUMNS, "") | {"scan": job.name, "status": "missing"}
        try:
            row |= row_of(told_of(job)) if job.record.exists() else {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            row |= {"status": "failed", "message": "its record cannot be read; restore it again"}
        rows.append(row)
    write_summary([*rows, *passed_rows(passed)], output / "summary-cohort.tsv")
