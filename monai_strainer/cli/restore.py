# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Run the commands that restore: one scan, many, or a BIDS dataset."""

from __future__ import annotations

import logging
from typing import Any

from ..errors import InputError
from ..pipelines.device import device_of
from .learn import pretrain
from .many_scans import Many, details_of, print_plans, restore_many
from .messages import log, result, warn
from .progress import bar_of
from .restore_with import restore_one_with
from .targets import require_target

Options = Any  # an argparse.Namespace; only the command line knows argparse

__all__ = ["bids", "restore"]


def _options(args: Options) -> Any:
    """Return the options of a restoration as the command line gives them."""
    from ..pipelines.file_options import FileOptions
    from ..restoring.options import changed, declared

    return FileOptions(
        scale=tuple(args.scale or [2.0]),
        spacing=tuple(args.spacing) if args.spacing else None,
        restore=changed(None, {"seed": args.seed, **{name: getattr(args, name) for name in declared()}}),
        series_uid=args.series_uid,
        volume=args.volume,
        form=args.form,
        mask=args.mask,
    )


def _outputs(args: Options) -> Any:
    """Return what is written beside a scan."""
    from ..pipelines.file_options import Outputs

    for what, path in (("mask", args.mask), ("label map", args.labels)):
        if path is not None and not path.exists():
            raise InputError(f"there is no such {what}", "check the path", path)
    return Outputs(
        args.std,
        args.report,
        args.overwrite,
        residual=args.residual,
        mask=args.write_mask,
        labels=args.labels,
        parametric_map=args.parametric_map,
        enhanced=args.enhanced,
    )


def restore(args: Options) -> int:
    """Restore one scan, or every scan of a folder, a manifest, or several files."""
    if args.load is not None:
        args.load(args.inputs)
    from ..io import holds_images, is_image
    from ..pipelines.jobs import Job, find_jobs, jobs_among, matched

    options, outputs = _options(args), _outputs(args)
    if args.guides:
        return restore_one_with(args, options, outputs)
    sources = matched(args.inputs)
    first, output = sources[0], args.output
    is_many = len(sources) > 1 or sources != args.inputs
    is_folder = not is_image(output) and not output.is_file() and (output.is_dir() or output.suffix == "")
    if not is_many and ((first.is_dir() and holds_images(first)) or first.suffix.lower() == ".tsv"):
        jobs, passed = find_jobs(first, args.output, outputs.endings)
    elif is_many or (is_folder and first.is_file() and is_image(first)):
        if is_image(output) or output.is_file():
            finding = f"{len(sources)} scans and the output {output.name}, which is no folder"
            raise InputError(finding, "name the output folder last")
        jobs, passed = jobs_among(sources, args.output, outputs.endings)
    else:
        if args.shard:
            raise InputError("one scan cannot be split into shards", "pass several scans with --shard")
        job = Job(first.name, first, args.output)
        if args.dry_run:
            return print_plans([job], options, args)
        return _restore_one(job, options, outputs, args)
    if args.series_uid:
        raise InputError("--series-uid names one series, and several scans were given", "pass the folder of the series")
    if outputs.parametric_map:
        raise InputError("a Parametric Map is of one DICOM series", "restore series one by one, or leave it out")
    if outputs.enhanced:
        raise InputError("an Enhanced MR file is of one DICOM series", "restore series one by one, or leave it out")
    if args.dry_run:
        return print_plans(jobs, options, args, passed)
    return restore_many(Many(jobs, passed, options, outputs), args, args.prior)


def _restore_one(job: Any, options: Any, outputs: Any, args: Options) -> int:
    """Restore one scan from a file or a DICOM series."""
    from ..pipelines.beside_scan import file_for
    from ..pipelines.restore_file import restore_file
    from ..pipelines.scan_line import scan_line
    from ..priors.store import load_prior
    from ..storage.atomic import json_line

    prior, device = load_prior(args.prior), device_of(args.device)
    target = job.target  # refused before anything is computed
    beside = [file_for(path, job.source) for path in (options.mask, outputs.labels) if path is not None]
    require_target(target, [job.source, *beside], args.overwrite)
    log.info("restoring %s", "a DICOM series" if job.source.is_dir() else job.name)
    bar, move = bar_of(args, "restoring" if job.source.is_dir() else job.name, "slice")
    with bar:
        report = restore_file(job.source, target, prior, options, outputs, device=device, progress=move)
    if args.json:
        print(json_line(scan_line(job, target.parent, {"status": "done"}, report)), flush=True)
    count = f"{len(report['volumes'])} volumes, " if "volumes" in report else ""
    result(f"{target.name}: {report['task']}, {count}noise {100 * report['noise']['relative']:.1f} %")
    details_of(report, logging.INFO)
    warn(report)
    return 0


def bids(args: Options) -> int:
    """Run the BIDS App: restore participants, or learn from the group."""
    import torch

    from ..io import refuse_inside
    from ..pipelines.bids import Size, Wanted, describe, find_jobs, read_filters
    from ..pipelines.file_options import Outputs
    from ..pipelines.pretrain_prior import LEARNING
    from ..priors.store import RULES

    refuse_inside(args.output, args.input)
    args.series_uid = args.mask = None
    args.json = False
    learned = args.output / "prior"
    if args.nprocs:
        torch.set_num_threads(max(1, args.nprocs))
    options = _options(args)
    filters = None if args.bids_filter_file is None else read_filters(args.bids_filter_file)
    wanted = Wanted(args.participant_label, args.session_label, filters, args.contrast)
    jobs, passed = find_jobs(args.input, args.output, Size(options.scale, options.spacing, options.form), wanted)
    _name_idle(args)
    for finding in describe(args.output, args.input):
        log.warning("note: %s", finding)
    if args.analysis_level == "participant" and args.dry_run:
        return print_plans(jobs, options, args, passed)
    if args.analysis_level == "participant":
        own = learned if args.prior is None and (learned / RULES).exists() else args.prior
        return restore_many(Many(jobs, passed, options, Outputs(std=args.std)), args, own)
    was_killed = (learned / LEARNING).exists()
    if (learned / RULES).exists() and not (args.overwrite or args.resume or was_killed):
        result("there is a prior already; --overwrite learns it again")
    else:
        args.output = learned
        pretrain(args, [job.source for job in jobs], passed)
    _table_cohort(jobs, passed, learned.parent)
    return 0


def _name_idle(args: Options) -> None:
    """Name options that concern the other level of a BIDS App, and do nothing at this one.

    Raises:
        InputError: a plan of a training.
    """
    level, other = args.analysis_level, "participant" if args.analysis_level == "group" else "group"
    if level == "group" and args.dry_run:
        raise InputError("--dry-run plans restorations, and group trains", "choose participant, or leave it out")
    for attribute, (name, default) in args.idle[level].items():
        if getattr(args, attribute) != default:
            same = next((f"; {one} is that of {level}" for one, _ in args.idle[other].values() if _same(one, name)), "")
            log.warning("note: %s does nothing at the level %s%s", name, level, same)


def _same(one: str, other: str) -> bool:
    """Whether two options differ by a word before their name alone, as --steps and --pretrain-steps."""
    return one.rpartition("-")[2] == other.rpartition("-")[2]


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
