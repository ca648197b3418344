# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Describe how a scan was restored: gather what every step found into one report."""

from __future__ import annotations

from dataclasses import dataclass

from .._version import __version__
from ..priors.prior import Prior
from .assess import Assessed
from .localise import Localised
from .options import RestoreOptions
from .passes import Passed
from .plan import Plan
from .prepare import Prepared
from .prior_choice import Choice
from .report import (
    FORMAT,
    AcquiredGrid,
    ChosenPrior,
    FitSettings,
    Intensity,
    Noise,
    QualityBeforeAfter,
    Report,
)

__all__ = ["Run", "describe"]

_OTHER_OPERATOR = "no network was trained on this operator or factor: it serves as a denoiser (plug-and-play)"


@dataclass(frozen=True, eq=False)
class Run:
    """What was asked for, and what every step before the assessment made of it.

    Args:
        scale: per array axis.
        options: as given.
        plan: method and passes.
        ready: the scan, prepared.
        localised: where it lies in the cohort's head.
        choice: which prior restored it.
    """

    scale: tuple[float, float, float]
    options: RestoreOptions
    plan: Plan
    ready: Prepared
    localised: Localised
    choice: Choice


def describe(prior: Prior, run: Run, done: Passed, found: Assessed, quality: QualityBeforeAfter) -> Report:
    """Build the report of one restoration.

    Args:
        prior: as loaded.
        run: what was asked for and decided.
        done: all passes.
        found: what is known of the result.
        quality: image quality figures before and after.
    """
    ready, choice, plan = run.ready, run.choice, run.plan
    level = ready.level
    return Report(
        format=FORMAT,
        made_by=f"monai_strainer {__version__}",
        task="denoising" if max(run.scale) == 1 else "super-resolution",
        profile=run.plan.profile,
        method=plan.method,
        scale=run.scale,
        seed=run.options.seed,
        keep_lesions=run.options.keep_lesions,
        fit=None
        if plan.fit is None
        else FitSettings(steps=plan.fit.steps, optimiser=plan.fit.optimiser, freeze=plan.fit.freeze),
        prior_sha256=prior.digest,
        prior=prior.record.get("kind", "cohort"),
        detail_sha256=_detail_of(prior, choice, plan.method),
        choice=ChosenPrior(prior=choice.name, why=choice.why, trials=choice.trials, adaptation=choice.adaptation),
        noise=Noise(
            model=ready.noise.__name__,
            sigma=level.relative * ready.intensity_scale,
            relative=level.relative,
            reading=level.reading,
        ),
        intensity=Intensity(percentile=prior.percentile, scale=ready.intensity_scale, signed=ready.signed),
        acquired=AcquiredGrid(sizes=ready.acquired.sizes, zero_filled_axes=ready.acquired.filled),
        risk=found.risk,
        data=found.data,
        quality=quality,
        cohort=run.localised.fit,
        passes=done.reports,
        median_std=found.median_std,
        notes=(*ready.notes, *([_OTHER_OPERATOR] if plan.method == "plug_and_play" else [])),
        warnings=_warnings(prior, run, found),
        use="research use only; not for diagnosis",
    )


def _warnings(prior: Prior, run: Run, found: Assessed) -> tuple[str, ...]:
    """Gather the warnings of all steps, and add those that rest on several of them."""
    ready, localised = run.ready, run.localised
    warnings = [*localised.warnings, *found.warnings]
    is_cohorts = run.choice.name in ("cohort", "none")
    if is_cohorts and not localised.whole and not ready.signed:
        warnings.insert(
            0, "the scan holds only part of a head; its height in the head was found by trying, not measured"
        )
    if is_cohorts and localised.unlike:
        warnings.insert(0, localised.unlike)
    volume = ready.acquired.volume
    is_across = volume.grid.axis_of(prior.plane) != volume.slice_axis and min(volume.grid.shape) > 1
    if run.plan.method == "coordinates" and is_across:
        warnings.append(f"the prior was trained on {prior.plane} slices, the scan's slices run along another axis")
    return tuple(warnings)


def _detail_of(prior: Prior, choice: Choice, method: str) -> str:
    """Return the hash of the detail network that restored the scan; empty where none did."""
    if method == "coordinates":
        return ""
    if choice.name == "general" and prior.general is not None:
        return prior.general.digest
    return str(prior.record.get("detail", {}).get("sha256", ""))
