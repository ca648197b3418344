# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Prepare the stacks of a fusion: check them, read noise level and intensity scale, restore each alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..errors import InputError
from ..fitting.stack_registration import Aligned, Stack
from ..geometry import Grid
from ..physics import Profile, RicianNoise
from ..priors.prior import Prior
from ..restoring.check import check_scan
from ..restoring.missing_slices import missing_slices
from ..restoring.options import RestoreOptions
from ..restoring.prepare import Prepared, prepare
from ..restoring.restore import restore
from ..volume import Volume
from .air import shown_part
from .images import RestoredStack
from .options import FuseOptions

__all__ = ["GivenStack", "averaged_stack", "prepared_stacks", "restored_stack"]

_FINER = 1.05  # factor from which an axis is refined
_MUCH_FINER = 1.15  # ratio of the spacing of the result to that of a stack, from which its voxels are averaged
_MIRRORS = 1  # of either plane: a mean of three stacks loses 0.04 dB by it, and a quarter of the time


@dataclass(frozen=True, eq=False)
class GivenStack:
    """A stack as it came, and as it is fitted.

    Args:
        number: in the order they were given, from 1.
        scan: what was given.
        low: on its acquired grid, where the noise is white; the scan itself if it is not zero-filled.
        stack: ``low``, its intensities divided by ``scale``.
        scale: intensity that stands for 1.
        notes: what was decided, in words.
    """

    number: int
    scan: Volume
    low: Volume
    stack: Stack
    scale: float
    notes: tuple[str, ...] = ()


def prepared_stacks(stacks: Sequence[Volume], prior: Prior, options: FuseOptions) -> list[GivenStack]:
    """Check the stacks; read noise level and intensity scale off each.

    Args:
        stacks: as they were given.
        prior: that will restore them.
        options: of the fusion.

    Raises:
        InputError: fewer than two stacks, or one that cannot be used; a prior without a network.
    """
    if len(stacks) < 2:
        raise InputError(f"{len(stacks)} stack cannot be fused", "pass two stacks or more, or use restore")
    if options.method in ("auto", "network") and prior.detail is None and prior.general is None:
        raise InputError("the prior has no network that restores stacks", "pass another prior, or the method kriging")
    found = []
    for number, given in enumerate(stacks, 1):
        scan = given if options.thickness is None else replace(given, thickness=options.thickness)
        try:
            check_scan(scan, prior)
        except InputError as error:
            raise InputError(f"stack {number}: {error.finding}", error.remedy, error.file) from error
        if options.align and scan.grid.shape[scan.slice_axis] == 1:
            raise InputError(
                f"stack {number} is a single slice, which cannot be aligned", "leave it out, or pass --no-align"
            )
        factors = _factors(scan.grid, options.edge)
        ready = prepare(scan, prior, factors, RestoreOptions(sigma=options.sigma), True, find_filters=max(factors) > 1)
        if ready.signed:
            raise InputError(f"stack {number} has values below zero", "pass magnitude images")
        level, low = ready.level.level, ready.acquired.volume
        sigma = float(np.sqrt(np.mean(np.square(level))))
        y = RicianNoise(sigma).debias(torch.from_numpy(low.data / np.float32(ready.intensity_scale)))
        step = float(scan.grid.spacing[scan.slice_axis])
        profile = Profile(options.profile, (scan.thickness or step) / float(low.grid.spacing[low.slice_axis]))
        same = low.grid.shape[low.slice_axis] == scan.grid.shape[scan.slice_axis]
        missing = missing_slices(scan) if same else ()
        stack = Stack(y, low.grid, low.slice_axis, sigma, profile, trusted=_trusted(ready), missing=missing)
        notes = tuple(f"stack {number}: {note}" for note in (*ready.notes, *_about(missing, scan)))
        found.append(GivenStack(number, scan, low, stack, ready.intensity_scale, notes))
    return found


def _factors(grid: Grid, edge: float) -> tuple[float, float, float]:
    """Return by how much every axis is refined to reach an edge; axes of about that edge stay, and single slices."""
    finer = zip(grid.shape, (grid.spacing / edge).tolist())
    first, second, third = (factor if factor > _FINER and n > 1 else 1.0 for n, factor in finer)
    return first, second, third


def averaged_stack(one: GivenStack, done: Aligned, edge: float, motion: str) -> tuple[GivenStack, Aligned]:
    """Average the voxels of an aligned stack that are much finer than those in which the result is computed.

    A volume of wide voxels cannot explain finer ones: what they show beyond it would count as motion or noise.

    Args:
        one: the stack as it came.
        done: where it lies.
        edge: of a computed voxel in mm.
        motion: "stack", or "slice" where slices have moved one by one and are not averaged.
    """
    shape = _fewer(done.stack, edge, motion)
    if shape == done.stack.grid.shape:
        return one, done
    stack = one.stack.averaged(shape)
    low = replace(one.low, data=stack.y.numpy() * np.float32(one.scale), grid=stack.grid)
    note = (
        f"stack {one.number}: voxels of {one.low.grid.spacing.min():.2g} mm are averaged to {edge:.2g} mm, in which "
        "the result is computed; a smaller part or a finer spacing shows more"
    )
    kept = replace(one, low=low, stack=stack, notes=(*one.notes, note))
    return kept, replace(done, stack=done.stack.averaged(shape))


def _fewer(stack: Stack, edge: float, motion: str) -> tuple[int, int, int]:
    """Return how many voxels of a stack are left where those that are much finer than the result are averaged."""
    touching = stack.profile == Profile() and not stack.missing and motion == "stack"
    first, second, third = (
        max(1, round(n * step / edge)) if step * _MUCH_FINER < edge and (k != stack.slice_axis or touching) else n
        for k, (n, step) in enumerate(zip(stack.grid.shape, stack.grid.spacing.tolist()))
    )
    return first, second, third


def _trusted(ready: Prepared) -> torch.Tensor | None:
    """Return the weight of every voxel, 0 of single voxels that differ from all around them; None without any."""
    low = ready.acquired.volume
    if ready.single is None or ready.single.shape != low.grid.shape:
        return None
    return torch.from_numpy((ready.single == 0).astype(np.float32))


def _about(missing: Sequence[int], scan: Volume) -> list[str]:
    """Say in words which slices are missing."""
    count = scan.grid.shape[scan.slice_axis]
    return [f"{len(missing)} of {count} slices are empty beside full ones, and do not count"] if missing else []


def restored_stack(
    one: GivenStack, stack: Stack, prior: Prior, edge: float, seed: int, device: str | torch.device
) -> tuple[RestoredStack, str]:
    """Restore one stack alone, at about the spacing of the result.

    Args:
        one: the stack as it came.
        stack: the stack as it is fitted, aligned to the others.
        prior: what restores.
        edge: of a voxel in mm to reach.
        seed: of all draws.
        device: where to compute.

    Returns:
        the restored stack, and the name of the prior that was used.
    """
    factors = _factors(one.low.grid, edge)
    shown = shown_part(stack, factors)
    size = [some.stop - some.start for some in shown]
    low = replace(one.low, data=one.low.data[shown], grid=one.low.grid.part([some.start for some in shown], size))
    how = RestoreOptions(sigma=stack.sigma * one.scale, adapt=0, mirrors=_MIRRORS, seed=seed)
    out = restore(low, prior, factors, options=how, device=device)
    scale = np.float32(one.scale)
    image, std = (Volume(data / scale, out.volume.grid) for data in (out.volume.data, out.std))
    return RestoredStack(image, std, stack), out.details.choice.prior
