# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Make a whole prior from a cohort: encoder, statistics, reference map, detail network, record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..anatomy.coarse_image import mirrored_coarse_heads
from ..cohorts.read import Cohort, read_cohort, read_heads
from ..cohorts.selection import Choice, choose_scans, without_label_maps
from ..errors import InputError
from ..geometry import Plane
from ..io import refuse_inside
from ..networks import DetailPrior, Siren
from ..pretraining.detail import DETAIL, DetailRecipe, pretrain_detail
from ..pretraining.encoder import COHORT, Kind, Recipe, pretrain
from ..pretraining.noise_cohort import NOISE_IMAGES, noise_slices
from ..pretraining.phases import Phase, announce, digest_of_weights
from ..pretraining.run import ONCE, Run
from ..priors.prior import Prior
from ..priors.similarity import ReferenceScores, reference_scores
from ..priors.store import RULES, save_prior
from ..storage.marks import Busy, hold

__all__ = ["LEARNING", "PriorRecipe", "Watch", "pretrain_prior", "prior_of", "silent", "train_detail", "work_folder"]

LEARNING = "runs/.learning.started"  # stands in a bundle while a prior is learned
Watch = Callable[[str, int], AbstractContextManager[Callable[[int, float], None]]]
"""Shows progress: takes a title and the number of steps, and gives what is called with a step and its loss."""


@dataclass(frozen=True)
class PriorRecipe:
    """How a whole prior is made.

    Args:
        kind: see :func:`monai_strainer.pretrain`.
        encoder: of the coordinate network.
        detail: of the detail network; 0 steps train none.
        grid: slices, rows and columns of the common grid.
        plane: of the slices.
        contrast: of the scans; by default T1w where there is one.
        images: use only the first so many scans; of the kind "noise", so many fields of noise.
    """

    kind: Kind = "cohort"
    encoder: Recipe = COHORT
    detail: DetailRecipe = DETAIL
    grid: tuple[int, int, int] = (96, 152, 200)
    plane: Plane = "axial"
    contrast: str | None = None
    images: int | None = None

    @property
    def fields(self) -> int:
        """Fields of noise, where no scans are needed."""
        return self.images or NOISE_IMAGES


@contextmanager
def silent(title: str, steps: int) -> Iterator[Callable[[int, float], None]]:
    """Show no progress."""
    yield lambda step, loss: None


def pretrain_prior(
    cohort: str | Path | Choice | None,
    out: str | Path,
    recipe: PriorRecipe | None = None,
    *,
    run: Run = ONCE,
    overwrite: bool = False,
    watch: Watch = silent,
    record: Mapping[str, Any] | None = None,
) -> Prior:
    """Learn a prior from a folder of scans and write it into a bundle folder.

    The trained weights are written before the statistics that follow, and every phase is kept in ``out/runs``: an
    interrupted run goes on where it stopped. Images of patients do not stay there.

    Args:
        cohort: folder of NIfTI files or a BIDS folder, or scans that were chosen before; None for the kind "noise".
        out: bundle folder; the prior is written to its ``models``.
        recipe: how; by default the recipe of the shipped prior.
        run: seed, device, and whether to go on after an interruption; its checkpoint is not used.
        overwrite: replace a prior that is there.
        watch: shows the progress of the long phases.
        record: what else ``prior.json`` says.

    Returns:
        the prior as it now lies there.

    Raises:
        InputError: no scans to learn from, one that cannot be read, a prior that is there, an output inside the cohort.

    Example:
        >>> prior = pretrain_prior("cohort", "my_bundle", PriorRecipe(images=10))  # doctest: +SKIP
    """
    recipe, out = recipe or PriorRecipe(), Path(out)
    choice = _chosen(cohort, out, recipe)
    may_replace = overwrite or run.resume or (out / LEARNING).exists()  # the mark of a process that was killed
    if (out / RULES).exists() and not may_replace:
        raise InputError("there is a prior already", "pass --overwrite, or choose another folder", out / RULES)
    with _alone(out / LEARNING):
        return _learned(choice, out, recipe, run, watch, record or {})


