# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Run the commands that train and compare, once their options are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import InputError
from ..pipelines.device import device_of
from .messages import duration, log, result
from .progress import bar_of, watched

Options = Any  # an argparse.Namespace; only the command line knows argparse

__all__ = ["WORTH_A_TRIAL", "demo", "evaluate", "pretrain"]

WORTH_A_TRIAL = 100  # steps: shorter trainings are not tried first


def pretrain(args: Options, scans: Any = None, passed: Any = ()) -> None:
    """Learn a prior from a cohort.

    Args:
        args: of the command line.
        scans: files of the folder to choose from; None takes all that it holds.
        passed: scans that were left out before, with the reason; for the record.
    """
    from ..cohorts.selection import choose_scans, without_label_maps
    from ..io import refuse_inside
    from ..pipelines.pretrain_prior import pretrain_prior
    from ..pipelines.trial import seconds_of_prior
    from ..pretraining.run import Run
    from .recipes import command_of, recipe_of

    recipe = recipe_of(args)
    refuse_inside(args.output, args.input)
    choice = choose_scans(args.input, args.contrast, scans, passed)
    choice = without_label_maps(choice, args.input, args.images)
    _print_choice(choice)
    args.device = device_of(args.device)  # the record says what it came to
    record: dict[str, Any] = {"command": command_of(args, recipe)}
    if not args.quiet and recipe.encoder.steps + recipe.detail.steps > WORTH_A_TRIAL:
        seconds = seconds_of_prior(recipe, len(choice.train), args.device)
        log.info("about %s on this machine for the steps of the networks; statistics come on top", duration(seconds))
    if args.command == "bids" and args.bids_filter_file is not None:
        from ..io.bids.sidecars import read_object

        record["filters"] = read_object(args.bids_filter_file)
    with _board(args) as board:
        prior = pretrain_prior(
            choice,
            args.output,
            recipe,
            run=Run(seed=args.seed, device=args.device, resume=args.resume),
            overwrite=args.overwrite,
            watch=watched(args, board),
            record=record,
            start=getattr(args, "start", None),
        )
    result(f"{args.output.name}: prior of {len(choice.train)} scans, sha256 {prior.digest[:12]}")
    if prior.detail is not None:
        result(f"{args.output.name}: detail prior, sha256 {prior.record['detail']['sha256'][:12]}")
    if (gain := prior.record.get("gain")) is not None:
        result(f"{args.output.name}: {_gain_of(gain['detail'])}")


def _gain_of(gain: dict[str, float]) -> str:
    """Say in words what a tuning was worth on the scans held out."""
    if not gain["step"]:
        return "on scans held out, no step was better than the start: its detail network is kept"
    return f"{gain['decibels']:.2f} dB better than the start on scans held out (standard error {gain['error']:.2f})"


@contextmanager
def _board(args: Options) -> Iterator[Any]:
    """Yield a TensorBoard writer in the bundle's folder ``runs`` if asked for, else None; close it at the end."""
    if not args.tensorboard:
        yield None
        return
    from torch.utils.tensorboard import SummaryWriter

    board = SummaryWriter(str(args.output / "runs" / "events"))
    try:
        yield board
    finally:
        board.close()


def _print_choice(choice: Any) -> None:
    """Say which images do not train, and what is wrong with the table that decided."""
    for finding in choice.findings:
        log.warning("note: %s", finding)
    for name, reason in choice.passed[:10]:
        log.warning("passed over: %s: %s", name, reason)
    if len(choice.passed) > 10:
        log.warning("passed over: %d more", len(choice.passed) - 10)


def evaluate(args: Options) -> None:
    """Compare methods on scans whose truth is known."""
    import warnings

    from ..cohorts.read import split_scans
    from ..evaluation.benchmark import evaluate as evaluated
    from ..evaluation.benchmark import missing
    from ..evaluation.table import COLUMNS, markdown
    from ..priors.store import load_prior
    from ..storage.tables import write_csv

    for target in (args.out, args.picture):
        if target is not None and target.exists() and not args.overwrite:
            raise InputError("the output exists already", "pass --overwrite or choose another name", target)
    scans = split_scans(args.input)[1][: args.scans]
    bar, move = bar_of(args, "evaluating", "case")
    chosen: dict[str, Any] = {"tasks": args.tasks, "methods": args.methods, "levels": args.levels, "steps": args.steps}
    prior = load_prior(args.prior)
    with bar, warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* is left out: it needs")  # the notes below say it
        rows = evaluated(
            scans,
            prior,
            seed=args.seed,
            device=device_of(args.device),
            progress=move,
            picture_to=args.picture,
            **{name: value for name, value in chosen.items() if value is not None},
        )
    write_csv(rows, args.out, COLUMNS)
    result(markdown(rows))
    for method, reason in missing(rows, prior, args.tasks, args.methods).items():
        result(f"  note: {method} has no row: {reason}")


def demo(args: Options) -> None:
    """Run the main job on a scan that comes with nilearn."""
    from ..pipelines.demo import demo as shown

    bar, move = bar_of(args, "demo", "slice")
    with bar:
        shown(
            args.output,
            prior=args.prior,
            seed=args.seed,
            device=device_of(args.device),
            overwrite=args.overwrite,
            progress=move,
        )
