# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""restore: a scan and a prior in, a better scan out, with its standard deviation and a plain report."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ._version import __version__
from .errors import InputError
from .fitting import Fit, fit_slices
from .physics import Downsample, NoiseModel, Operator, RicianNoise
from .placing import place
from .pose import Pose, foreground, normalise
from .prior import Prior
from .volume import Volume

__all__ = ["Restored", "restore", "triple"]

MANY_SLICES = 32
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


def _passes(factors: tuple[float, float, float], slice_axis: int) -> list[tuple[int, tuple[float, float, float]]]:
    """Slice axes to walk along, with the factors each walk applies.

    A walk refines within its slices. When the step between slices is to be refined as well, a second walk along
    another axis sees that step in its own planes.
    """
    through = factors[slice_axis]
    within = [1.0 if k == slice_axis else f for k, f in enumerate(factors)]
    passes = []
    if through == 1 or max(within) > 1:
        passes.append((slice_axis, (within[0], within[1], within[2])))
    if through > 1:
        other = (slice_axis + 1) % 3
        across = [through if k == slice_axis else 1.0 for k in range(3)]
        passes.append((other, (across[0], across[1], across[2])))
    return passes


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
    operator: Callable[[tuple[int, ...], tuple[int, ...]], Operator] = Downsample.onto,
    steps: int | None = None,
    optimiser: str = "muon",
    freeze: int | str | None = None,
    seed: int = 0,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
    **fit: Any,
) -> Restored:
    """Super-resolve or denoise a scan.

    Every slice gets a private copy of the prior's network: its head is solved in closed form, all layers are refined
    until held-out measurements stop improving, and the measured data have the last word through the exact step of the
    operator. The field of view is kept to the edge.

    Args:
        scan: what the scanner gave.
        prior: from :func:`load_prior`.
        scale: 1 denoises; one factor refines in-plane; three factors name the array axes. Fractions are fine.
        sigma: noise standard deviation in the scan's units, a number or a map; estimated from the scan by default. A
            map guides the fit voxel by voxel; the data step uses its root mean square per slice.
        noise: ``RicianNoise`` for magnitude images, ``GaussianNoise`` for real-valued ones.
        operator: builds ``A`` from the fine and the measured in-plane shape; an area average by default.
        steps: refinement steps at most; 0 gives the head solve alone. By default 60, or 20 on scans of more than 32
            slices, which would otherwise take a quarter of an hour on two CPU cores.
        optimiser, freeze: see :func:`monai_strainer.fitting.refine`.
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
    doubts: list[str] = []
    mask = foreground(scan.data)
    intensity = normalise(scan.data, mask, prior.percentile)
    pose, is_whole = place(scan, mask, prior)
    if not is_whole:
        doubts.append("the scan holds only part of a head; its level was found by trying, not measured")
    if scan.grid.axis_of(prior.plane) != axis and min(scan.grid.shape) > 1:
        doubts.append(f"the prior was trained on {prior.plane} slices, the scan's slices run along another axis")
    if max(factors) > 1 and sigma is None and min(scan.grid.shape) < 2:
        doubts.append("the noise level rests on a single slice")
    count = (60 if scan.grid.shape[axis] <= MANY_SLICES else 20) if steps is None else steps
    level = _noise_level(scan, axis, sigma, noise, intensity.scale)
    if isinstance(level, np.ndarray) and np.ptp(level, axis=(1, 2)).max() > 0:
        doubts.append("the noise map guides the fit, but the data step uses one level per slice")
    volume, std, walks = scan, np.zeros_like(scan.data), []
    passes = _passes(factors, axis)
    for walk, (along, step) in enumerate(passes):
        share = level if walk == 0 else _constant(level)
        volume, std, result = _walk(
            volume,
            prior,
            pose,
            along,
            step,
            intensity.scale,
            noise,
            share,
            operator,
            device,
            {"steps": count, "optimiser": optimiser, "freeze": freeze, "seed": seed, **fit},
            progress,
        )
        walks.append({"slice_axis": along, "factors": list(step), **result})
    if len(passes) > 1:  # the last word belongs to what was measured, on all axes at once
        full = Downsample.onto(volume.grid.shape, scan.grid.shape)
        agreed = full.prox(torch.from_numpy(volume.data), torch.from_numpy(scan.data), rho=0.05)
        volume = Volume(agreed.numpy(), volume.grid, scan.source, scan.slice_axis)
    relative = float(np.mean(level)) if isinstance(level, np.ndarray) else float(level)
    report = {
        "made_by": f"monai_strainer {__version__}",
        "task": "denoising" if max(factors) == 1 else "super-resolution",
        "scale": list(factors),
        "prior_sha256": prior.digest,
        "prior": prior.record.get("kind", "cohort"),
        "seed": seed,
        "steps": count,
        "optimiser": optimiser,
        "freeze": freeze,
        "noise": {
            "model": noise.__name__,
            "sigma": relative * intensity.scale,
            "relative": relative,
            "estimated": sigma is None,
        },
        "intensity": {"percentile": prior.percentile, "scale": intensity.scale},
        "passes": walks,
        "median_std": float(np.median(std)),
        "warnings": doubts,
        "use": "research use only; not for diagnosis",
    }
    return Restored(volume, std, report)


def _constant(level: float | NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(level))))


def _noise_level(
    scan: Volume, axis: int, sigma: float | NDArray[np.float32] | None, noise: type[NoiseModel], scale: float
) -> float | NDArray[np.float32]:
    """Sigma relative to the intensity scale: a number, or a map in the slices' order."""
    if sigma is None:
        return float(noise.estimate(torch.from_numpy(scan.slices(axis))).sigma) / scale
    if np.ndim(sigma) == 0:
        return float(noise(float(sigma)).sigma) / scale
    if np.shape(sigma) != scan.grid.shape:
        raise InputError(
            f"the noise map is {np.shape(sigma)}, the scan {scan.grid.shape}", "give a map in the shape of the scan"
        )
    return np.ascontiguousarray(np.moveaxis(np.asarray(sigma, np.float32), axis, 0)) / np.float32(scale)


