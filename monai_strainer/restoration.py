# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""restore: a scan and a prior in, a better scan out, with its standard deviation and a plain report."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ._version import __version__
from .errors import InputError
from .glance import glance_at
from .likeness import aligned, likeness
from .physics import Measurements, NoiseModel, Operator, Profile, RicianNoise, Separable
from .placing import place
from .pose import Pose, foreground, normalise
from .prior import Prior
from .trust import Support, support
from .volume import Volume
from .walks import Build, Level, Scene, coordinate_walk, detail_walk, legs, measured, seen_along

__all__ = ["Restored", "restore", "triple"]

METHODS = ("auto", "amortised", "plug_and_play", "coordinates")
BOX = Profile()
TRAINED = Measurements()  # what the detail prior has seen
MANY_SLICES = 32
NOTHING = 1e-6  # of the largest value: less noise than that is none that was read off
LARGEST = 2**30  # voxels of a result


@dataclass(frozen=True, eq=False)
class Restored:
    """The outcome of a restoration.

    Args:
        volume: the restored scan.
        std: standard deviation of every voxel, in the scan's units.
        report: what was done, how sure, what to doubt; plain numbers and words, fit for JSON.
    """

    volume: Volume
    std: NDArray[np.float32]
    report: dict[str, Any]


def triple(scan: Volume, scale: float | Sequence[float]) -> tuple[float, float, float]:
    """The factor per array axis: a single number is in-plane, so slices keep their number.

    Raises:
        InputError: a factor that is not a positive finite number, or neither one nor three of them.
    """
    values = np.atleast_1d(np.asarray(scale, dtype=np.float64))
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise InputError(f"a scale of {scale} is not positive", "use 1 to denoise, more than 1 to super-resolve")
    if values.size not in (1, 3):
        raise InputError(f"a scale of {values.size} numbers", "give one factor, or one per array axis")
    if (values < 1).any():
        raise InputError(f"a scale of {scale} would throw resolution away", "use 1 or more on every axis")
    if values.size == 3:
        return float(values[0]), float(values[1]), float(values[2])
    factors = [float(values[0])] * 3
    factors[scan.slice_axis] = 1.0
    return factors[0], factors[1], factors[2]


def _usable(scan: Volume, prior: Prior) -> None:
    if not np.isfinite(scan.data).all():
        raise InputError("the scan holds values that are not finite", "repair or mask the scan first")
    if np.ptp(scan.data) == 0:
        raise InputError("the scan is constant", "check that the file holds an image")
    if sum(n > 1 for n in scan.grid.shape) < 2:
        raise InputError(f"a scan of {scan.grid.shape} voxels has no slices", "pass an image of at least two axes")
    if prior.network.spatial_dims not in (2, 3) or prior.network.out_channels != 1:
        raise InputError(
            f"the prior takes {prior.network.spatial_dims} coordinates and gives {prior.network.out_channels} channels",
            "use a prior of 2 or 3 coordinates and 1 channel",
        )


