# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Run the passes of a restoration one after the other, and let the measurement of all axes correct the last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ..fitting import white_step
from ..geometry import Grid
from ..physics import Operator
from ..volume import Volume
from .coordinate_pass import coordinate_pass
from .method import thick_profile
from .pass_context import PassContext, operator_between, slices_with_noise
from .plan import Plan
from .prepare import Prepared
from .report import PassReport
from .slicewise import detail_pass

__all__ = ["Passed", "mixed", "run_passes"]

_EXACT = 0.05  # least ratio of noise to error variance: data are never taken as more exact than the network's errors


@dataclass(frozen=True, eq=False)
class Passed:
    """A scan after all passes.

    Args:
        volume: on the acquired grid, refined.
        std: (X, Y, Z) in the scan's units.
        reports: one per pass.
        whole: operator of all axes, where there was more than one pass.
        divergence: (X, Y, Z) of the denoiser, where it was read.
    """

    volume: Volume
    std: NDArray[np.float32]
    reports: tuple[PassReport, ...]
    whole: Operator | None
    divergence: NDArray[np.float32] | None


def run_passes(
    ready: Prepared, plan: Plan, context: PassContext, with_features: bool = True, part: tuple[int, int] = (0, 1)
) -> Passed:
    """Restore along every pass; the noise that is left after one is that of the next.

    Args:
        ready: the scan.
        plan: method and passes.
        context: what all passes share.
        with_features: give a network that takes them the features of the coordinate network.
        part: number of this run and how many runs there are, for the count of the slices.
    """
    counts, whole_progress = _slices(plan, ready.acquired.volume.grid), context.progress
    volume, axis = ready.acquired.volume, ready.acquired.volume.slice_axis
    std, whole, divergence = np.zeros_like(volume.data), None, None
    reports: list[PassReport] = []
    for number, (axes, step) in enumerate(plan.passes):
        if step[axis] > 1 and plan.through is not None:
            context = replace(context, operator=plan.through)
        if step[axis] > 1 and plan.thickness is not None:
            ratio = plan.thickness / float(ready.acquired.volume.grid.spacing[axis])
            context = replace(context, operator=thick_profile(context.operator, ratio))
        level = ready.level.level
        if number > 0:
            level = min(ready.level.relative, float(np.median(std[std > 0])) / context.intensity_scale)
            context = replace(context, trial=None)
        earlier = part[0] * sum(counts) + sum(counts[:number])
        context = replace(context, progress=_counted(whole_progress, earlier, part[1] * sum(counts)))
        if plan.method == "coordinates":
            done = coordinate_pass(volume, axes[0], step, level, context)
        else:
            done = detail_pass(volume, axes, step, level, context, plan.method, with_features)
        if len(plan.passes) > 1:
            taken = operator_between(done.volume.grid, volume.grid, context.operator, context.filled)
            whole = taken if whole is None else whole @ taken
        before = std[np.ix_(*(np.arange(n) * m // n for n, m in zip(done.std.shape, std.shape)))]
        std = np.hypot(done.std, before)  # errors of a pass are smooth: the next one does not remove them as noise
        volume, divergence = done.volume, done.divergence
        reports.append(done.report)
    if whole is not None:
        volume = _corrected(ready, volume, std, whole, context)
        divergence = None
    return Passed(volume, std, tuple(reports), whole, divergence)


def mixed(one: Passed, other: Passed, weight: float) -> Passed:
    """Return the mean of two results that rest on different assumptions, and the deviation of that mixture.

    ``x = (1 - w) x_1 + w x_2``,  ``s^2 = (1 - w) s_1^2 + w s_2^2 + w (1 - w) (x_1 - x_2)^2``

    Args:
        one, other: results on the same grid.
        weight: ``w`` of the other, in ``[0, 1]``.
    """
    a, b, w = one.volume, other.volume, np.float32(weight)
    data = (1 - w) * a.data + w * b.data
    variance = (1 - w) * np.square(one.std) + w * np.square(other.std) + w * (1 - w) * np.square(a.data - b.data)
    return replace(one, volume=Volume(data, a.grid, a.source, a.slice_axis, a.thickness), std=np.sqrt(variance))


def _slices(plan: Plan, grid: Grid) -> list[int]:
    """Return how many slices each pass restores."""
    counts = []
    for axes, factors in plan.passes:
        counts.append(sum(grid.shape[axis] for axis in (axes[:1] if plan.method == "coordinates" else axes)))
        grid = grid.refine(factors)
    return counts


def _counted(progress: Callable[[int, int], None] | None, before: int, total: int) -> Callable[[int, int], None] | None:
    """Return the callback of one pass, which counts on from the passes before it."""
    if progress is None:
        return None
    return lambda done, _: progress(before + done, total)


def _corrected(
    ready: Prepared, volume: Volume, std: NDArray[np.float32], whole: Operator, context: PassContext
) -> Volume:
    """Correct the result by one exact step towards the measurement of all axes.

    See :func:`monai_strainer.fitting.white_step`.
    """
    y, noise = slices_with_noise(ready.acquired.volume, None, replace(context, device="cpu"), ready.level.level)
    x, _ = slices_with_noise(volume, None, replace(context, device="cpu"), 0.0)
    inside = x > 0.05 if not ready.signed else torch.ones_like(x, dtype=torch.bool)
    error = (
        float(np.square(std / np.float32(context.intensity_scale))[inside.numpy()].mean())
        if bool(inside.any())
        else 1.0
    )
    level = float(noise.sigma.square().mean())
    agreed = white_step(whole.cpu(), x, noise.debias(y), level, error, _EXACT).numpy() * np.float32(
        context.intensity_scale
    )
    agreed = agreed if ready.signed else np.maximum(agreed, 0)
    return Volume(agreed, volume.grid, volume.source, volume.slice_axis)
