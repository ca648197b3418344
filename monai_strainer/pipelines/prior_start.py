# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Load the prior that a training starts from, with what must be kept of it: its hashes and the terms of its data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..priors.prior import Prior
from ..priors.shipped import bundle_path
from ..priors.store import load_prior
from .prior_recipe import PriorRecipe

__all__ = ["Start", "start_of"]


@dataclass(frozen=True, eq=False)
class Start:
    """Where a training starts.

    Args:
        prior: to train further.
        folder: of its bundle.
        record: what ``prior.json`` says of it.
        terms: of the data that it was trained on; empty where its bundle does not say.
    """

    prior: Prior
    folder: Path
    record: dict[str, Any]
    terms: str = ""


def start_of(bundle: str | Path, recipe: PriorRecipe) -> Start:
    """Load a prior to start from.

    Args:
        bundle: folder, or the name of a bundle that comes with the package.
        recipe: of the training that follows.

    Raises:
        InputError: there is no such bundle, or its prior does not go with the recipe.

    Example:
        >>> start_of("general_strainer", PriorRecipe()).record["kind"]
        'general'
    """
    folder = Path(bundle)
    if not folder.is_dir():
        if folder.name != str(bundle):
            raise InputError("there is no such bundle", "give a folder, mri_strainer or general_strainer", folder)
        folder = bundle_path(folder.name)
    prior = load_prior(folder)
    kind = prior.record.get("kind", "cohort")
    if recipe.kind != "cohort":
        raise InputError(f"the kind {recipe.kind} does not start from a bundle", "leave out the start, or the kind")
    if prior.detail is None:
        raise InputError("the start has no detail network", "start from mri_strainer or general_strainer", folder)
    if kind != "general" and prior.plane != recipe.plane:
        finding = f"the start has {prior.plane} slices, not {recipe.plane} ones"
        raise InputError(finding, f"use the plane {prior.plane}", folder)
    known = prior.general.record if kind == "general" and prior.general is not None else prior.record
    kept: dict[str, Any] = {name: known[name] for name in ("sha256", "detail", "from") if name in known}
    terms = folder / "docs" / "data_license.txt"
    return Start(prior, folder, {"kind": kind, **kept}, terms.read_text(encoding="utf-8") if terms.is_file() else "")
