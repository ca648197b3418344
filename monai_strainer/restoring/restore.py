# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore a scan with a prior, and give its standard deviation and a report.

check -> prepare -> plan -> localise -> choose -> run -> assess; each step is a function of this folder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..physics import Profile
from ..priors.prior import Prior
from ..volume import Volume
from .adaptation import adapted
from .assess import assess
from .check import check_scan, triple
from .describe import Run, describe
from .even_slices import even_slices
from .localise import localise
from .options import RestoreOptions, changed
from .pass_context import PassContext
from .passes import mixed, run_passes
from .plan import Plan, plan_restoration
from .prepare import Prepared, prepare
from .prior_choice import choose_prior
from .quality import quality_of
from .report import Report

__all__ = ["Restored", "plan", "restore"]


@dataclass(frozen=True, eq=False)
class Restored:
    """The outcome of a restoration.

    Args:
        volume: the restored scan.
        std: standard deviation of every voxel, in the scan's units.
        details: what was done, how sure, and what to check, as typed records.
        network_weight: (X, Y, Z) of the network in a denoised scan, 0 to 1: below 1 it is set aside in favour of the
            data. None where it is not estimated, as in super-resolution.
        relative_error: (X, Y, Z) estimated root mean square error of the neighbourhood of a voxel over that of the
            scan: below 1 the result is better there. 0 outside the object; None where it is not estimated.
    """

    volume: Volume
    std: NDArray[np.float32]
    details: Report
    network_weight: NDArray[np.float32] | None = None
    relative_error: NDArray[np.float32] | None = None

    @cached_property
    def report(self) -> dict[str, Any]:
        """The same as plain numbers and words, fit for JSON."""
        return self.details.as_dict()


def restore(
    scan: Volume,
    prior: Prior,
    scale: float | Sequence[float] = 1,
    *,
    options: RestoreOptions | None = None,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
    **changes: Any,
) -> Restored:
    """Super-resolve or denoise a scan.

    The detail network sees every slice, its neighbours and how they were measured; planes and mirror images are
    averaged, and an exact data step corrects what misses the measurement. Of the cohort's prior and the general one,
    that with the lower estimated error on the scan itself is used, and where the data say that it errs, less of it.
    Zero-filled axes are restored on the acquired grid. Signs, padding and the zeros around a stripped head are kept,
    and the field of view is kept to the edge.

    Args:
        scan: what the scanner gave.
        prior: from :func:`load_prior`.
        scale: 1 denoises; one factor refines in-plane; three factors name the array axes. Fractions are fine.
        options: how; see :class:`monai_strainer.RestoreOptions`.
        device: where to compute.
        progress: called with the slices done and their total, over all passes; before them with the steps of the
            adaptation and their total, where there is one.
        changes: options by name, such as ``sigma=20`` or ``method="coordinates"``; unknown ones are refused.

    Returns:
        Restored; ``report["warnings"]`` says in plain words what to check.

    Raises:
        InputError: the scan is empty, constant, not finite or has no slices; a scale or an option is not usable.
    """
    options = changed(options, changes)
    scan, ready, plan = _planned(scan, prior, scale, options)
    localised = localise(ready, prior)
    choice = choose_prior(prior, ready, localised, plan)
    context = PassContext(
        choice.prior, localised.pose, ready.intensity_scale, ready.noise, plan.build, device, progress, plan.fit,
        options.seed, ready.acquired.filled, mirrors=options.mirrors,
    )  # fmt: skip
    if plan.method == "amortised":
        choice = adapted(choice, ready, context, plan.passes[0], options.adapt, options.seed)
        context = replace(context, prior=choice.prior, trial=choice.trial)
    runs = 1 if plan.other is None else 2
    done = run_passes(ready, plan, context, options.coordinate_features, (0, runs))
    if plan.other is not None:
        profile, weight = plan.other
        other = run_passes(ready, plan, replace(context, operator=profile), options.coordinate_features, (1, runs))
        done = mixed(done, other, weight)
    found = assess(scan, ready, done, plan.passes[0].axes[0], context, options.keep_lesions)
    quality = quality_of(scan, ready, localised, found.volume)
    run = Run(triple(scan, scale), options, plan, ready, localised, choice)
    details = describe(prior, run, done, found, quality).after(*scan.findings)
    return Restored(found.volume, found.std, details, found.network_weight, found.relative_error)


def plan(
    scan: Volume,
    prior: Prior,
    scale: float | Sequence[float] = 1,
    *,
    options: RestoreOptions | None = None,
    **changes: Any,
) -> Plan:
    """Plan what :func:`restore` would do, without restoring: method, passes, noise and notes.

    Args:
        scan, prior, scale, options, changes: see :func:`restore`.

    Raises:
        InputError: as :func:`restore`.
    """
    found = _planned(scan, prior, scale, changed(options, changes))[-1]
    return replace(found, notes=(*scan.findings, *found.notes))


def _planned(
    scan: Volume, prior: Prior, scale: float | Sequence[float], options: RestoreOptions
) -> tuple[Volume, Prepared, Plan]:
    """Check and prepare the scan, and return it with slices that can be compared, what was decided, and the plan."""
    check_scan(scan, prior, options.thickness)
    factors = triple(scan, scale)
    notes: list[str] = []
    if factors[scan.slice_axis] > 1 and options.operator is None:
        scan, notes = even_slices(scan)
    find = isinstance(options.build, Profile) and options.method != "coordinates" and prior.general is not None
    ready = prepare(scan, prior, factors, options, find)
    ready = replace(ready, notes=(*notes, *ready.notes))
    return scan, ready, plan_restoration(ready, prior, options, scan.thickness)
