# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What the commands of monai-strainer do once their options are read."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from .errors import InputError

Options = Any  # an argparse.Namespace; only cli.py knows argparse

__all__ = ["demo", "evaluate", "pretrain", "restore"]


def _device(name: str) -> str:
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"there is no device {name!r} here", "use --device cpu") from error
    return str(device)


def _bar(args: Options, text: str, unit: str) -> tuple[Any, Callable[[int, int], None]]:
    """A progress bar and the callback that moves it."""
    from tqdm import tqdm

    bar = tqdm(desc=text, unit=unit, disable=args.quiet or None, leave=False)

    def move(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return bar, move


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
    )


def restore(args: Options) -> int:
    """Restore one scan, or every scan of a folder or a manifest."""
    from .batch import jobs_of
    from .files import restore_file
    from .io import is_dicom
    from .prior import load_prior

    is_many = (args.input.is_dir() and any(args.input.rglob("*.nii*"))) or args.input.suffix.lower() == ".tsv"
    if is_many:
        return _run(jobs_of(args.input, args.output), args.output, _options(args), args)
    if args.shard:
        raise InputError("one scan cannot be shared out", "pass a folder or a manifest with --shard")
    options, prior, device = _options(args), load_prior(args.prior), _device(args.device)
    target = args.output  # refused before anything is computed
    is_nifti = target.name.lower().endswith((".nii", ".nii.gz"))
    if (target.is_dir() if is_nifti else target.is_file()) or not (is_nifti or is_dicom(args.input)):
        raise InputError("the output is no NIfTI file name", "let it end in .nii or .nii.gz", target)
    if not args.overwrite and (target.is_file() or (target.is_dir() and any(target.iterdir()))):
        raise InputError("the output exists already", "pass --overwrite or choose another name", target)
    bar, move = _bar(args, "restoring" if args.input.is_dir() else args.input.name, "slice")
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


def _run(jobs: Any, output: Any, options: Any, args: Options, prior: Any = None) -> int:
    """Restore many scans; 8 where some failed, and 3 where all did."""
    from .batch import run_jobs, share_of
    from .files import restore_file
    from .io import atomic
    from .io.atomic import stem
    from .prior import load_prior
    from .report import index_of

    prior, device = prior or load_prior(args.prior), _device(args.device)
    part = share_of(jobs, args.shard)
    bar, move = _bar(args, "scans", "scan")

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

    name = "summary" if not args.shard else f"summary-{args.shard.replace('/', '-of-')}"
    configuration = {**options.configuration(prior), "std": args.std}
    with bar:
        move(0, len(part))
        rows = run_jobs(part, one, configuration, output / f"{name}.tsv", overwrite=args.overwrite, tell=tell)
    pages = {job.name: job.record.with_name(f"{stem(job.record)}.html") for job in part}
    links = {key: page.relative_to(output).as_posix() for key, page in pages.items() if page.exists()}
    with atomic(output / f"{name.replace('summary', 'index')}.html") as temporary:
        temporary.write_text(index_of(rows, links), encoding="utf-8")
    failed = sum(row["status"] == "failed" for row in rows)
    print(f"{len(rows) - failed} of {len(rows)} scans are done; see {name}.tsv")
    return 0 if failed == 0 else 3 if failed == len(rows) else 8


