# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Fuse stacks: check -> prepare -> align -> restore each -> choose -> let all data correct -> report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import InputError
from ..fitting.stack_registration import Aligned, Stack, align_stacks
from ..fitting.stack_shading import evened
from ..geometry import Grid
from ..physics import Profile, RicianNoise
from ..priors.prior import Prior
from ..restoring.check import check_scan
from ..restoring.options import RestoreOptions
from ..restoring.prepare import prepare
from ..restoring.restore import restore
from ..volume import Volume
from .images import (
    Corrected,
    RestoredStack,
    block_of,
    corrected,
    kriged_mean,
    prediction_error,
    restored_mean,
    uncertainty,
)
from .options import FuseOptions
from .placing import isotropic, on_grid, require_overlap
from .report import FuseReport, StackReport

__all__ = ["Fused", "fuse"]

_FAR = 5.0  # mm, or degrees, from the header: beyond, the report says so


@dataclass(frozen=True, eq=False)
class Fused:
    """The outcome of a fusion.

    Args:
        volume: isotropic, in the units and on the axes of the first stack.
        std: standard deviation of every voxel.
        details: what was done with every stack, and what to check.
    """

    volume: Volume
    std: NDArray[np.float32]
    details: FuseReport


@dataclass(frozen=True, eq=False)
class _Given:
    """A stack as it came, and as it is fitted: intensities divided by ``scale``."""

    scan: Volume
    stack: Stack
    scale: float


def fuse(
    stacks: Sequence[Volume],
    prior: Prior,
    *,
    options: FuseOptions | None = None,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
    **changes: Any,
) -> Fused:
    """Make one isotropic volume of several stacks of one person.

    The stacks may have any direction, also oblique, and any voxel size; they have one contrast. Every stack is
    measured from the volume by its own operator in world coordinates. How the stacks lie to each other is found from
    the images, starting from their headers; the first stack stays in place.

    Args:
        stacks: two or more scans.
        prior: from :func:`monai_strainer.load_prior`.
        options: how; see :class:`FuseOptions`.
        device: where the networks compute.
        progress: called with the parts done and their number.
        changes: options by name, such as ``spacing=0.8``; unknown ones are refused.

    Raises:
        InputError: fewer than two stacks, stacks that do not overlap, values below zero, an option that is not usable.

    Example:
        >>> fuse([axial, coronal, sagittal], load_prior(), spacing=1).volume  # doctest: +SKIP
    """
    options = _changed(options, changes)
    given = _prepared(stacks, prior, options)
    target = isotropic(given[0].scan.grid, options.spacing)
    report = _Counter(progress, 3 * len(given) + 4)
    aligned = [Aligned(one.stack, True, (0.0, 0.0), 1.0, 1.0) for one in given]
    if options.align:
        aligned = align_stacks([one.stack for one in given], target)
    report.add(len(given))
    kept = [k for k, one in enumerate(aligned) if one.converged or not options.align]
    if len(kept) < 2:
        raise InputError(
            "no stack can be aligned with the first", "check the headers, or pass --no-align to trust them"
        )
    left_out = [k + 1 for k in range(len(given)) if k not in kept]
    given, aligned = [given[k] for k in kept], [aligned[k] for k in kept]
    first = aligned[0].stack
    aligned[1:] = [replace(one, stack=evened(one.stack, first, target)) for one in aligned[1:]]
    fitted = [one.stack for one in aligned]
    parts, names = [], ["none"] * len(given)
    if options.method != "kriging":
        for k, (one, stack) in enumerate(zip(given, fitted)):
            part, names[k] = _restored(one, stack, prior, options, device)
            parts.append(part)
            report.add(2)
    method, why, predicted = _chosen(options, parts, fitted, aligned, target)
    start = restored_mean(parts, target) if method == "network" else kriged_mean(fitted, target)
    found = corrected(start, fitted, target)
    report.add(2)
    std = uncertainty(found, options.seed)
    report.add(report.total)
    image = _kept_background(found.image.clamp_min(0).numpy(), given, fitted, target)
    scale = np.float32(given[0].scale)
    volume = Volume(image * scale, target, given[0].scan.source, given[0].scan.slice_axis)
    notes = [f"stack {k} could not be aligned with the first and is left out" for k in left_out]
    details = _described(method, why, predicted, given, aligned, found, target, names if method == "network" else None)
    details = replace(details, warnings=(*notes, *details.warnings))
    return Fused(volume, std * scale, details)


class _Counter:
    """Count the parts done, for a progress bar."""

    def __init__(self, progress: Callable[[int, int], None] | None, total: int) -> None:
        self.progress, self.total, self.done = progress, total, 0

    def add(self, parts: int) -> None:
        """Say that some more parts are done."""
        self.done = min(self.total, self.done + parts)
        if self.progress is not None:
            self.progress(self.done, self.total)


def _changed(options: FuseOptions | None, changes: dict[str, Any]) -> FuseOptions:
    known = {one.name for one in fields(FuseOptions)}
    for name in changes:
        if name not in known:
            raise InputError(f"there is no option {name!r}", f"choose from {', '.join(sorted(known))}")
    return replace(options or FuseOptions(), **changes)


