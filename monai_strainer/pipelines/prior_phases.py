# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Run the phases of making a prior: read the cohort, train or tune both networks, describe the cohort."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..anatomy.coarse_image import mirrored_coarse_heads
from ..cohorts.read import Cohort, read_cohort, read_heads
from ..cohorts.selection import Choice
from ..networks import DetailPrior, Siren
from ..pretraining.detail import DETAIL, DetailRecipe, pretrain_detail
from ..pretraining.encoder import pretrain
from ..pretraining.phases import Phase, announce, digest_of_weights
from ..pretraining.run import ONCE, Run
from ..pretraining.tuning import held_out, tune_detail, tune_encoder
from ..priors.prior import Prior
from ..priors.similarity import ReferenceScores, reference_scores
from .prior_recipe import PriorRecipe, Watch, silent

__all__ = ["coordinate_prior", "persons_of", "prior_of", "train_detail", "tuned_prior", "work_folder"]

CHECKPOINTS = ("checkpoint.pt", "checkpoint-statistics.pt", "readouts-statistics.pt", "reference.pt", "detail.pt")


def work_folder(out: Path, resume: bool, *checkpoints: str) -> Path:
    """Make the folder ``runs`` of a bundle; a training that is not resumed removes the checkpoints of the one before.

    Args:
        out: the bundle.
        resume: keep them.
        checkpoints: names of files there.
    """
    work = out / "runs"
    work.mkdir(parents=True, exist_ok=True)
    for name in () if resume else checkpoints:
        (work / name).unlink(missing_ok=True)
    return work


def coordinate_prior(choice: Choice, out: Path, recipe: PriorRecipe, run: Run, watch: Watch) -> tuple[Prior, str]:
    """Pretrain the coordinate prior.

    Args:
        choice: the scans.
        out: the bundle; checkpoints lie in its folder ``runs``.
        recipe: how.
        run: seed, device, and whether to resume.
        watch: shows progress.

    Returns:
        the prior, and the digest of its cohort.
    """
    work = work_folder(out, run.resume)
    with ExitStack() as leaving:  # however it ends: patient images do not stay in a bundle
        leaving.callback((work / "cohort.npy").unlink, missing_ok=True)
        cohort = _cohort(choice, recipe, work / "cohort.npy", watch)
        work_folder(out, run.resume, *CHECKPOINTS)
        with watch("pretraining", recipe.encoder.steps) as on_step:
            here = replace(run, checkpoint=work / "checkpoint.pt", on_step=on_step)
            network = pretrain(cohort.slices, recipe.encoder, kind=recipe.kind, run=here)
        return prior_of(network, cohort, work / "reference.pt", run.resume), cohort.digest


def _cohort(choice: Choice, recipe: PriorRecipe, cache: Path, watch: Watch) -> Cohort:
    """Read the scans that train, on one grid."""
    announce(f"reading {len(choice.train)} scans")
    with watch("reading", len(choice.train)) as on_scan:
        counted = _counted(on_scan)
        return read_cohort(choice.train, plane=recipe.plane, shape=recipe.grid, cache=cache, progress=counted)


def _counted(on_scan: Callable[[int, float], None]) -> Callable[[list[Path]], Iterable[Path]]:
    """Return a function that wraps a list of files and counts every one that is done."""

    def through(paths: list[Path]) -> Iterator[Path]:
        for number, path in enumerate(paths):
            yield path
            on_scan(number, 0.0)

    return through


def prior_of(network: Siren, cohort: Cohort, checkpoint: Path | None = None, resume: bool = False) -> Prior:
    """Build a prior from a trained network and all that is known of the cohort that it was trained on.

    Args:
        network: the coordinate network.
        cohort: that it was trained on.
        checkpoint: file to keep the reference scores in, which take minutes to measure.
        resume: take them from the file if they belong to this network and cohort.
    """
    network = network.cpu()
    identity = {"weights": digest_of_weights(network), "cohort": cohort.digest}
    phase = Phase(f"reference map of {len(cohort.slices.images)} heads", identity, checkpoint, resume)
    kept = phase.result(
        lambda: {"typical": reference_scores(network, mirrored_coarse_heads(cohort.slices)).as_record()}
    )
    typical = ReferenceScores.from_record(kept["typical"])
    return Prior(network, cohort.plane, cohort.percentile, cohort.half_mm, typical=typical)