def pretrain(args: Options) -> None:
    """Learn a prior from a cohort."""
    import math
    from contextlib import ExitStack
    from dataclasses import asdict, replace

    from tqdm import tqdm

    from .cohort import prior_of, read_cohort, split_scans
    from .io import refuse_inside
    from .pretraining import COHORT, PAPER
    from .pretraining import pretrain as trained
    from .prior import RULES, save_prior

    refuse_inside(args.output, args.input)
    if (args.output / RULES).exists() and not (args.overwrite or args.resume):
        raise InputError("there is a prior already", "pass --overwrite, or choose another folder", args.output / RULES)
    if args.images is not None and args.images < 1:
        raise InputError(f"{args.images} images cannot teach anything", "give --images 1 or more")
    scans = split_scans(args.input)[0][: args.images]
    recipe = PAPER if args.recipe == "paper" else COHORT
    recipe = recipe if args.steps is None else replace(recipe, steps=args.steps)
    grid = (96, 152, 200)
    if args.grid:
        if len(args.grid) != 3 or not all(1 <= n < 10_000 for n in args.grid):
            raise InputError(f"a grid of {args.grid}", "give slices, rows and columns: --grid 96,152,200")
        grid = (int(args.grid[0]), int(args.grid[1]), int(args.grid[2]))
    if recipe.steps < 1 or (args.detail_steps or 0) < 0:
        raise InputError("fewer than one step cannot teach anything", "give --steps and --detail-steps of 1 or more")
    device = _device(args.device)
    work = args.output / "runs"
    work.mkdir(parents=True, exist_ok=True)
    with ExitStack() as leaving:  # however it ends: patient images do not stay in a bundle
        leaving.callback((work / "cohort.npy").unlink, missing_ok=True)
        cohort = read_cohort(
            scans,
            plane=args.plane,
            shape=grid,
            cache=work / "cohort.npy",
            progress=lambda paths: tqdm(paths, desc="reading", unit="scan", disable=args.quiet or None, leave=False),
        )
        board = None
        if args.tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            board = SummaryWriter(str(work / "events"))
        bar, move = _bar(args, "pretraining", "step")

        def tell(step: int, loss: float) -> None:
            psnr = -10 * math.log10(max(loss, 1e-12) / 4)
            move(step + 1, recipe.steps)
            bar.set_postfix_str(f"{psnr:.1f} dB")
            if board is not None:
                board.add_scalar("psnr", psnr, step)

        with bar:
            network = trained(
                cohort.slices,
                recipe,
                seed=args.seed,
                device=device,
                checkpoint=work / "checkpoint.pt",
                resume=args.resume,
                on_step=tell,
            )
    if recipe.trained_heads:
        (work / "checkpoint.pt").unlink()  # trained heads are patient images too
    record = {
        "kind": "cohort",
        "scans": len(scans),
        "cohort_sha256": cohort.digest,
        "recipe": asdict(recipe),
        "seed": args.seed,
        "command": f"monai-strainer pretrain --recipe {args.recipe} --steps {recipe.steps} --seed {args.seed}",
    }
    prior = save_prior(prior_of(network, cohort), args.output, record)
    print(f"{args.output.name}: prior of {len(scans)} scans, sha256 {prior.digest[:12]}")
    if args.detail_steps != 0:
        from .bundle_parts import train_detail
        from .pretraining_detail import DETAIL

        plan = DETAIL if args.detail_steps is None else replace(DETAIL, steps=args.detail_steps)
        command = f"monai-strainer pretrain --detail-steps {plan.steps} --seed {args.seed}"
        prior = train_detail(
            prior,
            None,
            plan,
            scans,
            args.output,
            seed=args.seed,
            device=device,
            resume=args.resume,
            quiet=args.quiet,
            record={"command": command},
        )
        print(f"{args.output.name}: detail prior, sha256 {prior.record['detail']['sha256'][:12]}")


def evaluate(args: Options) -> None:
    """Compare methods on scans whose truth is known."""
    from .cohort import split_scans
    from .evaluate import evaluate as evaluated
    from .evaluate import markdown, write_csv
    from .prior import load_prior

    for target in (args.out, args.picture):
        if target is not None and target.exists() and not args.overwrite:
            raise InputError("the output exists already", "pass --overwrite or choose another name", target)
    scans = split_scans(args.input)[1][: args.scans]
    bar, move = _bar(args, "evaluating", "case")
    chosen: dict[str, Any] = {"tasks": args.tasks, "methods": args.methods, "levels": args.levels, "steps": args.steps}
    with bar:
        rows = evaluated(
            scans,
            load_prior(args.prior),
            seed=args.seed,
            device=_device(args.device),
            progress=move,
            picture_to=args.picture,
            **{name: value for name, value in chosen.items() if value is not None},
        )
    write_csv(rows, args.out)
    print(markdown(rows))


def demo(args: Options) -> None:
    """The main job on a scan that comes with nilearn."""
    from .demo import demo as shown

    shown(
        args.output,
        prior=args.prior,
        seed=args.seed,
        device=_device(args.device),
        overwrite=args.overwrite,
        quiet=args.quiet,
    )
