# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Train a general prior from a folder of scans of any kind, and write it into a bundle folder."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..pipelines.device import device_of
from .learn import WORTH_A_TRIAL
from .messages import duration, log, result
from .progress import bar_of

if TYPE_CHECKING:
    from ..networks.noise_level import NoiseLevelNet

Options = Any  # an argparse.Namespace; only the command line knows argparse

__all__ = ["pretrain_general"]


def pretrain_general(args: Options) -> None:
    """Train the detail network, then the noise level network; about two hours on one CPU core."""
    from ..cli.recipes import general_command_of
    from ..cohorts.sources import general_sources, too_small, train_volumes, validation_volumes
    from ..io import refuse_inside
    from ..pipelines.general_folder import GENERAL_CHECKPOINTS, finished_general, publish_general
    from ..pipelines.prior_phases import work_folder
    from ..pipelines.trial import seconds_of_general
    from ..pretraining.general import pretrain_general as trained
    from ..pretraining.phases import announce
    from ..pretraining.run import Run
    from ..pretraining.source import digest_of
    from ..priors.general_store import load_general
    from ..priors.prior import GeneralPrior

    refuse_inside(args.output, args.input)
    _refuse_another_prior(args)
    before = load_general(args.start) if args.start is not None else None
    recipe, noise = _recipes(args, before is not None)
    args.device = device_of(args.device)  # the record says what it came to
    announce("reading sources")
    sources = general_sources(args.input)
    for name in too_small(train_volumes(args.input), sources):
        log.warning("passed over: %s: too small to cut patches from", name)
    kinds = {kind: len({s.name for s in sources if s.kind == kind}) for kind in ("scan", "labels", "photograph")}
    made = {"command": general_command_of(args, recipe, noise), "sources": {"sha256": digest_of(sources), **kinds}}
    if args.resume and finished_general(args.output, made) is not None:
        return
    if not args.quiet and recipe.steps + noise.steps > WORTH_A_TRIAL:
        seconds = seconds_of_general(sources, recipe, noise, args.device)
        log.info("about %s on this machine", duration(seconds))
    work = work_folder(args.output, args.resume, *GENERAL_CHECKPOINTS)
    bar, move = bar_of(args, "general prior", "step")
    with bar:
        detail = trained(
            sources,
            recipe,
            network=None if before is None else before.detail,
            run=Run(
                seed=args.seed,
                device=args.device,
                checkpoint=work / "general.pt",
                resume=args.resume,
                on_step=lambda step, loss: move(step + 1, recipe.steps),
            ),
        )
    level = before.noise_level if before is not None and noise.steps == 0 else _noise_level(args, sources, noise, work)
    kept = None if before is None else before.record
    was = {} if kept is None else {"from": {"command": kept["command"], **kept["detail"]}}
    learned = {"recipe": asdict(noise), "seed": args.seed}
    record = {
        **made,
        "detail": {"recipe": asdict(recipe), "seed": args.seed, **was},
        "noise_level": learned if kept is None or noise.steps > 0 else kept["noise_level"],
    }
    trained_prior = GeneralPrior(detail.cpu(), level.cpu(), record=record)
    prior = publish_general(trained_prior, args.output, validation_volumes(args.input), _terms_of(args.start))
    result(f"{args.output.name}: general prior of {sum(kinds.values())} sources, sha256 {prior.digest[:12]}")


def _refuse_another_prior(args: Options) -> None:
    """Refuse a folder that holds a prior already.

    Raises:
        InputError: a general one without ``--overwrite`` or ``--resume``, or one of a cohort, whose weights have the
            same name.
    """
    from ..priors.general_store import GENERAL_RULES
    from ..priors.store import RULES

    if (args.output / RULES).exists():
        raise InputError("the prior of a cohort lies there", "choose another folder", args.output / RULES)
    if (args.output / GENERAL_RULES).exists() and not (args.overwrite or args.resume):
        remedy = "pass --overwrite, or choose another folder"
        raise InputError("there is a prior already", remedy, args.output / GENERAL_RULES)


def _terms_of(bundle: Path | None) -> str:
    """Return the terms of the data of a bundle; empty where it does not say."""
    file = None if bundle is None else bundle / "docs" / "data_license.txt"
    return file.read_text(encoding="utf-8") if file is not None and file.is_file() else ""


def _recipes(args: Options, goes_on: bool) -> tuple[Any, Any]:
    """Return the recipes of both networks, with the steps and the rate that were asked for.

    Raises:
        InputError: numbers that nothing can be trained with.
    """
    from ..pretraining.general import GENERAL
    from ..pretraining.noise_level import NOISE_LEVEL

    recipe = GENERAL if args.general_steps is None else replace(GENERAL, steps=args.general_steps)
    recipe = recipe if args.rate is None else replace(recipe, rate=args.rate)
    recipe = recipe if args.denoising is None else replace(recipe, denoising=args.denoising)
    if args.side is not None:
        if args.side % 8:
            raise InputError(f"patches of {args.side} voxels", "give --side 16 or more, a multiple of 8")
        recipe = recipe.with_side(args.side)
    noise = NOISE_LEVEL if args.noise_steps is None else replace(NOISE_LEVEL, steps=args.noise_steps)
    if recipe.steps < 1 or noise.steps < (not goes_on):
        raise InputError(
            "fewer than one step cannot train anything",
            "give --steps and --noise-steps of 1 or more; --noise-steps 0 with --from keeps that bundle's",
        )
    return recipe, noise


def _noise_level(args: Options, sources: Any, recipe: Any, work: Path) -> NoiseLevelNet:
    from ..pretraining.noise_level import pretrain_noise_level
    from ..pretraining.run import Run

    bar, move = bar_of(args, "noise level", "step")
    with bar:
        return pretrain_noise_level(
            sources,
            recipe,
            run=Run(
                seed=args.seed,
                device=args.device,
                checkpoint=work / "noise.pt",
                every=100,
                resume=args.resume,
                on_step=lambda step, loss: move(step + 1, recipe.steps),
            ),
        )
