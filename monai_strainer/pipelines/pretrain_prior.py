# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Make a whole prior from a cohort, or tune one to it, and write it as a complete bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..cohorts.selection import Choice, choose_scans, without_label_maps
from ..errors import InputError
from ..io import refuse_inside
from ..pretraining.run import ONCE, Run
from ..priors.prior import Prior
from ..priors.store import RULES
from ..storage.marks import Busy, hold
from .bundle_folder import finished, publish, validation_of
from .prior_phases import coordinate_prior, train_detail, tuned_prior
from .prior_recipe import TUNING, PriorRecipe, Watch, silent
from .prior_start import Start, start_of

__all__ = ["LEARNING", "TUNING", "PriorRecipe", "pretrain_prior"]

LEARNING = "runs/.learning.started"  # stands in a bundle while a prior is learned


def pretrain_prior(
    cohort: str | Path | Choice,
    out: str | Path,
    recipe: PriorRecipe | None = None,
    *,
    run: Run = ONCE,
    overwrite: bool = False,
    watch: Watch = silent,
    record: Mapping[str, Any] | None = None,
    start: str | Path | None = None,
) -> Prior:
    """Learn a prior from a folder of scans, or tune one to them, and write it into a bundle folder.

    The folder becomes a complete bundle: weights, configurations, metadata, licence and a page that describes it. The
    trained weights are written before the statistics that follow, and every phase is kept in ``out/runs``: an
    interrupted run goes on where it stopped. Images of patients do not stay there.

    Args:
        cohort: folder of NIfTI files or a BIDS folder, or scans that were chosen before.
        out: bundle folder; the prior is written to its ``models``.
        recipe: how; by default the recipe of the shipped prior, or :data:`TUNING` with a start.
        run: seed, device, and whether to go on after an interruption; its checkpoint is not used.
        overwrite: replace a prior that is there.
        watch: shows the progress of the long phases.
        record: what else ``prior.json`` says.
        start: bundle whose prior is trained further, by its folder or, where it comes with the package, by its name
            (``"mri_strainer"``, ``"general_strainer"``). See :mod:`monai_strainer.pretraining.tuning`.

    Returns:
        the prior as it now lies there.

    Raises:
        InputError: no scans to learn from, one that cannot be read, a prior that is there, an output inside the cohort,
            or a start that does not fit the recipe.

    Example:
        >>> prior = pretrain_prior("cohort", "my_bundle", PriorRecipe(images=10))  # doctest: +SKIP
        >>> tuned = pretrain_prior("ten_scans", "our_bundle", start="general_strainer")  # doctest: +SKIP
    """
    recipe, out = recipe or (PriorRecipe() if start is None else TUNING), Path(out)
    begin = None if start is None else start_of(start, recipe)
    if begin is not None and begin.folder.resolve() == out.resolve():
        raise InputError("the output is the bundle to start from", "choose another folder", out)
    choice = _chosen(cohort, out, recipe)
    was_killed = (out / LEARNING).exists()
    if (out / RULES).exists() and not (overwrite or run.resume or was_killed):
        raise InputError("there is a prior already", "pass --overwrite, or choose another folder", out / RULES)
    own = _record(choice, recipe, run, record or {})
    if begin is not None:
        own["from"] = begin.record
    if run.resume and not was_killed and (there := finished(out, own, recipe)) is not None:
        return there
    with _alone(out / LEARNING):
        made = _made(choice, out, recipe, begin, own, run, watch)
        return publish(made, out, validation_of(choice), "" if begin is None else begin.terms)


def _made(
    choice: Choice,
    out: Path,
    recipe: PriorRecipe,
    begin: Start | None,
    own: dict[str, Any],
    run: Run,
    watch: Watch,
) -> Prior:
    """Train both networks, or tune those of the start; nothing is written but checkpoints."""
    if begin is not None:
        made, digest = tuned_prior(choice, out, recipe, begin.prior, run, watch)
    else:
        made, digest = coordinate_prior(choice, out, recipe, run, watch)
    own = {**own, "cohort_sha256": digest}
    made = replace(made, record={**own, **made.record})
    if begin is not None or recipe.detail.steps == 0:
        return made
    kept = {name: value for name, value in own.items() if name == "command"}
    return train_detail(made, choice.train, out, recipe.detail, run=run, watch=watch, record=kept)


def _record(choice: Choice, recipe: PriorRecipe, run: Run, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a prior is made, as far as it is known before: what ``prior.json`` says besides the networks."""
    own: dict[str, Any] = {
        "kind": recipe.kind,
        "scans": len(choice.train),
        "recipe": asdict(recipe.encoder),
        "seed": run.seed,
        **record,
    }
    return own | choice.record()


@contextmanager
def _alone(mark: Path) -> Iterator[None]:
    """Learn alone in a folder. The mark stays where the process is killed: the next run learns the prior again.

    Raises:
        InputError: another process learns there.
    """
    try:
        with hold(mark):
            try:
                yield
            finally:
                mark.unlink(missing_ok=True)
        with suppress(OSError):  # there may be more in it: curves, or checkpoints to go on from
            mark.parent.rmdir()
    except Busy:
        finding, remedy = "another process learns a prior here", "wait until it has ended, or choose another folder"
        raise InputError(finding, remedy, mark.parent.parent) from None


def _chosen(cohort: str | Path | Choice, out: Path, recipe: PriorRecipe) -> Choice:
    """Return the scans that train."""
    if isinstance(cohort, Choice):
        return cohort
    refuse_inside(out, Path(cohort))
    return without_label_maps(choose_scans(cohort, recipe.contrast), Path(cohort), recipe.images)
