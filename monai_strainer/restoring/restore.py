# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore a scan with a prior: a better scan, its standard deviation, and a plain report.

check -> prepare -> localise -> choose -> run -> assess; each step is a function of ``monai_strainer.restoring``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..physics import NoiseModel, Operator, Profile, RicianNoise
from ..priors.prior import Prior
from ..volume import Volume
from .adaptation import adapted
from .assess import assess
from .check import METHODS, check_options, check_scan, triple
from .localise import localise
from .method import TRAINED, choose_method, operator_of, profile_record
from .passes import run_passes
from .prepare import prepare
from .prior_choice import choose_prior
from .report import report_of
from .slicewise import Build, Scene, legs, operator_between

__all__ = ["METHODS", "TRAINED", "Restored", "restore", "triple"]

BOX = Profile()
MANY_SLICES = 32


@dataclass(frozen=True, eq=False)
class Restored:
    """The outcome of a restoration.

    Args:
        volume: the restored scan.
        std: standard deviation of every voxel, in the scan's units.
        report: what was done, how sure, and what to check; plain numbers and words, fit for JSON.
    """

    volume: Volume
    std: NDArray[np.float32]
    report: dict[str, Any]


def restore(
    scan: Volume,
    prior: Prior,
    scale: float | Sequence[float] = 1,
    *,
    sigma: float | NDArray[np.float32] | None = None,
    noise: type[NoiseModel] | NoiseModel = RicianNoise,
    operator: Build | Operator = BOX,
    thickness: float | None = None,
    method: str = "auto",
    steps: int | None = None,
    optimiser: str = "muon",
    freeze: int | str | None = None,
    marry: bool = True,
    adapt: int | None = None,
    seed: int = 0,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
    **fit: Any,
) -> Restored:
    """Super-resolve or denoise a scan.

    The detail prior sees every slice, its neighbours and how they were measured; planes and mirror images are averaged,
    and an exact data step corrects what misses the measurement. Of the cohort's prior and the general one, that with
    the lower estimated error on the scan itself is used, and where the data say that it errs, less of it. Zero-filled
    axes are restored on the acquired grid. Signs, padding and the zeros around a stripped head are kept, and the field
    of view is kept to the edge.

    Args:
        scan: what the scanner gave.
        prior: from :func:`load_prior`.
        scale: 1 denoises; one factor refines in-plane; three factors name the array axes. Fractions are fine.
        sigma: noise standard deviation in the scan's units, a number or a map; estimated from the scan by default.
            Plug-and-play takes the root mean square of a map per slice.
        noise: ``RicianNoise`` for magnitude images, ``GaussianNoise`` for real-valued ones, or one with its level.
            Values below zero make the noise Gaussian.
        operator: builds ``A`` from a fine and a measured shape, or is ``A`` itself; an area average by default, see
            :class:`monai_strainer.physics.Profile` for others.
        thickness: of slices in mm where they have gaps or overlap; by default what the scan says of itself, else the
            step between them. Needs a ``Profile``, and matters where the step between slices is refined.
        method: "amortised" is one pass of the detail prior; "plug_and_play" uses it as a denoiser, for operators it
            was not trained on; "coordinates" fits the coordinate prior to every slice; "auto" takes the first that
            serves.
        steps: of "coordinates": refinement steps at most; 0 gives the head solve alone. By default 60, or 20 on scans
            of more than 32 slices, which would otherwise take a quarter of an hour on two CPU cores.
        optimiser, freeze: see :func:`monai_strainer.fitting.refine`.
        marry: give the detail prior the coordinate prior's features.
        adapt: steps, at most, by which the general network learns from the noise of the scan itself before it denoises
            it; 0 for none. By default 100, fewer on small scans. Kept only where the estimated error gets lower.
        seed: of all draws. The same input, prior, options and seed give the same bytes on one CPU.
        device: where to compute.
        progress: called with the slices done and their total.
        fit: further options of :func:`monai_strainer.fitting.fit_slices`; unknown ones are refused.

    Returns:
        Restored; ``report["warnings"]`` says in plain words what to check.

    Raises:
        InputError: the scan is empty, constant, not finite or has no slices; a scale or an option is not usable.
    """
    check_scan(scan, prior)
    check_options(method, steps, optimiser, fit, adapt)
    factors = triple(scan, scale)
    if isinstance(noise, NoiseModel):
        own = noise.sigma.cpu().numpy() if noise.sigma.ndim else float(noise.sigma)
        sigma, noise = own if sigma is None else sigma, type(noise)
    build = operator_of(operator)
    if thickness is None and isinstance(build, Profile):
        thickness = scan.thickness
    find = isinstance(build, Profile) and method != "coordinates" and prior.general is not None
    ready = prepare(scan, prior, factors, sigma, noise, find)
    place = localise(ready, prior)
    low, refined = ready.acquired.volume, ready.acquired.factors
    path = legs(low, refined)
    filled = ready.acquired.filled
    first = operator_between(low.grid.refine(path[0][1]), low.grid, build, filled, path[0][0][0])
    if max(refined) == 1 and not first.is_identity:  # it acts within the scan's slices, not in planes across them
        path = [((low.slice_axis,), refined)]
    how, is_trained = choose_method(method, prior, first, refined, ready.level.relative)
    choice = choose_prior(prior, ready, place, path[0], build, is_trained and how == "amortised")
    count = (60 if low.grid.shape[low.slice_axis] <= MANY_SLICES else 20) if steps is None else steps
    options = {"steps": count, "optimiser": optimiser, "freeze": freeze} if how == "coordinates" else {}
    fits = {**options, "seed": seed, **fit} if options else {}
    scene = Scene(choice.prior, place.pose, ready.scale, ready.noise, build, device, progress, fits, filled)
    if how == "amortised":
        choice = adapted(choice, ready, scene, path[0], adapt, seed)
        scene = replace(scene, prior=choice.prior, trial=choice.trial)
    done = run_passes(ready, path, scene, how, marry, thickness)
    found = assess(scan, ready, done, path[0][0][0], scene)
    profile = profile_record(build, thickness, low, refined)
    run = {"profile": profile, "method": how, "scale": list(factors), "seed": seed, **options}
    return Restored(found.volume, found.std, report_of(prior, ready, place, choice, done, found, run))
