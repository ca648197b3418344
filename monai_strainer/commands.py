# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What the commands of monai-strainer do once their options are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from .errors import InputError
from .io.marks import Busy, hold

Options = Any  # an argparse.Namespace; only cli.py knows argparse

__all__ = ["LEARNING", "bar_of", "demo", "device_of", "evaluate", "lines_of", "pretrain", "work_folder"]

LEARNING = "runs/.learning.started"  # stands in a bundle while a prior is learned


def device_of(name: str) -> str:
    """The device asked for, once it is known to work."""
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"there is no device {name!r} here", "use --device cpu") from error
    return str(device)


def bar_of(args: Options, text: str, unit: str) -> tuple[Any, Callable[[int, int], None]]:
    """A progress bar and the callback that moves it."""
    from tqdm import tqdm

    bar = tqdm(desc=text, unit=unit, disable=args.quiet or None, leave=False)

    def move(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return bar, move


def lines_of(args: Options) -> AbstractContextManager[None]:
    """Within the block, the phases of a training announce themselves on the standard error, a terminal or not."""
    import sys

    from tqdm import tqdm

    from .phases import announced_to

    return nullcontext() if args.quiet else announced_to(lambda line: tqdm.write(line, file=sys.stderr))


def work_folder(args: Options, *checkpoints: str) -> Path:
    """The folder ``runs`` of a bundle; a training that starts anew removes the checkpoints of the one before."""
    work: Path = args.output / "runs"
    work.mkdir(parents=True, exist_ok=True)
    for name in () if args.resume else checkpoints:
        (work / name).unlink(missing_ok=True)
    return work


def pretrain(args: Options, scans: Any = None, passed: Any = ()) -> None:
    """Learn a prior from a cohort; from ``scans`` of its folder alone where something else has chosen before."""
    from dataclasses import replace

    from .bundle_parts import train_detail
    from .io import refuse_inside
    from .lessons import plan_of
    from .prior import RULES, save_prior
    from .selection import choose_scans, without_label_maps

    plan = plan_of(args)
    if not plan.is_noise:
        refuse_inside(args.output, args.input)
    may_replace = args.overwrite or args.resume or (args.output / LEARNING).exists()
    if (args.output / RULES).exists() and not may_replace:
        raise InputError("there is a prior already", "pass --overwrite, or choose another folder", args.output / RULES)
    choice = None
    if not plan.is_noise:
        choice = choose_scans(args.input, args.contrast, scans, passed)
        choice = without_label_maps(choice, args.input, args.images)
        _tell_choice(choice)
    args.device = device_of(args.device)  # the record says what it came to
    with lines_of(args), _alone(args.output / LEARNING):
        made, cohort = _learned(args, plan, choice)
        made = replace(made, record=_record(args, plan, choice, cohort))
        if choice is None or plan.detail.steps == 0:
            prior = save_prior(made, args.output)
        else:  # both appear together: a prior without its detail would look complete
            prior = train_detail(
                made,
                None,
                plan.detail,
                choice.train,
                args.output,
                seed=args.seed,
                device=args.device,
                resume=args.resume,
                quiet=args.quiet,
                record={"command": made.record["command"]},
            )
        of = f"{plan.fields} fields of noise" if choice is None else f"{len(choice.train)} scans"
        print(f"{args.output.name}: prior of {of}, sha256 {prior.digest[:12]}")
        if prior.detail is not None:
            print(f"{args.output.name}: detail prior, sha256 {prior.record['detail']['sha256'][:12]}")


@contextmanager
def _alone(mark: Path) -> Iterator[None]:
    """Learn alone in a folder. The mark stays where the process is killed: the next run learns the prior anew.

    Raises:
        InputError: another process learns there.
    """
    try:
        with hold(mark):
            try:
                yield
            finally:
                mark.unlink(missing_ok=True)
    except Busy:
        raise InputError(
            "another process learns a prior here",
            "wait until it has ended, or choose another folder",
            mark.parent.parent,
        ) from None


def _record(args: Options, plan: Any, choice: Any, cohort: Any) -> dict[str, Any]:
    """How a prior is made, for ``prior.json``: enough to make it again."""
    from dataclasses import asdict

    from .lessons import command_of
    from .sidecars import read_object

    record: dict[str, Any] = {
        "kind": args.kind,
        "scans": 0 if choice is None else len(choice.train),
        "recipe": asdict(plan.recipe),
        "seed": args.seed,
        "command": command_of(args, plan),
    }
    if choice is None or cohort is None:
        return record | {"fields": {"count": plan.fields, "shape": plan.grid, "exponent": 1.0}}
    if args.command == "bids" and args.bids_filter_file is not None:
        record["filters"] = read_object(args.bids_filter_file)
    return record | {"cohort_sha256": cohort.digest, **choice.record()}


def _tell_choice(choice: Any) -> None:
    """Say which images do not train, and what is wrong with the table that decided."""
    import sys

    for finding in choice.findings:
        print(f"  note: {finding}", file=sys.stderr)
    for name, reason in choice.passed[:10]:
        print(f"  passed over: {name}: {reason}", file=sys.stderr)
    if len(choice.passed) > 10:
        print(f"  passed over: {len(choice.passed) - 10} more", file=sys.stderr)


def _learned(args: Options, plan: Any, choice: Any) -> tuple[Any, Any]:
    """The coordinate prior, and the cohort it was learned from; None for noise."""
    import math
    from contextlib import ExitStack

    from .cohort import prior_of
    from .noise_images import noise_slices
    from .pretraining import pretrain as trained
    from .prior import Prior

    work = work_folder(args)
    with ExitStack() as leaving:  # however it ends: patient images do not stay in a bundle
        leaving.callback((work / "cohort.npy").unlink, missing_ok=True)
        cohort = None if choice is None else _read(args, plan, choice, work / "cohort.npy")
        slices = noise_slices(plan.fields, plan.grid, seed=args.seed) if cohort is None else cohort.slices
        work_folder(args, "checkpoint.pt", "checkpoint-statistics.pt", "reference.pt", "detail.pt")
        board = None
        if args.tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            board = SummaryWriter(str(work / "events"))
        bar, move = bar_of(args, "pretraining", "step")

        def tell(step: int, loss: float) -> None:
            psnr = -10 * math.log10(max(loss, 1e-12) / 4)
            move(step + 1, plan.recipe.steps)
            bar.set_postfix_str(f"{psnr:.1f} dB")
            if board is not None:
                board.add_scalar("psnr", psnr, step)

        with bar:
            network = trained(
                slices,
                plan.recipe,
                kind=args.kind,
                seed=args.seed,
                device=args.device,
                checkpoint=work / "checkpoint.pt",
                resume=args.resume,
                on_step=tell,
            )
        if cohort is None:
            return Prior(network.cpu(), args.plane), None
        return prior_of(network, cohort, work / "reference.pt", args.resume), cohort


def _read(args: Options, plan: Any, choice: Any, cache: Path) -> Any:
    """The scans that train, on one grid."""
    from tqdm import tqdm

    from .cohort import read_cohort
    from .phases import announce

    announce(f"reading {len(choice.train)} scans")
    return read_cohort(
        choice.train,
        plane=args.plane,
        shape=plan.grid,
        cache=cache,
        progress=lambda paths: tqdm(paths, desc="reading", unit="scan", disable=args.quiet or None, leave=False),
    )


def evaluate(args: Options) -> None:
    """Compare methods on scans whose truth is known."""
    import warnings

    from .cohort import split_scans
    from .evaluate import evaluate as evaluated
    from .evaluate import markdown, missing, write_csv
    from .prior import load_prior

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
    write_csv(rows, args.out)
    print(markdown(rows))
    for method, reason in missing(rows, prior, args.tasks, args.methods).items():
        print(f"  note: {method} has no row: {reason}")


def demo(args: Options) -> None:
    """The main job on a scan that comes with nilearn."""
    from .demo import demo as shown

    shown(
        args.output,
        prior=args.prior,
        seed=args.seed,
        device=device_of(args.device),
        overwrite=args.overwrite,
        quiet=args.quiet,
    )
