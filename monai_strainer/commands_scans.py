# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The commands that restore: one scan, many, or a BIDS dataset."""

from __future__ import annotations

import sys
from typing import Any

from .commands import bar_of, device_of, pretrain
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
        seed=args.seed,
        series_uid=args.series_uid,
        volume=args.volume,
    )


def restore(args: Options) -> int:
    """Restore one scan, or every scan of a folder or a manifest."""
    from .batch import jobs_of
    from .files import restore_file
    from .io import holds_nifti, is_dicom, is_nifti, is_there
    from .prior import load_prior

    is_many = (args.input.is_dir() and holds_nifti(args.input)) or args.input.suffix.lower() == ".tsv"
    if is_many:
        return _run(jobs_of(args.input, args.output), _options(args), args, args.prior)
    if args.shard:
        raise InputError("one scan cannot be shared out", "pass a folder or a manifest with --shard")
    options, prior, device = _options(args), load_prior(args.prior), device_of(args.device)
    target = args.output  # refused before anything is computed
    if (target.is_dir() if is_nifti(target) else target.is_file()) or not (is_nifti(target) or is_dicom(args.input)):
        raise InputError("the output is no NIfTI file name", "let it end in .nii or .nii.gz", target)
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


def _run(jobs: Any, options: Any, args: Options, bundle: Any) -> int:
    """Restore many scans; 8 where some failed, and 3 where all did."""
    from .batch import run_jobs, share_of
    from .files import restore_file
    from .io import atomic
    from .io.atomic import stem
    from .prior import load_prior
    from .report import index_of

    prior, device, output = load_prior(bundle), device_of(args.device), args.output
    part = share_of(jobs, args.shard)
    bar, move = bar_of(args, "scans", "scan")

    def one(job: Any, extra: dict[str, Any], overwrite: bool) -> dict[str, Any]:
        return restore_file(
            job.source,
            job.target,
            prior,
            options,
            device=device,
            with_std=args.std,
            with_report=True,
            overwrite=overwrite,
            extra=extra,
            sidecar=job.sidecar,
        )

    lines: list[str] = []

    def tell(line: str) -> None:
        lines.append(line)
        bar.write(line)
        move(len(lines), len(part))

    ending = f"-{args.shard.replace('/', '-of-')}" if args.shard else ""
    configuration = {**options.configuration(prior), "std": args.std}
    with bar:
        move(0, len(part))
        rows = run_jobs(part, one, configuration, output / f"summary{ending}.tsv", overwrite=args.overwrite, tell=tell)
    pages = {job.name: job.record.with_name(f"{stem(job.record)}.html") for job in part}
    links = {key: page.relative_to(output).as_posix() for key, page in pages.items() if page.exists()}
    with atomic(output / f"index{ending}.html") as temporary:
        temporary.write_text(index_of(rows, links), encoding="utf-8")
    failed = sum(row["status"] == "failed" for row in rows)
    print(f"{len(rows) - failed} of {len(rows)} scans are done; see summary{ending}.tsv")
    return 0 if failed == 0 else 3 if failed == len(rows) else 8


def bids(args: Options) -> int:
    """The BIDS App: restore participants, or learn from the group."""
    import torch

    from .bids import describe, jobs_in, read_filters
    from .io import refuse_inside
    from .prior import RULES

    refuse_inside(args.output, args.input)
    args.series_uid, args.volume, learned = None, None, args.output / "prior"
    if args.nprocs:
        torch.set_num_threads(max(1, args.nprocs))
    options = _options(args)
    filters = None if args.bids_filter_file is None else read_filters(args.bids_filter_file)
    jobs = jobs_in(args.input, args.output, options.scale, args.participant_label, args.session_label, filters)
    describe(args.output, args.input)
    if args.level == "participant":
        own = learned if args.prior is None and (learned / RULES).exists() else args.prior
        return _run(jobs, options, args, own)
    if (learned / RULES).exists() and not args.overwrite:
        print("there is a prior already; --overwrite learns it anew")
    else:
        args.output = learned
        pretrain(args)
    _table_cohort(jobs, learned.parent)
    return 0


def _table_cohort(jobs: Any, output: Any) -> None:
    """One line per scan of the dataset, from the records of what was restored."""
    from .batch import COLUMNS, row_of, told_of, write_summary

    rows = []
    for job in jobs:
        row: dict[str, Any] = dict.fromkeys(COLUMNS, "") | {"scan": job.name, "status": "missing"}
        rows.append(row | row_of(told_of(job)) if job.record.exists() else row)
    write_summary(rows, output / "summary-cohort.tsv")
