# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Say what was done with every stack, and what to check."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["FuseReport", "StackReport"]


@dataclass(frozen=True, kw_only=True)
class StackReport:
    """One stack.

    Args:
        number: of the stack, in the order they were given, from 1.
        spacing: of its voxels in mm.
        sigma: of its noise, in its own units.
        rotation: vector in degrees, from where the header says; about the centre of the stack.
        shift: in mm.
        gain: of its intensities over those of the first stack.
        converged: whether the last steps of the alignment were small.
        common: fraction of its voxels that the other stacks see too.
        disagreement: standard deviation, in its own units, by which the stacks differ beyond their noise; the result
            follows the mean of the stacks where it is large.
        likeness: correlation, in neighbourhoods of about 2 cm, with that of the others with which it agrees best; about
            1 for stacks of one object; None where too little is seen.
        slices: motion of every slice in the stack, where it was asked for: rotation vector in degrees about the centre
            of the slice, shift in mm.
        unsure: slices whose motion did not converge; they lie as the stack does.
        misfit: mean square of its residual over its noise; about 1 where the result explains the data.
        prior: that restored it; "none" where the method is not the network.
    """

    number: int
    spacing: tuple[float, float, float]
    sigma: float
    rotation: tuple[float, float, float]
    shift: tuple[float, float, float]
    gain: float
    converged: bool
    common: float
    disagreement: float
    misfit: float
    prior: str
    likeness: float | None = None
    slices: tuple[tuple[float, ...], ...] = ()
    unsure: int = 0


@dataclass(frozen=True, kw_only=True)
class FuseReport:
    """A fusion.

    Args:
        made_by: package and version.
        method: "network", "kriging" or "mean".
        why: the reason in words.
        spacing: of the result in mm.
        predicted: by method, the mean square error of stacks that are predicted from the others, over the variance of
            their noise; where it was tried.
        seed: of all draws.
        aligned: whether the stacks were aligned; if not, the headers were believed.
        stacks: that were used, in the order they were given.
        left_out: numbers of the stacks that could not be aligned with the first, or do not belong to it.
        seen: fraction of the result that a stack reaches; elsewhere the result is 0.
        notes: decisions in words: stacks that are zero-filled.
        warnings: what to check.
        use: what the result is for.
    """

    made_by: str
    method: Literal["network", "kriging", "mean"]
    why: str
    spacing: tuple[float, float, float]
    predicted: dict[str, float]
    seed: int
    aligned: bool
    stacks: tuple[StackReport, ...]
    left_out: tuple[int, ...]
    seen: float
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    use: str = "research use only; not for diagnosis"

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers and words, fit for JSON."""
        return {"task": "fusion", **asdict(self)}
