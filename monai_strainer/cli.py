# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""monai-strainer: the command line. It reads options, calls the library, and tells people what happened."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ._version import __version__
from .errors import InputError

__all__ = ["main"]

EPILOG = """exit codes:
  0   done
  2   the command line is wrong
  3   an input cannot be used; the message names the file, what was found, and what to do
  130 interrupted; nothing half-written is left

Research use only. Fitted networks and their heads are images of the patient: keep them with the patient's data.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="monai-strainer",
        description="Super-resolve and denoise MRI scans with a coordinate prior learned from a small cohort (STRAINER).",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"monai_strainer {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="{restore,pretrain,evaluate,demo}")

    restore = _command(commands, "restore", _restore, "restore one scan or every scan of a folder")
    restore.add_argument("input", type=Path, metavar="IN", help="NIfTI file, or a folder of them")
    restore.add_argument("output", type=Path, metavar="OUT", help="NIfTI file to write, or a folder where IN is one")
    size = restore.add_mutually_exclusive_group()
    size.add_argument("--scale", type=_numbers, default=None, metavar="F|FX,FY,FZ", help="one factor refines in-plane, three name the array axes; 1 denoises (default: 2)")  # fmt: skip
    size.add_argument("--spacing", type=_numbers, default=None, metavar="X,Y,Z", help="voxel size in mm to reach, per array axis")  # fmt: skip
    restore.add_argument("--sigma", default="auto", help="noise standard deviation in the scan's units (default: estimated)")  # fmt: skip
    restore.add_argument("--gaussian", action="store_true", help="the noise is Gaussian, not Rician")
    restore.add_argument("--steps", type=int, default=60, help="refinement steps at most; 0 is the closed-form solve alone (default: 60)")  # fmt: skip
    restore.add_argument("--std", action="store_true", help="also write the standard deviation of every voxel")
    restore.add_argument("--report", action="store_true", help="also write the JSON record of what was done")
    _shared(restore)

    pretrain = _command(commands, "pretrain", _pretrain, "learn a prior from a cohort")
    pretrain.add_argument("input", type=Path, metavar="COHORT_DIR", help="folder of NIfTI files, or a BIDS folder")
    pretrain.add_argument("output", type=Path, metavar="OUT_BUNDLE", help="bundle folder to write models/ into")
    pretrain.add_argument("--images", type=int, default=None, help="use only the first so many scans")
    pretrain.add_argument("--recipe", choices=("cohort", "paper"), default="cohort", help="'paper': 10 images, 5,000 full-batch steps, one trained head each")  # fmt: skip
    pretrain.add_argument("--steps", type=int, default=None, help="gradient steps (default: the recipe's)")
    pretrain.add_argument("--plane", choices=("axial", "coronal", "sagittal"), default="axial")
    pretrain.add_argument("--grid", type=_numbers, default=None, metavar="S,H,W", help="slices, rows and columns of the common grid (default: 96,152,200)")  # fmt: skip
    pretrain.add_argument("--resume", action="store_true", help="go on where an interrupted run stopped")
    pretrain.add_argument("--tensorboard", action="store_true", help="write curves to OUT_BUNDLE/runs")
    _shared(pretrain, prior=False)

    evaluate = _command(commands, "evaluate", _evaluate, "compare methods on scans whose truth is known")
    evaluate.add_argument("input", type=Path, metavar="DIR", help="folder of scans; only the split 'val' of a BIDS folder is judged")  # fmt: skip
    evaluate.add_argument("--out", type=Path, default=Path("evaluation.csv"), help="table to write (default: evaluation.csv)")  # fmt: skip
    evaluate.add_argument("--picture", type=Path, default=None, help="also write a PNG")
    evaluate.add_argument("--tasks", type=_words, default=None, help="of fit,x2,x4,denoise3,denoise9 (default: all)")
    evaluate.add_argument("--levels", type=_numbers, default=None, help="heights in the head, 0 to 1 (default: 0.35,0.5,0.65)")  # fmt: skip
    evaluate.add_argument("--scans", type=int, default=None, help="judge only the first so many scans")
    evaluate.add_argument("--steps", type=int, default=None, help="refinement steps (default: as restore)")
    _shared(evaluate)

    demo = _command(commands, "demo", _demo, "the main job on a scan that comes with nilearn")
    demo.add_argument("--output", type=Path, default=Path("demo_output"), help="folder to write (default: demo_output)")
    _shared(demo)
    return parser


def _command(commands: Any, name: str, run: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + ".", epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.set_defaults(run=run)
    return command


def _shared(command: argparse.ArgumentParser, prior: bool = True) -> None:
    if prior:
        command.add_argument("--prior", type=Path, default=None, metavar="BUNDLE", help="bundle folder (default: the one that comes with the package)")  # fmt: skip
    command.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--overwrite", action="store_true", help="replace outputs that are there")
    command.add_argument("--quiet", action="store_true", help="no progress bars")


def _numbers(text: str) -> list[float]:
    try:
        return [float(word) for word in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers") from error


def _words(text: str) -> list[str]:
    return text.split(",")


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


def _bar(args: argparse.Namespace, text: str, unit: str) -> tuple[Any, Callable[[int, int], None]]:
    """A progress bar and the callback that moves it."""
    from tqdm import tqdm

    bar = tqdm(desc=text, unit=unit, disable=args.quiet or None, leave=False)

    def move(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return bar, move


def _restore(args: argparse.Namespace) -> None:
    from .io import find_scans, read, refuse_inside, write
    from .physics import GaussianNoise, RicianNoise
    from .prior import load_prior
    from .restoration import restore

    is_folder = args.input.is_dir()
    scans = find_scans(args.input) if is_folder else [args.input]
    if is_folder:
        refuse_inside(args.output, args.input)
    prior, device = load_prior(args.prior), _device(args.device)
    for path in scans:
        target = args.output / path.relative_to(args.input) if is_folder else args.output
        if not args.overwrite and target.exists():
            raise InputError("the output exists already", "pass --overwrite or choose another name", target)
        scan = read(path)
        scale = args.scale or [2.0]
        if args.spacing:
            if len(args.spacing) != 3:
                raise InputError(f"a spacing of {len(args.spacing)} numbers", "give one per array axis: --spacing 1,1,1")
            scale = [max(1.0, have / want) if want > 0 else 0.0 for have, want in zip(scan.grid.spacing, args.spacing)]
        try:
            sigma = None if args.sigma == "auto" else float(args.sigma)
        except ValueError as error:
            raise InputError(f"a sigma of {args.sigma!r} is not a number", "give a number, or auto") from error
        bar, move = _bar(args, path.name, "slice")
        with bar:
            out = restore(
                scan, prior, scale, sigma=sigma, noise=GaussianNoise if args.gaussian else RicianNoise, steps=args.steps,
                seed=args.seed, device=device, progress=move,
            )  # fmt: skip
        write(out.volume, target, report=out.report if args.report else None, std=out.std if args.std else None, overwrite=args.overwrite)  # fmt: skip
        print(f"{target.name}: {out.report['task']}, noise {100 * out.report['noise']['relative']:.1f} %")
        for doubt in out.report["warnings"]:
            print(f"  note: {doubt}", file=sys.stderr)


def _pretrain(args: argparse.Namespace) -> None:
    import math
    from dataclasses import asdict, replace

    from tqdm import tqdm

    from .cohort import read_cohort, split_scans
    from .io import refuse_inside
    from .pretraining import COHORT, PAPER, pretrain
    from .prior import RULES, Prior, save_prior

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
        if len(args.grid) != 3 or min(args.grid) < 1:
            raise InputError(f"a grid of {args.grid}", "give slices, rows and columns: --grid 96,152,200")
        grid = (int(args.grid[0]), int(args.grid[1]), int(args.grid[2]))
    work = args.output / "runs"
    work.mkdir(parents=True, exist_ok=True)
    cohort = read_cohort(
        scans, plane=args.plane, shape=grid, cache=work / "cohort.npy",
        progress=lambda paths: tqdm(paths, desc="reading", unit="scan", disable=args.quiet or None, leave=False),
    )  # fmt: skip
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
        network = pretrain(
            cohort.slices, recipe, seed=args.seed, device=_device(args.device), checkpoint=work / "checkpoint.pt",
            resume=args.resume, on_step=tell,
        )  # fmt: skip
    (work / "cohort.npy").unlink()  # patient images do not stay in a bundle
    record = {
        "kind": "cohort", "scans": len(scans), "cohort_sha256": cohort.digest, "recipe": asdict(recipe), "seed": args.seed,
        "command": f"monai-strainer pretrain --recipe {args.recipe} --steps {recipe.steps} --seed {args.seed}",
    }  # fmt: skip
    prior = save_prior(Prior(network.cpu(), cohort.plane, cohort.percentile, cohort.half_mm), args.output, record)
    print(f"{args.output.name}: prior of {len(scans)} scans, sha256 {prior.digest[:12]}")


def _evaluate(args: argparse.Namespace) -> None:
    from .cohort import split_scans
    from .evaluate import evaluate, markdown, write_csv
    from .prior import load_prior

    if args.out.exists() and not args.overwrite:
        raise InputError("the table exists already", "pass --overwrite or choose another name", args.out)
    scans = split_scans(args.input)[1][: args.scans]
    bar, move = _bar(args, "evaluating", "case")
    chosen: dict[str, Any] = {"tasks": args.tasks, "levels": args.levels, "steps": args.steps}
    with bar:
        rows = evaluate(
            scans, load_prior(args.prior), seed=args.seed, progress=move, picture_to=args.picture,
            **{name: value for name, value in chosen.items() if value is not None},
        )  # fmt: skip
    write_csv(rows, args.out)
    print(markdown(rows))


def _demo(args: argparse.Namespace) -> None:
    from .demo import demo

    demo(args.output, prior=args.prior, seed=args.seed, device=_device(args.device), overwrite=args.overwrite, quiet=args.quiet)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns its exit code."""
    args = _parser().parse_args(argv)
    try:
        args.run(args)
    except InputError as error:
        print(f"monai-strainer: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("monai-strainer: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