def _prepared(stacks: Sequence[Volume], prior: Prior, options: FuseOptions) -> list[_Given]:
    """Check the stacks; read noise level and intensity scale off each."""
    if len(stacks) < 2:
        raise InputError(f"{len(stacks)} stack cannot be fused", "pass two stacks or more, or use restore")
    found = []
    for number, scan in enumerate(stacks, 1):
        check_scan(scan, prior)
        ready = prepare(scan, prior, (1.0, 1.0, 1.0), RestoreOptions(sigma=options.sigma), False)
        if ready.signed:
            raise InputError(f"stack {number} has values below zero", "pass magnitude images")
        level = ready.level.level
        sigma = float(np.sqrt(np.mean(np.square(level))))
        y = RicianNoise(sigma).debias(torch.from_numpy(scan.data / np.float32(ready.intensity_scale)))
        step = float(scan.grid.spacing[scan.slice_axis])
        thickness = scan.thickness or step
        profile = Profile("gaussian" if options.profile == "auto" else options.profile, thickness / step)
        found.append(_Given(scan, Stack(y, scan.grid, scan.slice_axis, sigma, profile), ready.intensity_scale))
    require_overlap(stacks)
    return found


def _restored(
    one: _Given, stack: Stack, prior: Prior, options: FuseOptions, device: str | torch.device
) -> tuple[RestoredStack, str]:
    """Restore one stack alone at about the spacing of the result; return it and the name of the prior used."""
    spacing = one.scan.grid.spacing
    factors = [max(1.0, float(edge) / options.spacing) for edge in spacing]
    factors = [factor if factor > 1.05 else 1.0 for factor in factors]
    how = RestoreOptions(sigma=stack.sigma * one.scale, adapt=0, seed=options.seed)
    out = restore(one.scan, prior, factors, options=how, device=device)
    scale = np.float32(one.scale)
    image, std = (Volume(data / scale, out.volume.grid) for data in (out.volume.data, out.std))
    return RestoredStack(image, std, stack), out.details.choice.prior


def _chosen(
    options: FuseOptions, parts: list[RestoredStack], stacks: list[Stack], aligned: list[Aligned], target: Grid
) -> tuple[Literal["network", "kriging"], str, dict[str, float]]:
    """Choose the method that predicts a stack better from the others."""
    if options.method != "auto":
        return ("kriging" if options.method == "kriging" else "network"), "it was asked for", {}
    k = max(range(len(stacks)), key=lambda j: aligned[j].common if j else 0.0)
    others, block = [s for j, s in enumerate(stacks) if j != k], block_of(target)
    firsts = {
        "network": restored_mean([p for j, p in enumerate(parts) if j != k], block),
        "kriging": kriged_mean(others, block),
    }
    errors = {name: prediction_error(first, stacks[k], others, block) for name, first in firsts.items()}
    best: Literal["network", "kriging"] = "kriging" if errors["kriging"] < errors["network"] else "network"
    return best, f"it predicts stack {k + 1} better from the others", errors


def _kept_background(
    image: NDArray[np.float32], given: list[_Given], stacks: list[Stack], target: Grid
) -> NDArray[np.float32]:
    """Return the image with zeros where every stack that reaches there has exact zeros."""
    empty = np.ones(target.shape, bool)
    for one, stack in zip(given, stacks):
        flat = Volume((one.scan.data == 0).astype(np.float32), stack.grid)
        zero, inside = on_grid(flat, stack, target, order=0)
        empty &= (zero.numpy() > 0.5) | ~inside
    return np.where(empty, np.float32(0), image)


def _described(
    method: Literal["network", "kriging"], why: str, predicted: dict[str, float], given: list[_Given],
    aligned: list[Aligned], found: Corrected, target: Grid, names: list[str] | None,
) -> FuseReport:  # fmt: skip
    """Write the report."""
    stacks, warnings = [], []
    for k, (one, done, data) in enumerate(zip(given, aligned, found.data)):
        motion = done.stack.motion
        misfit = data.weight * (data.y - data.operator.A(found.image)).square()
        count = float((data.weight > 0).sum())
        spacing, rotation, shift = (
            tuple(round(float(v), 4) for v in x) for x in (one.scan.grid.spacing, motion[:3], motion[3:])
        )
        stacks.append(
            StackReport(
                spacing=(spacing[0], spacing[1], spacing[2]),
                sigma=one.stack.sigma * one.scale,
                rotation=(rotation[0], rotation[1], rotation[2]),
                shift=(shift[0], shift[1], shift[2]),
                gain=round(done.stack.gain * one.scale / given[0].scale, 4),
                converged=done.converged,
                common=round(done.common, 3),
                misfit=round(float(misfit.sum()) / max(count, 1.0), 3),
                prior="none" if names is None else names[k],
            )
        )
        if np.linalg.norm(motion[:3]) > _FAR or np.linalg.norm(motion[3:]) > _FAR:
            warnings.append(
                f"stack {k + 1} lies {np.linalg.norm(motion[3:]):.1f} mm and {np.linalg.norm(motion[:3]):.1f} degrees "
                "from where its header says"
            )
        if not 0.5 < stacks[-1].misfit < 3:
            warnings.append(
                f"stack {k + 1}: the residual is {stacks[-1].misfit:.1f} times its noise: motion between its slices, "
                "another contrast, or a wrong profile"
            )
    edges = [round(float(v), 4) for v in target.spacing]
    return FuseReport(
        method=method, why=why, spacing=(edges[0], edges[1], edges[2]),
        predicted={name: round(value, 3) for name, value in predicted.items()},
        stacks=tuple(stacks), warnings=tuple(warnings),
    )  # fmt: skip