def _walk(
    volume: Volume,
    prior: Prior,
    pose: Pose,
    axis: int,
    factors: tuple[float, float, float],
    scale: float,
    noise: type[NoiseModel],
    level: float | NDArray[np.float32],
    operator: Callable[[tuple[int, ...], tuple[int, ...]], Operator],
    device: str | torch.device,
    options: dict[str, Any],
    progress: Callable[[int, int], None] | None,
) -> tuple[Volume, NDArray[np.float32], dict[str, Any]]:
    """Restore all slices along one axis."""
    grid = volume.grid.refine(factors)
    in_plane = [k for k in range(3) if k != axis]
    fine, measured = (tuple(g.shape[k] for k in in_plane) for g in (grid, volume.grid))
    A = operator(fine, measured).to(device)
    y = torch.from_numpy(volume.slices(axis) / np.float32(scale)).to(device)  # (S, h, w)
    steps, total = max(1, int(options["steps"])), len(y)
    batch = int(options.pop("batch", 4 if torch.device(device).type == "cpu" else 64))
    fits: list[Fit] = []
    for low in range(0, total, batch):  # coordinates are made batch by batch: memory does not grow with the scan
        some = slice(low, min(low + batch, total))
        coords = torch.from_numpy(pose.coordinates(grid.shape, axis, some)[:, : prior.network.spatial_dims]).to(device)
        part = noise(torch.from_numpy(level[some]) if isinstance(level, np.ndarray) else level).to(device)

        def tell(step: int, done: int = low, size: int = some.stop - low) -> None:
            if progress is not None:
                progress(done + size * (step + 1) // steps, total)

        fits.append(fit_slices(prior.network.to(device), coords, A, y[some], part, on_step=tell, **options))
    if progress is not None:
        progress(total, total)
    images = torch.cat([fit.data.images for fit in fits]).cpu().numpy() * np.float32(scale)
    std = torch.cat([fit.data.std for fit in fits]).cpu().numpy() * np.float32(scale)
    if volume.data.min() >= 0:
        images = np.maximum(images, 0)  # a magnitude is never negative
    weights = [len(fit.best_step) / total for fit in fits]
    result = {
        "best_step": [int(v) for fit in fits for v in fit.best_step],
        "held_out_rmse": [float(v) ** 0.5 for fit in fits for v in fit.held_out],
        "error_length": [float(v) for fit in fits for v in fit.data.length],
        "error_std": [float(v) ** 0.5 for fit in fits for v in fit.data.variance],
        "curve": [
            [step, sum(w * fit.curve[k][1] for w, fit in zip(weights, fits))]
            for k, (step, _) in enumerate(fits[0].curve)
        ],
        "undetermined": sum(w * fit.data.undetermined for w, fit in zip(weights, fits)),
    }
    return volume.with_slices(images, axis, grid), np.ascontiguousarray(np.moveaxis(std, 0, axis)), result
