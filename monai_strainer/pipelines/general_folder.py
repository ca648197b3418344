# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Write a general prior as a complete bundle: weights, configurations, metadata, licence and page.

Configurations are those of the general bundle that comes with the package, with the sizes of the new network. What the
owner has put there already stays.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..pretraining.phases import announce
from ..priors.general_store import GENERAL_RULES, load_general, save_general
from ..priors.prior import GeneralPrior, Prior
from ..priors.shipped import bundle_path
from .bundle_folder import (
    Companions,
    companions,
    has_checkpoints,
    remove_checkpoints,
    write_companions,
)
from .bundle_metrics import measured
from .general_page import general_license, general_metadata, general_readme

__all__ = ["GENERAL_CHECKPOINTS", "finished_general", "publish_general"]

GENERAL_CHECKPOINTS = ("general.pt", "noise.pt", "truncation.pt")


def finished_general(out: Path, made: Mapping[str, Any]) -> GeneralPrior | None:
    """Return the general prior that a finished run left, or None where there is none, or checkpoints to go on from.

    Args:
        out: the bundle.
        made: ``command`` and ``sources`` of the run, as ``general.json`` says them.

    Raises:
        InputError: the prior was made by another command or of other sources.
    """
    if not (out / GENERAL_RULES).is_file() or has_checkpoints(out, GENERAL_CHECKPOINTS):
        return None
    there = load_general(out)
    assert there is not None
    if different := [name for name, value in made.items() if there.record.get(name) != value]:
        finding = f"the prior was made with another {', '.join(different)}"
        raise InputError(
            finding, "start again without --resume, or use the same sources and options", out / GENERAL_RULES
        )
    announce("the prior is complete: nothing is left to do")
    return there


def publish_general(
    prior: GeneralPrior, out: str | Path, validation: Sequence[Path] = (), terms: str = ""
) -> GeneralPrior:
    """Write a general prior as a complete bundle; its rules come last. The files of its training are removed.

    Args:
        prior: with its record.
        out: bundle folder.
        validation: scans that did not train, to measure the prior on.
        terms: of the data that the start was trained on.

    Returns:
        the prior as it now lies there.
    """
    folder = Path(out)
    whole = replace(Prior.cold(), detail=prior.detail, general=prior)
    metrics = measured(whole, validation)
    write_companions(folder, companions(folder, whole, _texts(prior, folder, metrics, terms)))
    saved = save_general(prior, folder)
    remove_checkpoints(folder, GENERAL_CHECKPOINTS)
    return saved


def _texts(prior: GeneralPrior, folder: Path, metrics: Mapping[str, float], terms: str) -> Companions:
    """Return what only a general prior's bundle says."""
    template = bundle_path("general_strainer")
    about = json.loads((template / "configs" / "metadata.json").read_text(encoding="utf-8"))
    return Companions(
        template,
        general_metadata(about, folder.resolve().name, prior, metrics),
        general_readme(prior, metrics),
        general_license(prior, terms),
    )