def restore(
    scan: Volume,
    prior: Prior,
    scale: float | Sequence[float] = 1,
    *,
    sigma: float | NDArray[np.float32] | None = None,
    noise: type[NoiseModel] = RicianNoise,
    operator: Build = BOX,
    thickness: float | None = None,
    method: str = "auto",
    steps: int | None = None,
    optimiser: str = "muon",
    freeze: int | str | None = None,
    marry: bool = True,
    seed: int = 0,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
    **fit: Any,
) -> Restored:
    """Super-resolve or denoise a scan.

    The detail prior sees every slice, its neighbours, how they were measured, and what the coordinate prior knows of
    the place; planes and mirror images are averaged, and the measured data have the last word through the exact step
    of the operator. Without a detail prior every slice gets a private copy of the coordinate prior's network, solved
    and refined. The field of view is kept to the edge.

    Args:
        scan: what the scanner gave.
        prior: from :func:`load_prior`.
        scale: 1 denoises; one factor refines in-plane; three factors name the array axes. Fractions are fine.
        sigma: noise standard deviation in the scan's units, a number or a map; estimated from the scan by default. A
            map is heeded voxel by voxel, by the network and by the data step; plug-and-play takes its root mean square
            per slice.
        noise: ``RicianNoise`` for magnitude images, ``GaussianNoise`` for real-valued ones.
        operator: builds ``A`` from a fine and a measured shape; an area average by default, see
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
        seed: of all draws. The same input, prior, options and seed give the same bytes on one CPU.
        device: where to compute.
        progress: called with the slices done and their total.
        fit: further options of :func:`monai_strainer.fitting.fit_slices`.

    Returns:
        Restored; ``report["warnings"]`` says in plain words what to doubt.

    Raises:
        InputError: the scan is empty, constant, not finite or has no slices; a scale is not usable.
    """
    _usable(scan, prior)
    if steps is not None and steps < 0:
        raise InputError(f"{steps} steps cannot be taken", "use 0 or more")
    factors = triple(scan, scale)
    if math.prod(round(n * f) for n, f in zip(scan.grid.shape, factors)) > LARGEST:
        raise InputError(
            f"a scale of {scale} asks for more than {LARGEST} voxels", "use a smaller scale, or crop the scan"
        )
    axis = scan.slice_axis
    if thickness is None and isinstance(operator, Profile):
        thickness = scan.thickness
    if factors[axis] > 1 and scan.grid.shape[axis] == 1:
        raise InputError("a single slice holds nothing to refine across", "use a scale of 1 on its slice axis")
    doubts: list[str] = []
    mask = foreground(scan.data)
    intensity = normalise(scan.data, mask, prior.percentile)
    pose, is_whole = place(scan, mask, prior)
    told_of_cohort: dict[str, Any] = {}
    if is_whole and prior.network.spatial_dims == 3 and min(scan.grid.shape) > 1:
        pose, told_of_cohort = _compare(scan, pose, intensity.scale, prior, doubts)
    if not is_whole:
        doubts.append("the scan holds only part of a head; its level was found by trying, not measured")
    if max(factors) > 1 and sigma is None and min(scan.grid.shape) < 2:
        doubts.append("the noise level rests on a single slice")
    level, told_of_noise = _noise_level(scan, axis, sigma, noise, intensity.scale)
    unreadable = sigma is None and float(np.max(level)) * intensity.scale < NOTHING * float(np.abs(scan.data).max())
    if unreadable:
        doubts.append(
            "no noise level can be read off this scan (coarse, smoothed or compressed values); tell it with --sigma"
        )
    relative = float(np.sqrt(np.mean(np.square(level))))
    path = legs(scan, factors)
    first = seen_along(path[0][0][0], scan.grid.refine(path[0][1]), scan.grid, operator)
    if max(factors) == 1 and not first.is_identity:  # it acts within the scan's slices, not in planes across them
        path = [((axis,), factors)]
    how = _choose(method, prior, first, factors, relative)
    count = (60 if scan.grid.shape[axis] <= MANY_SLICES else 20) if steps is None else steps
    options: dict[str, Any] = {}
    if how == "coordinates":
        options = {"steps": count, "optimiser": optimiser, "freeze": freeze, "seed": seed, **fit}
        if scan.grid.axis_of(prior.plane) != axis and min(scan.grid.shape) > 1:
            doubts.append(f"the prior was trained on {prior.plane} slices, the scan's slices run along another axis")
    if how == "plug_and_play" and isinstance(level, np.ndarray) and np.ptp(level) > 0:
        doubts.append("plug-and-play takes one noise level per slice from the map")
    scene = Scene(prior, pose, intensity.scale, noise, operator, device, progress, options)
    volume, std, told, whole = scan, np.zeros_like(scan.data), [], None
    for leg, (axes, step) in enumerate(path):
        if step[axis] > 1 and thickness is not None:
            scene = replace(scene, operator=_thick(operator, thickness / float(scan.grid.spacing[axis])))
        here = level if leg == 0 else min(relative, float(np.median(std[std > 0])) / intensity.scale)
        if how == "coordinates":
            walked = coordinate_walk(volume, axes[0], step, here, scene)
        else:
            walked = detail_walk(volume, axes, step, here, scene, how, marry)
        if len(path) > 1:
            taken = scene.operator(walked.volume.grid.shape, volume.grid.shape)
            whole = taken if whole is None else whole @ taken
        volume, std = walked.volume, walked.std
        told.append(walked.told)
    if whole is not None:  # the last word belongs to what was measured, on all axes at once
        agreed = whole.prox(torch.from_numpy(volume.data), torch.from_numpy(scan.data), rho=0.05)
        volume = Volume(agreed.numpy(), volume.grid, scan.source, scan.slice_axis)
    held = _support(scan, volume, whole, path[0][0][0], level, scene)
    doubts += [] if unreadable else held.doubts()  # they are told in units of the noise
    report = {
        "made_by": f"monai_strainer {__version__}",
        "task": "denoising" if max(factors) == 1 else "super-resolution",
        "method": how,
        "scale": list(factors),
        "prior_sha256": prior.digest,
        "prior": prior.record.get("kind", "cohort"),
        "detail_sha256": prior.record.get("detail", {}).get("sha256", "") if how != "coordinates" else "",
        "seed": seed,
        **({"steps": count, "optimiser": optimiser, "freeze": freeze} if how == "coordinates" else {}),
        "noise": {
            "model": noise.__name__,
            "sigma": relative * intensity.scale,
            "relative": relative,
            **told_of_noise,
        },
        "intensity": {"percentile": prior.percentile, "scale": intensity.scale},
        "data": asdict(held),
        "cohort": told_of_cohort,
        "passes": told,
        "median_std": float(np.median(std)),
        "warnings": doubts,
        "use": "research use only; not for diagnosis",
    }
    return Restored(volume, std, report)


