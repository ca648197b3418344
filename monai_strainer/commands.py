# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What the commands of monai-strainer do once their options are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import InputError

Options = Any  # an argparse.Namespace; only cli.py knows argparse

__all__ = ["bar_of", "demo", "device_of", "evaluate", "pretrain"]


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


def pretrain(args: Options) -> None:
    """Learn a prior from a cohort."""
    import math
    from contextlib import ExitStack
    from dataclasses import asdict, replace

    from tqdm import tqdm

    from .cohort import prior_of, read_cohort, split_scans
    from .io import refuse_inside
    from .noise_images import NOISE_GRID, NOISE_IMAGES, noise_slices
    from .pretraining import COHORT, META, PAPER
    from .pretraining import pretrain as trained
    from .prior import RULES, Prior, save_prior

    is_noise = args.kind == "noise"
    if is_noise != (str(args.input) == "-"):
        raise InputError("noise needs no scans, and all else needs some", "give - with --kind noise, or a folder")
    if args.kind == "meta" and args.recipe is not None:
        raise InputError(f"the recipe {args.recipe!r} is none for a start", "leave out --recipe with --kind meta")
    if is_noise and args.detail_steps:
        raise InputError("a detail prior cannot be learned from noise", "leave out --detail-steps with --kind noise")
    if not is_noise:
        refuse_inside(args.output, args.input)
    if (args.output / RULES).exists() and not (args.overwrite or args.resume):
        raise InputError("there is a prior already", "pass --overwrite, or choose another folder", args.output / RULES)
    if args.images is not None and args.images < 1:
        raise InputError(f"{args.images} images cannot teach anything", "give --images 1 or more")
    scans = [] if is_noise else split_scans(args.input)[0][: args.images]
    recipe = PAPER if args.recipe == "paper" else META if args.kind == "meta" else COHORT
    recipe = recipe if args.pretrain_steps is None else replace(recipe, steps=args.pretrain_steps)
    grid = NOISE_GRID if is_noise else (96, 152, 200)
    if args.grid:
        if len(args.grid) != 3 or not all(1 <= n < 10_000 for n in args.grid):
            raise InputError(f"a grid of {args.grid}", "give slices, rows and columns: --grid 96,152,200")
        grid = (int(args.grid[0]), int(args.grid[1]), int(args.grid[2]))
    if recipe.steps < 1 or (args.detail_steps or 0) < 0:
        raise InputError("fewer than one step cannot teach anything", "give --steps and --detail-steps of 1 or more")
    device = device_of(args.device)
    work = args.output / "runs"
    work.mkdir(parents=True, exist_ok=True)
    with ExitStack() as leaving:  # however it ends: patient images do not stay in a bundle
        leaving.callback((work / "cohort.npy").unlink, missing_ok=True)
        if is_noise:
            cohort, slices = None, noise_slices(args.images or NOISE_IMAGES, grid, seed=args.seed)
        else:
            cohort = read_cohort(
                scans,
                plane=args.plane,
                shape=grid,
                cache=work / "cohort.npy",
                progress=lambda paths: tqdm(
                    paths, desc="reading", unit="scan", disable=args.quiet or None, leave=False
                ),
            )
            slices = cohort.slices
        board = None
        if args.tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            board = SummaryWriter(str(work / "events"))
        bar, move = bar_of(args, "pretraining", "step")

        def tell(step: int, loss: float) -> None:
            psnr = -10 * math.log10(max(loss, 1e-12) / 4)
            move(step + 1, recipe.steps)
            bar.set_postfix_str(f"{psnr:.1f} dB")
            if board is not None:
                board.add_scalar("psnr", psnr, step)

        with bar:
            network = trained(
                slices,
                recipe,
                kind=args.kind,
                seed=args.seed,
                device=device,
                checkpoint=work / "checkpoint.pt",
                resume=args.resume,
                on_step=tell,
            )
        made = Prior(network.cpu(), args.plane) if cohort is None else prior_of(network, cohort)
    if recipe.trained_heads:
        (work / "checkpoint.pt").unlink()  # trained heads are patient images too
    named = "" if args.recipe is None else f" --recipe {args.recipe}"
    words = f"pretrain {'-' if is_noise else 'COHORT_DIR'} OUT_BUNDLE --kind {args.kind}{named}"
    record: dict[str, Any] = {
        "kind": args.kind,
        "scans": len(scans),
        "recipe": asdict(recipe),
        "seed": args.seed,
        "command": f"monai-strainer {words} --steps {recipe.steps} --seed {args.seed}",
    }
    if cohort is None:
        record["fields"] = {"count": len(slices.images), "shape": grid, "exponent": 1.0}
    else:
        record["cohort_sha256"] = cohort.digest
    prior = save_prior(made, args.output, record)
    of = f"{len(slices.images)} fields of noise" if cohort is None else f"{len(scans)} scans"
    print(f"{args.output.name}: prior of {of}, sha256 {prior.digest[:12]}")
    if args.detail_steps != 0 and not is_noise:
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
    bar, move = bar_of(args, "evaluating", "case")
    chosen: dict[str, Any] = {"tasks": args.tasks, "methods": args.methods, "levels": args.levels, "steps": args.steps}
    with bar:
        rows = evaluated(
            scans,
            load_prior(args.prior),
            seed=args.seed,
            device=device_of(args.device),
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
        device=device_of(args.device),
        overwrite=args.overwrite,
        quiet=args.quiet,
    )