def _learned(
    choice: Choice | None, out: Path, recipe: PriorRecipe, run: Run, watch: Watch, record: Mapping[str, Any]
) -> Prior:
    """Learn and write: both networks appear together, for a prior without its detail network looks complete."""
    made, digest = _coordinate_prior(choice, out, recipe, run, watch)
    own = {
        "kind": recipe.kind,
        "scans": 0 if choice is None else len(choice.train),
        "recipe": asdict(recipe.encoder),
        "seed": run.seed,
        **record,
    }
    if choice is None:
        own |= {"fields": {"count": recipe.fields, "shape": recipe.grid, "exponent": 1.0}}
    else:
        own |= {"cohort_sha256": digest, **choice.record()}
    if choice is None or recipe.detail.steps == 0:
        return save_prior(made, out, own)
    kept = {name: value for name, value in own.items() if name == "command"}
    made = replace(made, record=own)
    return train_detail(made, choice.train, out, recipe.detail, run=run, watch=watch, record=kept)


@contextmanager
def _alone(mark: Path) -> Iterator[None]:
    """Learn alone in a folder. The mark stays where the process is killed: the next run learns the prior anew.

    Raises:
        InputError: another process learns there.
    """
    try:
        with hold(mark):
            try:
                yield
            finally:
                mark.unlink(missing_ok=True)
    except Busy:
        finding, remedy = "another process learns a prior here", "wait until it has ended, or choose another folder"
        raise InputError(finding, remedy, mark.parent.parent) from None


def _chosen(cohort: str | Path | Choice | None, out: Path, recipe: PriorRecipe) -> Choice | None:
    """Return the scans that train, or None for noise."""
    if (cohort is None) != (recipe.kind == "noise"):
        raise InputError("noise needs no scans, and all other kinds need some", "give a folder, or the kind noise")
    if cohort is None or isinstance(cohort, Choice):
        return cohort
    refuse_inside(out, Path(cohort))
    return without_label_maps(choose_scans(cohort, recipe.contrast), Path(cohort), recipe.images)


def work_folder(out: Path, resume: bool, *checkpoints: str) -> Path:
    """Make the folder ``runs`` of a bundle; a training that starts anew removes the checkpoints of the one before.

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


def _coordinate_prior(
    choice: Choice | None, out: Path, recipe: PriorRecipe, run: Run, watch: Watch
) -> tuple[Prior, str]:
    """Pretrain the coordinate prior; return it and the digest of its cohort."""
    work = work_folder(out, run.resume)
    with ExitStack() as leaving:  # however it ends: patient images do not stay in a bundle
        leaving.callback((work / "cohort.npy").unlink, missing_ok=True)
        cohort = None if choice is None else _cohort(choice, recipe, work / "cohort.npy", watch)
        slices = noise_slices(recipe.fields, recipe.grid, seed=run.seed) if cohort is None else cohort.slices
        work_folder(out, run.resume, "checkpoint.pt", "checkpoint-statistics.pt", "reference.pt", "detail.pt")
        with watch("pretraining", recipe.encoder.steps) as on_step:
            here = replace(run, checkpoint=work / "checkpoint.pt", on_step=on_step)
            network = pretrain(slices, recipe.encoder, kind=recipe.kind, run=here)
        if cohort is None:
            return Prior(network.cpu(), recipe.plane), ""
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
    """Build a prior from a trained network and all that is known of the cohort that taught it.

    Args:
        network: the coordinate network.
        cohort: that taught it.
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
    """Train a detail network beside a coordinate network and write both as one prior into a bundle folder.

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
        the prior as it now lies there.
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
    done = replace(prior, network=prior.network.cpu(), detail=detail.cpu())
    return save_prior(done, out, {**prior.record, "detail": kept})
