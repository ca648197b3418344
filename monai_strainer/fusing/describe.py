# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Describe a fusion in a report: every stack, and what to check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .._version import __version__
from ..fitting.stack_mirrors import fits_better_mirrored
from ..fitting.stack_registration import LEAST_NOISE, Aligned
from ..geometry import Grid
from .belonging import Belonging
from .choice import Choice
from .images import Corrected
from .options import FuseOptions
from .report import FuseReport, StackReport
from .stacks import GivenStack

__all__ = ["Known", "described"]

_LEAST, _MOST = 0.05, 3.0  # residual over noise; a fit of more voxels than two stacks have leaves some 0.2 of it
_FAR = 5.0  # mm, or degrees, from the header: beyond, the report says so


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of a fusion when it is done.

    Args:
        found: the image that all data corrected.
        wanted: grid of the result.
        seen: fraction of it that a stack reaches.
        reasons: by number, why stacks were not used.
        alike: how well each of the others agrees in detail.
    """

    found: Corrected
    wanted: Grid
    seen: float
    reasons: Mapping[int, str]
    alike: Sequence[Belonging]


def described(
    options: FuseOptions, choice: Choice, given: Sequence[GivenStack], aligned: Sequence[Aligned], known: Known
) -> FuseReport:
    """Write the report.

    Args:
        options: as they were given.
        choice: of the method.
        given: the stacks that were used.
        aligned: where they lie.
        known: the result, and which stacks belong to it.
    """
    stacks = tuple(_stack(k, choice, given, aligned, known) for k in range(len(given)))
    warnings = [f"stack {one.number}: {finding}" for one in given for finding in one.scan.findings]
    warnings += [
        f"stack {number} could not be aligned with the first and is left out: {reason}"
        for number, reason in known.reasons.items()
    ]
    if options.like is not None and known.seen < 0.995:
        warnings.append(f"{100 * (1 - known.seen):.0f} % of the grid lies outside all stacks; the result is 0 there")
    warnings += _cautions(options, stacks, given, aligned, known)
    return FuseReport(
        made_by=f"monai_strainer {__version__}", method=choice.method, why=choice.why,
        spacing=_rounded(known.wanted.spacing), predicted={name: round(v, 3) for name, v in choice.predicted.items()},
        seed=options.seed, aligned=options.align, stacks=stacks, left_out=tuple(known.reasons),
        seen=round(known.seen, 4), notes=(*(note for one in given for note in one.notes), *_moved_slices(stacks)),
        warnings=tuple(warnings),
    )  # fmt: skip


def _cautions(
    options: FuseOptions, stacks: Sequence[StackReport], given: Sequence[GivenStack], aligned: Sequence[Aligned],
    known: Known,
) -> list[str]:  # fmt: skip
    """Say what to check of every stack that was used."""
    warnings = []
    for k, one in enumerate(stacks):
        if k and known.alike[k].caution:
            warnings.append(f"stack {one.number}: {known.alike[k].caution}")
        moved, turned = np.linalg.norm(one.shift), np.linalg.norm(one.rotation)
        if max(moved, turned) > _FAR:
            warnings.append(
                f"stack {one.number} lies {moved:.1f} mm and {turned:.1f} degrees from where its header says"
            )
        if one.unsure:
            warnings.append(
                f"stack {one.number}: the motion of {one.unsure} of {len(one.slices)} slices did not converge; they "
                "lie as the stack does"
            )
        if one.misfit > _MOST:
            warnings.append(
                f"stack {one.number}: the residual is {one.misfit:.1f} times its noise: motion between its slices, "
                "another contrast, a mirror image, or a wrong profile"
            )
            place = given[0].scan.grid
            if k and options.align and fits_better_mirrored(aligned[k].stack, aligned[0].stack, place):
                warnings.append(
                    f"stack {one.number} fits stack {stacks[0].number} better when left and right are swapped: one of "
                    "their headers is wrong"
                )
        if one.misfit < _LEAST:
            warnings.append(
                f"stack {one.number}: the residual is {one.misfit:.2f} times its noise: its noise level may read too "
                "high"
            )
    return warnings


def _moved_slices(stacks: Sequence[StackReport]) -> list[str]:
    """Say in words how far slices moved in their stacks."""
    notes = []
    for one in stacks:
        moved = np.array([own for own in one.slices if any(own)])
        if len(moved):
            turned, shifted = (float(np.linalg.norm(part, axis=1).max()) for part in (moved[:, :3], moved[:, 3:]))
            notes.append(
                f"stack {one.number}: {len(moved)} of {len(one.slices)} slices have moved, by up to {shifted:.1f} mm "
                f"and {turned:.1f} degrees"
            )
        elif one.slices:
            notes.append(f"stack {one.number}: no motion between its slices was found")
    return notes


def _stack(
    k: int, choice: Choice, given: Sequence[GivenStack], aligned: Sequence[Aligned], known: Known
) -> StackReport:
    one, done, data, likeness = given[k], aligned[k], known.found.data[k], known.alike[k].likeness
    counted, noise = data.weight > 0, max(one.stack.sigma, LEAST_NOISE) / done.stack.gain
    misfit = (data.y - data.operator.A(known.found.image))[counted].square() / noise**2
    slices = () if done.stack.slices is None else done.stack.slices
    return StackReport(
        number=one.number,
        spacing=_rounded(one.scan.grid.spacing),
        sigma=one.stack.sigma * one.scale,
        rotation=_rounded(done.stack.motion[:3]),
        shift=_rounded(done.stack.motion[3:]),
        gain=float(f"{done.stack.gain * one.scale / given[0].scale:.5g}"),  # units may differ by a factor of 1000
        converged=done.converged,
        disagreement=done.stack.disagreement * done.stack.gain * one.scale,
        common=round(done.common, 3),
        likeness=None if likeness is None else round(likeness, 3),
        misfit=round(float(misfit.sum()) / max(misfit.numel(), 1), 3),
        prior=choice.priors[k] if choice.method == "network" else "none",
        slices=tuple(tuple(round(float(v), 4) for v in own) for own in slices),
        unsure=done.unsure,
    )


def _rounded(values: Sequence[float] | np.ndarray) -> tuple[float, float, float]:
    first, second, third = (round(float(value), 4) for value in values)
    return first, second, third
