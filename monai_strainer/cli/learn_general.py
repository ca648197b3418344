# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Train a general prior from a folder of scans of any kind, and write it into a bundle folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..pipelines.device import device_of
from .learn import WORTH_A_TRIAL
from .messages import duration, log, result
from .progress import bar_of

if TYPE_CHECKING:
    from ..pretraining.general import GeneralRecipes
    from ..pretraining.run import Run
    from ..pretraining.source import Source
    from ..priors.prior import GeneralPrior

Options = Any  # an argparse.Namespace; only the command line knows argparse

__all__ = ["pretrain_general"]


def pretrain_general(args: Options) -> None:
    """Train the detail network, then the networks that read how a scan was measured; two hours on one CPU core."""
    from ..cli.recipes import general_command_of
    from ..cohorts.sources import general_sources, too_small, train_volumes, validation_volumes
    from ..io import refuse_inside
    from ..pipelines.general_folder import GENERAL_CHECKPOINTS, finished_general, publish_general
    from ..pipelines.prior_phases import work_folder
    from ..pipelines.trial import seconds_of_general
    from ..pretraining.phases import announce
    from ..pretraining.source import digest_of
    from ..priors.general_store import load_general

    refuse_inside(args.output, args.input)
    _refuse_another_prior(args)
    before = load_general(args.start) if args.start is not None else None
    recipes = _recipes(args, before is not None)
    args.device = device_of(args.device)  # the record says what it came to
    announce("reading sources")
    sources = general_sources(args.input)
    for name in too_small(train_volumes(args.input), sources):
        log.warning("passed over: %s: too small to cut patches from", name)
    kinds = {kind: len({s.name for s in sources if s.kind == kind}) for kind in ("scan", "labels", "photograph")}
    made = {"command": general_command_of(args, recipes), "sources": {"sha256": digest_of(sources), **kinds}}
    if args.resume and finished_general(args.output, made) is not None:
        return
    if not args.quiet and recipes.steps > WORTH_A_TRIAL:
        log.info("about %s on this machine", duration(seconds_of_general(sources, recipes, args.device)))
    work = work_folder(args.output, args.resume, *GENERAL_CHECKPOINTS)
    trained = _trained(args, sources, recipes, work, before)
    record = {**made, **_record(args, recipes, trained, before)}
    whole = replace(trained, record=record)
    prior = publish_general(whole, args.output, validation_volumes(args.input), _terms_of(args.start))
    result(f"{args.output.name}: general prior of {sum(kinds.values())} sources, sha256 {prior.digest[:12]}")


def _trained(
    args: Options, sources: list[Source], recipes: GeneralRecipes, work: Path, before: GeneralPrior | None
) -> GeneralPrior:
    """Train the networks whose recipes have steps; the others are those of the bundle before."""
    from ..pretraining.general import pretrain_general as train_detail
    from ..pretraining.noise_level import pretrain_noise_level
    from ..pretraining.truncation import large_enough, pretrain_truncation
    from ..priors.prior import GeneralPrior

    detail, level, truncation = (
        (None, None, None) if before is None else (before.detail, before.noise_level, before.truncation)
    )
    if recipes.detail.steps:
        with _run(args, "general prior", recipes.detail.steps, work / "general.pt", 250) as run:
            detail = train_detail(sources, recipes.detail, network=detail, run=run).cpu()
    if recipes.noise_level.steps:
        with _run(args, "noise level", recipes.noise_level.steps, work / "noise.pt", 100) as run:
            level = pretrain_noise_level(sources, recipes.noise_level, run=run).cpu()
    if recipes.truncation.steps and not large_enough(sources, recipes.truncation):
        log.warning("no slice is large enough to tell truncated k-space from area averages: that network is left out")
    elif recipes.truncation.steps:
        with _run(args, "truncation", recipes.truncation.steps, work / "truncation.pt", 100) as run:
            truncation = pretrain_truncation(sources, recipes.truncation, network=truncation, run=run).cpu()
    assert detail is not None and level is not None  # _recipes saw to it
    return GeneralPrior(detail, level, truncation=truncation)


@contextmanager
def _run(args: Options, title: str, steps: int, checkpoint: Path, every: int) -> Iterator[Run]:
    """Give a run that shows its steps on a bar."""
    from ..pretraining.run import Run

    bar, move = bar_of(args, title, "step")
    with bar:
        yield Run(args.seed, args.device, checkpoint, every, args.resume, lambda step, loss: move(step + 1, steps))


def _record(
    args: Options, recipes: GeneralRecipes, trained: GeneralPrior, before: GeneralPrior | None
) -> dict[str, Any]:
    """Return how every network was made: the recipe of this run, or what the bundle before says."""
    kept = {} if before is None else before.record
    record: dict[str, Any] = {}
    for name in ("detail", "noise_level", "truncation"):
        recipe = getattr(recipes, name)
        if recipe.steps and getattr(trained, name) is not None:
            record[name] = {"recipe": asdict(recipe), "seed": args.seed}
            if name == "truncation" and name in kept:  # which goes on from the network of that bundle
                record[name]["from"] = {"command": kept["command"], **kept[name]}
        elif name in kept:
            record[name] = kept[name]
    if before is not None:  # whose own command is kept beside its network
        was = {"command": kept["command"], **kept["detail"]}
        record["detail"] = {**record["detail"], "from": was} if recipes.detail.steps else was
    return record


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


def _recipes(args: Options, goes_on: bool) -> GeneralRecipes:
    """Return the recipes of all networks, with the steps and the rate that were asked for.

    Raises:
        InputError: numbers that nothing can be trained with.
    """
    from ..pretraining.general import GENERAL, GeneralRecipes
    from ..pretraining.noise_level import NOISE_LEVEL
    from ..pretraining.truncation import TRUNCATION

    asked = {"steps": args.general_steps, "rate": args.rate, "denoising": args.denoising}
    detail = replace(GENERAL, **{name: value for name, value in asked.items() if value is not None})
    if args.side is not None:
        if args.side % 8:
            raise InputError(f"patches of {args.side} voxels", "give --side 16 or more, a multiple of 8")
        detail = detail.with_side(args.side)
    noise = NOISE_LEVEL if args.noise_steps is None else replace(NOISE_LEVEL, steps=args.noise_steps)
    truncation = TRUNCATION if args.truncation_steps is None else replace(TRUNCATION, steps=args.truncation_steps)
    recipes = GeneralRecipes(detail, noise, truncation)
    least = 0 if goes_on else 1
    if min(detail.steps, noise.steps) < least or recipes.steps < 1:
        raise InputError(
            "fewer than one step cannot train anything",
            "give --steps and --noise-steps of 1 or more; 0 with --from keeps that bundle's network",
        )
    return recipes
