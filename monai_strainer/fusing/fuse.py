# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Fuse stacks: check -> prepare -> align -> restore each -> choose -> let all data correct -> report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError
from ..fitting.slice_motion import align_slices
from ..fitting.stack_registration import Aligned, Stack, align_stacks
from ..fitting.stack_shading import evened
from ..geometry import Grid
from ..priors.prior import Prior
from ..restoring.options import changed
from ..volume import Volume
from .belonging import Belonging, belonging
from .choice import chosen, start_of
from .copies import require_no_copies
from .describe import Known, described
from .disagreement import with_disagreement
from .images import STEPS, posterior, uncertainty
from .options import FuseOptions
from .placing import Target, isotropic, on_grid, require_overlap, target_of
from .report import FuseReport
from .stacks import GivenStack, averaged_stack, prepared_stacks, restored_stack

__all__ = ["Fused", "fuse"]


@dataclass(frozen=True, eq=False)
class Fused:
    """The outcome of a fusion.

    Args:
        volume: in the units of the first stack; isotropic and on its axes, or on the grid that was asked for.
        std: standard deviation of every voxel; 0 where no stack reaches.
        details: what was done with every stack, and what to check.
    """

    volume: Volume
    std: NDArray[np.float32]
    details: FuseReport

    @cached_property
    def report(self) -> dict[str, Any]:
        """The same as plain numbers and words, fit for JSON."""
        return self.details.as_dict()


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
        InputError: fewer than two stacks, one twice, stacks that do not overlap or do not belong together, values below
            zero, an option that is not usable.

    Example:
        >>> fuse([axial, coronal, sagittal], load_prior(), spacing=1).volume  # doctest: +SKIP
    """
    options = changed(options or FuseOptions(), changes)
    require_no_copies(stacks)
    given = prepared_stacks(stacks, prior, options)
    require_overlap([one.grid for one in stacks], options.like)
    thickest = max(one.scan.thickness or float(one.scan.grid.spacing.max()) for one in given)
    finest = min(float(one.low.grid.spacing[k]) for one in given for k in range(3) if k != one.low.slice_axis)
    target = target_of(given[0].scan.grid, options.edge, options.like, thickest, finest)
    edge = float(target.fitted.spacing.min())
    report = _Counter(progress, 3 * len(given) + STEPS)
    given, aligned, reasons, alike = _aligned(given, options)
    given, aligned = map(
        list, zip(*(averaged_stack(one, done, edge, options.motion) for one, done in zip(given, aligned)))
    )
    report.add(len(stacks))
    parts, names = [], []
    if options.method in ("auto", "network"):
        for one, done in zip(given, aligned):
            part, name = restored_stack(one, done.stack, prior, edge, options.seed, device)
            parts.append(part)
            names.append(name)
            report.add(2)
    room = isotropic(given[0].scan.grid, edge)
    aligned = with_disagreement(aligned, room, options.seed)
    parts = [replace(part, stack=one.stack) for part, one in zip(parts, aligned)]
    choice = replace(chosen(options, parts, aligned, room), priors=tuple(names))
    shown = [one.stack.within(target.fitted) for one in aligned]
    start = start_of(choice.method, parts, shown, target.fitted)
    data = [one.data(target.fitted) for one in shown]
    found = posterior(start, data, options.seed, lambda done, steps: report.add(1))
    if choice.method == "mean":  # its error is that of the corrected image, or a little more
        found = replace(found, image=start[0])
    report.add(report.total)
    std = _deviation(found.left, target, any(one.stack.disagreement > 0 for one in aligned))
    image = target.given(found.image.clamp_min(0)).numpy()
    empty, seen = _unseen(given, [one.stack for one in aligned], target.wanted)
    scale = np.float32(given[0].scale)
    axis = given[0].scan.slice_axis if options.like is None else -1
    volume = Volume(np.where(empty, np.float32(0), image) * scale, target.wanted, given[0].scan.source, axis)
    known = Known(found, target.wanted, float(seen.mean()), reasons, alike)
    details = described(options, choice, given, aligned, known)
    return Fused(volume, np.where(seen, std, np.float32(0)) * scale, details)


class _Counter:
    """Count the parts done, for a progress bar."""

    def __init__(self, progress: Callable[[int, int], None] | None, total: int) -> None:
        self.progress, self.total, self.done = progress, total, 0

    def add(self, parts: int) -> None:
        """Say that some more parts are done."""
        self.done = min(self.total, self.done + parts)
        if self.progress is not None:
            self.progress(self.done, self.total)


def _aligned(
    given: Sequence[GivenStack], options: FuseOptions
) -> tuple[list[GivenStack], list[Aligned], dict[int, str], list[Belonging]]:
    """Find how the stacks lie to each other, and which belong together.

    Returns:
        The stacks that are used, where they lie, by number why others are not, and how well each agrees in detail.

    Raises:
        InputError: no stack can be aligned with the first.
    """
    place = given[0].scan.grid
    aligned = [Aligned(one.stack, True, (0.0, 0.0), 1.0, 1.0) for one in given]
    if options.align:
        aligned = align_stacks([one.stack for one in given], place)
    kept = [k for k, one in enumerate(aligned) if one.converged or not options.align]
    reasons = {given[k].number: one.reason for k, one in enumerate(aligned) if k not in kept}
    alike = belonging([aligned[k] for k in kept], place)
    if options.align:  # headers that are believed are not doubted here: the report says what does not fit
        reasons |= {given[k].number: one.reason for k, one in zip(kept[1:], alike[1:]) if one.reason}
        alike = [one for k, one in zip(kept, alike) if given[k].number not in reasons]
        kept = [k for k in kept if given[k].number not in reasons]
    if len(kept) < 2:
        listed = "; ".join(f"stack {number}: {reason}" for number, reason in reasons.items())
        raise InputError(
            f"no stack can be aligned with the first ({listed})",
            "pass stacks of one person, body part and contrast, put another stack first, or check the headers; "
            "--no-align trusts them",
        )
    used = [aligned[k] for k in kept]
    if options.motion == "slice":
        placed = align_slices([one.stack for one in used], place)
        used = [replace(one, stack=own.stack, unsure=own.unsure) for one, own in zip(used, placed)]
    first = used[0].stack
    used[1:] = [replace(one, stack=evened(one.stack, first, place)) for one in used[1:]]
    return [given[k] for k in kept], used, dict(sorted(reasons.items())), alike


def _deviation(left: Tensor, target: Target, disagree: bool) -> NDArray[np.float32]:
    """Return the standard deviation of the result's voxels, from a draw of what is left open on the fitted grid.

    Where stacks disagree, tissue moved between them: it is wrong in neighbours alike, and no mean of them is better.
    """
    std = uncertainty(target.given(left))
    if not disagree or max(target.times) == 1:
        return std
    fine: NDArray[np.float32] = target.given(torch.from_numpy(uncertainty(left))).numpy()
    return np.maximum(std, fine)


def _unseen(
    given: Sequence[GivenStack], stacks: Sequence[Stack], wanted: Grid
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return where every stack that reaches a voxel has exact zeros there, and where any stack reaches."""
    empty, seen = np.ones(wanted.shape, bool), np.zeros(wanted.shape, bool)
    for one, stack in zip(given, stacks):
        flat = Volume((one.scan.data == 0).astype(np.float32), one.scan.grid)
        zero, inside = on_grid(flat, one.scan.grid, stack.motion, wanted, order=0)
        empty &= (zero.numpy() > 0.5) | ~inside
        seen |= inside
    return empty, seen
