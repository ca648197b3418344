# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Resolve the options of a pretraining, and write the command line that makes the same prior again."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

from ..errors import InputError
from ..pipelines.prior_recipe import PriorRecipe
from ..pretraining.detail import DETAIL
from ..pretraining.encoder import COHORT, META, PAPER
from ..pretraining.general import GeneralRecipes
from ..pretraining.tuning import TUNE_DETAIL, TUNE_ENCODER

__all__ = ["command_of", "general_command_of", "recipe_of"]

SHIPPED = ("mri_strainer", "general_strainer")  # bundles of the package, which may be named
Options = Any  # an argparse.Namespace; only the command line knows argparse


def recipe_of(args: Options) -> PriorRecipe:
    """Build a recipe from the options of a command line.

    Raises:
        InputError: options that do not go together, or numbers that nothing can be trained with.
    """
    if args.kind == "meta" and args.recipe is not None:
        raise InputError(f"--recipe {args.recipe} cannot be combined with --kind meta", "leave out --recipe")
    start = getattr(args, "start", None)  # of the command pretrain alone
    if start is not None and (args.kind != "cohort" or args.recipe is not None):
        raise InputError("--from trains a prior of the kind cohort further", "leave out --kind and --recipe")
    encoder = (
        PAPER if args.recipe == "paper" else META if args.kind == "meta" else COHORT if start is None else TUNE_ENCODER
    )
    encoder = encoder if args.pretrain_steps is None else replace(encoder, steps=args.pretrain_steps)
    if encoder.steps < (start is None):
        raise InputError("fewer than one step cannot train anything", "give --steps of 1 or more")
    detail = DETAIL if start is None else TUNE_DETAIL
    detail = detail if args.detail_steps is None else replace(detail, steps=args.detail_steps)
    grid = PriorRecipe.grid
    if args.grid:
        if len(args.grid) != 3:
            raise InputError(f"a grid of {args.grid}", "give slices, rows and columns: --grid 96,152,200")
        grid = (int(args.grid[0]), int(args.grid[1]), int(args.grid[2]))
    return PriorRecipe(args.kind, encoder, detail, grid, args.plane, args.contrast, args.images)


def command_of(args: Options, recipe: PriorRecipe) -> str:
    """Return the command line that makes the same prior; folders, whose names may identify patients, are placeholders.

    Numbers that a recipe gives are written out: a later version may have another recipe.

    Args:
        args: of the command line, for what is not in the recipe.
        recipe: as it was resolved.
    """
    is_bids = args.command == "bids"
    words = ["bids", "BIDS_DIR", "OUT_DIR", "group"] if is_bids else ["pretrain", "COHORT_DIR", "OUT_BUNDLE"]
    options: dict[str, Any] = {"kind": args.kind, "recipe": args.recipe, "images": args.images}
    options["pretrain-steps" if is_bids else "steps"] = recipe.encoder.steps
    options |= {"detail-steps": recipe.detail.steps, "contrast": args.contrast}
    if getattr(args, "start", None) is not None:
        options["from"] = args.start if args.start in SHIPPED else "BUNDLE"
    options |= {"plane": args.plane, "grid": ",".join(map(str, recipe.grid)), "seed": args.seed, "device": args.device}
    if is_bids:
        options |= {"nprocs": args.nprocs, "bids-filter-file": args.bids_filter_file and args.bids_filter_file.name}
    words += _options(options)
    for name in ("participant", "session") if is_bids else ():
        if labels := getattr(args, f"{name}_label"):
            words += [f"--{name}-label", *labels]
    return shlex.join(["monai-strainer", *words])


def general_command_of(args: Options, recipes: GeneralRecipes) -> str:
    """Return the command line that makes the same general prior of the same sources, with placeholders for folders.

    Args:
        args: of the command line.
        recipes: of its networks, as they were resolved.
    """
    detail = recipes.detail
    options: dict[str, Any] = {"steps": detail.steps, "noise-steps": recipes.noise_level.steps}
    options |= {
        "truncation-steps": recipes.truncation.steps,
        "rate": f"{detail.rate:g}",
        "denoising": f"{detail.denoising:g}",
        "side": args.side,
        "from": args.start and "BUNDLE",
        "seed": args.seed,
        "device": args.device,
    }
    return shlex.join(["monai-strainer", "pretrain-general", "FOLDER", "OUT_BUNDLE", *_options(options)])


def _options(values: dict[str, Any]) -> list[str]:
    """Options of a command line; None is left out."""
    return [word for name, value in values.items() if value is not None for word in (f"--{name}", str(value))]