def train_detail(
    prior: Prior,
    scans: Sequence[Path],
    out: str | Path,
    recipe: DetailRecipe = DETAIL,
    *,
    network: DetailPrior | None = None,
    run: Run = ONCE,
    watch: Watch = silent,
    record: Mapping[str, Any] | None = None,
) -> Prior:
    """Train a detail network beside a coordinate network.

    Args:
        prior: the coordinate prior; a detail network that it has already is replaced.
        scans: NIfTI files.
        out: bundle folder; ``runs/detail.pt`` there is the checkpoint to resume from.
        recipe: how.
        network: where to start and how wide to be; the default sizes if None.
        run: seed, device and whether to resume.
        watch: shows the progress.
        record: what else ``prior.json`` says of the training.

    Returns:
        the prior with both networks; it is not written.
    """
    work = work_folder(Path(out), resume=True)
    with watch("reading", len(scans)) as on_scan:
        heads = read_heads(scans, percentile=prior.percentile, progress=_counted(on_scan))
    with watch("detail network", recipe.steps) as on_step:
        here = replace(run, checkpoint=work / "detail.pt", on_step=on_step)
        detail = pretrain_detail(heads, prior.network, recipe, network=network, run=here)
    kept = {"recipe": asdict(recipe), "seed": run.seed, "scans": len(heads), **(record or {})}
    if network is not None and network is prior.detail:  # trained further: what came before is part of how it was made
        kept["from"] = prior.record.get("detail")
    return replace(prior, network=prior.network.cpu(), detail=detail.cpu(), record={**prior.record, "detail": kept})


def persons_of(scans: Sequence[Path]) -> list[str]:
    """Return whose each scan is: the participant of a BIDS path, else the file itself.

    Example:
        >>> persons_of([Path("sub-1/ses-a/anat/sub-1_ses-a_T1w.nii"), Path("b.nii.gz")])
        ['sub-1', 'b.nii.gz']
    """
    found = [re.search(r"(?:^|/)(sub-[A-Za-z0-9+]+)(?=[_/])", path.as_posix()) for path in scans]
    return [match[1] if match else path.as_posix() for match, path in zip(found, scans)]


def tuned_prior(
    choice: Choice, out: Path, recipe: PriorRecipe, start: Prior, run: Run, watch: Watch
) -> tuple[Prior, str]:
    """Train both networks of a prior further, and write nothing but checkpoints.

    A general prior has no coordinate network: a fresh one is trained. Its detail network takes no features of it.

    Args:
        choice: the scans; a fifth of the persons is held out to decide how long to train.
        out: the bundle; checkpoints lie in its folder ``runs``.
        recipe: how.
        start: prior with a detail network.
        run: seed, device, and whether to resume.
        watch: shows progress.

    Returns:
        the prior, and the digest of its cohort.
    """
    assert start.detail is not None
    work = work_folder(out, run.resume)
    train, held = held_out(persons_of(choice.train))
    with ExitStack() as leaving:
        leaving.callback((work / "cohort.npy").unlink, missing_ok=True)
        cohort = _cohort(choice, recipe, work / "cohort.npy", watch)
        work_folder(out, run.resume, *CHECKPOINTS)
        with watch("pretraining", recipe.encoder.steps) as on_step:
            here = replace(run, checkpoint=work / "checkpoint.pt", on_step=on_step)
            network, of_encoder = tune_encoder(cohort.slices, held, start.network, recipe.encoder, run=here)
        prior = prior_of(network, cohort, work / "reference.pt", run.resume)
    with watch("reading", len(choice.train)) as on_scan:
        heads = read_heads(choice.train, percentile=prior.percentile, progress=_counted(on_scan))
    with watch("detail network", recipe.detail.steps) as on_step:
        here = replace(run, checkpoint=work / "detail.pt", on_step=on_step)
        ours, others = ([heads[k] for k in some] for some in (train, held))
        detail, of_detail = tune_detail(ours, others, start.detail, prior.network, recipe.detail, run=here)
    record = {
        "gain": {"encoder": asdict(of_encoder), "detail": asdict(of_detail)},
        "detail": {
            "recipe": asdict(recipe.detail),
            "seed": run.seed,
            "scans": len(train),
            "held_out": len(held),
        },
    }
    return replace(prior, detail=detail.cpu(), record=record), cohort.digest
