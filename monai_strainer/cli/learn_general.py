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
    from ..cohorts.sources import general_sources
    from ..io import refuse_inside
    from ..pipelines.prior_phases import work_folder
    from ..pipelines.trial import seconds_of_general
    from ..pretraining.general import pretrain_general as trained
    from ..pretraining.phases import announce
    from ..pretraining.run import Run
    from ..pretraining.source import digest_of
    from ..priors.general_store import GENERAL_RULES, load_general, save_general
    from ..priors.prior import GeneralPrior

    refuse_inside(args.output, args.input)
    if (args.output / GENERAL_RULES).exists() and not (args.overwrite or args.resume):
        raise InputError(
            "there is a prior already", "pass --overwrite, or choose another folder", args.output / GENERAL_RULES
        )
    before = load_general(args.start) if args.start is not None else None
    recipe, noise = _recipes(args, before is not None)
    args.device = device_of(args.device)  # the record says what it came to
    announce("reading sources")
    sources = general_sources(args.input)
    if not args.quiet and recipe.steps + noise.steps > WORTH_A_TRIAL:
        seconds = seconds_of_general(sources, recipe, noise, args.device)
        log.info("about %s on this machine", duration(seconds))
    work = work_folder(args.output, args.resume, "general.pt", "noise.pt")
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
    kinds = {kind: len({s.name for s in sources if s.kind == kind}) for kind in ("scan", "labels", "photograph")}
    kept = None if before is None else before.record
    was = {} if kept is None else {"from": {"command": kept["command"], **kept["detail"]}}
    learned = {"recipe": asdict(noise), "seed": args.seed}
    record = {
        "command": general_command_of(args, recipe, noise),
        "sources": {"sha256": digest_of(sources), **kinds},
        "detail": {"recipe": asdict(recipe), "seed": args.seed, **was},
        "noise_level": learned if kept is None or noise.steps > 0 else kept["noise_level"],
    }
    prior = save_general(GeneralPrior(detail.cpu(), level.cpu(), record=record), args.output)
    result(f"{args.output.name}: general prior of {sum(kinds.values())} sources, sha256 {prior.digest[:12]}")


def _recipes(args: Options, goes_on: bool) -> tuple[Any, Any]:
    """Return the recipes of both networks, with the steps and the rate that were asked for.

    Raises:
        InputError: numbers that cannot teach anything.
    """
    from ..pretraining.general import GENERAL
    from ..pretraining.noise_level import NOISE_LEVEL

    recipe = GENERAL if args.general_steps is None else replace(GENERAL, steps=args.general_steps)
    recipe = recipe if args.rate is None else replace(recipe, rate=args.rate)
    noise = NOISE_LEVEL if args.noise_steps is None else replace(NOISE_LEVEL, steps=args.noise_steps)
    if recipe.steps < 1 or noise.steps < (not goes_on):
        raise InputError(
            "fewer than one step cannot train anything",
            "give --steps and --noise-steps of 1 or more; --noise-steps 0 with --from keeps that bundle's",
        )
    if not recipe.rate > 0:
        raise InputError(f"a rate of {recipe.rate} cannot train anything", "leave --rate out")
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
