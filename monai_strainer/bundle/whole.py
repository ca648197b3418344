# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Finish a run of train.json: the detail network beside the coordinate network, and a complete bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ..cohorts.read import read_heads
from ..inferers import as_siren
from ..networks import Siren
from ..pipelines.bundle_folder import publish as published
from ..pipelines.prior_phases import persons_of, prior_of, train_detail
from ..pipelines.prior_recipe import PriorRecipe
from ..pipelines.prior_start import Start, start_of
from ..pretraining.detail import DetailRecipe
from ..pretraining.run import Run
from ..pretraining.tuning import held_out, tune_detail
from ..priors.prior import Prior
from ..storage.checkpoints import read_checkpoint
from .parts import bar, filled
from .training import Work, is_first

__all__ = ["Detail", "begun", "publish", "started"]

WORKING = ("training.pt", "trained.pt", "statistics.pt", "reference.pt", "model.pt", "detail.pt")


def started(bundle: str | None, plane: str) -> Start | None:
    """Load the prior that a run starts from; None where it starts from nothing.

    Args:
        bundle: folder, or the name of a bundle that comes with the package.
        plane: of the slices.
    """
    return None if bundle is None else start_of(bundle, PriorRecipe(plane=plane))  # type: ignore[arg-type]


def begun(network: Siren, start: Start | None) -> Siren:
    """Return the network of a configuration with the weights of the start; a general prior has none for it.

    Args:
        network: as the configuration builds it.
        start: what the training starts from; None starts from the network itself.

    Raises:
        InputError: the network has other sizes than the start's.
    """
    return network if start is None or start.record["kind"] == "general" else filled(network, start.prior)


@dataclass(frozen=True, eq=False)
class Detail:
    """How the detail network of a run is trained.

    Args:
        recipe: steps, sizes of patches, rates; 0 steps train none, or keep that of the start.
        scans: that train.
        validation: that do not.
        start: where to start; then a fifth of the scans decides how long to train.
        device: where to train.
    """

    recipe: DetailRecipe
    scans: Sequence[Path]
    validation: Sequence[Path]
    start: Start | None = None
    device: Any = "cpu"


def publish(work: Work, detail: Detail, record: dict[str, Any]) -> Prior | None:
    """Train the detail network and write all as a complete bundle.

    Args:
        work: the run of the coordinate network, trained.
        detail: what follows.
        record: what else ``prior.json`` says.

    Returns:
        the prior as it now lies there; None in all processes but the first.
    """
    if not is_first():
        return None
    out = Path(work.output_dir)
    prior = prior_of(as_siren(work.network), work.cohort, work.file("reference.pt"), work.resume)
    own: dict[str, Any] = {"kind": "cohort", "scans": len(detail.scans), "recipe": asdict(work.recipe)}
    own |= {"seed": work.seed, "cohort_sha256": work.cohort.digest}
    prior = replace(prior, record={**own, **record})
    run = Run(seed=work.seed, device=detail.device, checkpoint=work.file("detail.pt"), resume=work.resume)
    if not work.resume:
        work.file("detail.pt").unlink(missing_ok=True)
    if detail.start is not None:
        prior = _tuned(prior, detail, detail.start, run, _gain_of_encoder(work))
    elif detail.recipe.steps:
        kept: dict[str, Any] = {name: record[name] for name in ("config", "command") if name in record}
        prior = train_detail(prior, detail.scans, out, detail.recipe, run=run, watch=bar, record=kept)
    others = [path for path in detail.validation if path not in set(detail.scans)]
    done = published(prior, out, others, "" if detail.start is None else detail.start.terms)
    for name in WORKING:
        work.file(name).unlink(missing_ok=True)
    return done


def _gain_of_encoder(work: Work) -> dict[str, Any]:
    """Return what the training of the coordinate network was worth on scans held out, if that was measured."""
    gain = read_checkpoint(work.file("trained.pt"), torch.device("cpu")).get("gain")
    return {} if gain is None else {"encoder": gain}


def _tuned(prior: Prior, detail: Detail, start: Start, run: Run, gain_before: dict[str, Any]) -> Prior:
    """Train the detail network of the start further, as long as that helps on scans held out."""
    assert start.prior.detail is not None
    train, held = held_out(persons_of(detail.scans))
    heads = read_heads(detail.scans, percentile=prior.percentile)
    with bar("detail network", detail.recipe.steps) as on_step:
        made, gain = tune_detail(
            [heads[k] for k in train],
            [heads[k] for k in held],
            start.prior.detail,
            prior.network,
            detail.recipe,
            run=replace(run, on_step=on_step),
        )
    kept = {"recipe": asdict(detail.recipe), "seed": run.seed, "scans": len(train), "held_out": len(held)}
    own = {"from": start.record, "gain": {**gain_before, "detail": asdict(gain)}, "detail": kept}
    return replace(prior, detail=made, record={**prior.record, **own})