def _compare(scan: Volume, pose: Pose, scale: float, prior: Prior, doubts: list[str]) -> tuple[Pose, dict[str, Any]]:
    """Turn a whole head as the cohort's heads are turned, and say how like them it is."""
    network = prior.network.cpu()
    seen, turn = aligned(network, glance_at(scan.data, pose, scale, prior.plane))
    told: dict[str, Any] = {"turn": [[round(value, 4) for value in row] for row in turn]}
    if prior.typical is not None:
        found = likeness(network, seen, prior.typical)
        doubts += prior.typical.doubts(found)
        told |= {"likeness": asdict(found), "unusual": prior.typical.scores(found)}
    return replace(pose, turn=turn), told


def _support(scan: Volume, out: Volume, whole: Operator | None, axis: int, level: Level, scene: Scene) -> Support:
    """What the result owes to the data: slice by slice along an axis, or with the operator of all axes."""
    along = None if whole is not None else axis
    y, noise = measured(scan, along, scene, level)
    x, _ = measured(out, along, scene, 0.0)
    if whole is None:
        whole = seen_along(axis, out.grid, scan.grid, scene.operator)
    return support(whole.cpu(), x.cpu(), y.cpu(), noise.cpu())


def _thick(operator: Any, ratio: float) -> Profile:
    """The profile of slices that are ``ratio`` times as thick as the step between them."""
    if not isinstance(operator, Profile):
        raise InputError("a slice thickness was given beside an operator that has its own", "pass one of them")
    return replace(operator, ratio=ratio)


def _choose(method: str, prior: Prior, first: Operator, factors: tuple[float, float, float], sigma: float) -> str:
    """The method, from the operator of the first walk and the noise level alone."""
    if method not in METHODS:
        raise InputError(f"there is no method {method!r}", f"choose from {', '.join(METHODS)}")
    if method in ("amortised", "plug_and_play") and prior.detail is None:
        raise InputError("the prior has no detail prior", "pretrain with one, or use --method coordinates")
    if method != "auto":
        return method
    if prior.detail is None:
        return "coordinates"
    known = isinstance(first, Separable) and all(  # a blur, missing lines: no step of training had an axis like that
        matrix is None or n > m for matrix, n, m in zip(first.matrices, first.shape_in, first.shape_out)
    )
    is_trained = known and max(factors) <= TRAINED.factor + 0.5 and sigma <= TRAINED.rician * 1.1
    return "amortised" if is_trained else "plug_and_play"


def _noise_level(
    scan: Volume, axis: int, sigma: float | NDArray[np.float32] | None, noise: type[NoiseModel], scale: float
) -> tuple[Level, dict[str, Any]]:
    """Sigma relative to the intensity scale, a number or a map in the shape of the scan; what the record says of it."""
    if sigma is None:
        found = noise.measure(torch.from_numpy(scan.slices(axis)))
        told = {"estimated": True, "std": found.std, "source": found.source, "is_white": found.is_white}
        return float(noise(found.sigma).sigma) / scale, told
    if np.ndim(sigma) == 0:
        return float(noise(float(sigma)).sigma) / scale, {"estimated": False}
    if np.shape(sigma) != scan.grid.shape:
        raise InputError(
            f"the noise map is {np.shape(sigma)}, the scan {scan.grid.shape}", "give a map in the shape of the scan"
        )
    return np.asarray(sigma, np.float32) / np.float32(scale), {"estimated": False}
