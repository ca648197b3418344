# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The commands that restore: one scan, many, or a BIDS dataset."""

from __future__ import annotations

import os
import sys
from typing import Any

from ..errors import InputError
from .learn import bar_of, device_of, pretrain

Options = Any  # an argparse.Namespace; only the command line knows argparse

__all__ = ["bids", "refuse_shut", "require_target", "restore"]


def _options(args: Options) -> Any:
    """Return the options of a restoration as the command line gives them."""
    from ..pipelines.restore_file import FileOptions
    from ..restoring.options import changed, declared

    return FileOptions(
        scale=tuple(args.scale or [2.0]),
        spacing=tuple(args.spacing) if args.spacing else None,
        restore=changed(None, {"seed": args.seed, **{name: getattr(args, name) for name in declared()}}),
        series_uid=args.series_uid,
        volume=args.volume,
        form=args.form,
    )


def restore(args: Options) -> int:
    """Restore one scan, or every scan of a folder or a manifest."""
    from ..io import holds_images
    from ..pipelines.jobs import find_jobs
    from ..pipelines.restore_file import Outputs, restore_file
    from ..priors.store import load_prior

    is_many = (args.input.is_dir() and holds_images(args.input)) or args.input.suffix.lower() == ".tsv"
    if is_many and args.parametric_map:
        raise InputError("a Parametric Map is of one DICOM series", "restore series one by one, or leave it out")
    if is_many:
        jobs, passed = find_jobs(args.input, args.output, args.std)
        if args.dry_run:
            return _print_plans([(job.name, job.source) for job in jobs], _options(args), args.prior)
        return _run(jobs, passed, _options(args), args, args.prior)
    if args.shard:
        raise InputError("one scan cannot be split into shards", "pass a folder or a manifest with --shard")
    if args.dry_run:
        return _print_plans([(args.input.name, args.input)], _options(args), args.prior)
    options, prior, device = _options(args), load_prior(args.prior), device_of(args.device)
    target = args.output  # refused before anything is computed
    require_target(target, args.input, args.overwrite)
    bar, move = bar_of(args, "restoring" if args.input.is_dir() else args.input.name, "slice")
    with bar:
        report = restore_file(
            args.input,
            target,
            prior,
            options,
            Outputs(args.std, args.report, args.overwrite, parametric_map=args.parametric_map),
            device=device,
            progress=move,
        )
    print(f"{target.name}: {report['task']}, noise {100 * report['noise']['relative']:.1f} %")
    for warning in report["warnings"]:
        print(f"  note: {warning}", file=sys.stderr)
    return 0


def require_target(target: Any, source: Any, overwrite: bool) -> None:
    """Refuse, before anything is computed, an output of the wrong kind, one in a shut folder, or one that exists."""
    from ..io import is_dicom, is_image
    from ..storage.atomic import clear, is_there

    if (target.is_dir() if is_image(target) else target.is_file()) or not (is_image(target) or is_dicom(source)):
        raise InputError("the output is no NIfTI file name", "let it end in .nii or .nii.gz", target)
    clear(target)  # of what a killed process left
    refuse_shut(target)
    if not overwrite and is_there(target):
        raise InputError("the output exists already", "pass --overwrite or choose another name", target)


def refuse_shut(target: Any) -> None:
    """Refuse, before anything is computed, an output in a folder that cannot be made or written to."""
    home = next(folder for folder in target.absolute().parents if folder.exists())
    if not home.is_dir() or not os.access(home, os.W_OK):
        raise InputError("the output cannot be written into this", "choose a folder that can be written to", home)


def _print_plans(scans: list[tuple[str, Any]], options: Any, bundle: Any) -> int:
    """Print what would be done with every scan; 3 where none can be restored, 8 where some cannot."""
    from ..pipelines.restore_file import plan_file
    from ..priors.store import load_prior

    prior, failed = load_prior(bundle), 0
    for name, source in scans:
        try:
            lines = str(plan_file(source, prior, options)).splitlines()
        except (InputError, OSError) as error:
            failed += 1
            lines = [f"cannot be restored: {error}"]
        print("\n".join([f"{name}:", *(f"  {line}" for line in lines)]))
    return 0 if failed == 0 else 3 if failed == len(scans) else 8


def _run(jobs: Any, passed: Any, options: Any, args: Options, bundle: Any) -> int:
    """Restore many scans; 8 where some are not done, and 3 where all failed."""
    from dataclasses import replace

    from ..pipelines.batch import run_jobs, shard_of
    from ..pipelines.restore_file import Outputs, restore_file
    from ..priors.store import load_prior

    prior, device, output = load_prior(bundle), device_of(args.device), args.output
    part, others = shard_of(jobs, args.shard), shard_of(passed, args.shard)
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
            Outputs(args.std, True, overwrite, extra, job.sidecar, [*job.findings, *_foreign(job, prior)]),
            device=device,
        )

    def inform(line: str) -> None:
        lines.append(line)
        bar.write(line)
        move(len(lines), len(part))

    ending = f"-{args.shard.replace('/', '-of-')}" if args.shard else ""
    configuration = {**options.configuration(prior), "std": args.std}
    summary = output / f"summary{ending}.tsv"
    with bar:
        move(0, len(part))
        rows = run_jobs(part, one, configuration, summary, overwrite=args.overwrite, passed=others, inform=inform)
    _record_run(rows, part, configuration, summary, output / f"index{ending}.html")
    print(f"{_last_line(rows)}; see {summary.name}")
    failed, open_ = (sum(row["status"] == word for row in rows) for word in ("failed", "in work"))
    return 0 if failed == open_ == 0 else 3 if failed == len(part) else 8


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


def bids(args: Options) -> int:
    """Run the BIDS App: restore participants, or learn from the group."""
    import torch

    from ..io import refuse_inside
    from ..pipelines.bids import Size, Wanted, describe, find_jobs, read_filters
    from ..pipelines.pretrain_prior import LEARNING
    from ..priors.store import RULES

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
    if args.analysis_level == "participant" and args.dry_run:
        return _print_plans([(job.name, job.source) for job in jobs], options, args.prior)
    if args.analysis_level == "participant":
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
    from ..pipelines.batch import COLUMNS, passed_rows, record_of, row_of, write_summary

    rows = []
    for job in jobs:
        row: dict[str, Any] = dict.fromkeys(COLUMNS, "") | {"scan": job.name, "status": "missing"}
        try:
            row |= row_of(record_of(job)) if job.record.exists() else {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            row |= {"status": "failed", "message": "its record cannot be read; restore it again"}
        rows.append(row)
    write_summary([*rows, *passed_rows(passed)], output / "summary-cohort.tsv")
