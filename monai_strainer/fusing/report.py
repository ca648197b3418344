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
        spacing: of its voxels in mm.
        sigma: of its noise, in its own units.
        rotation: vector in degrees, from where the header says; about the centre of the stack.
        shift: in mm.
        gain: of its intensities over those of the first stack.
        converged: whether the last steps of the alignment were small.
        common: fraction of its voxels that the other stacks see too.
        misfit: mean square of its residual over its noise; about 1 where the result explains the data.
        prior: that restored it; "none" for kriging.
    """

    spacing: tuple[float, float, float]
    sigma: float
    rotation: tuple[float, float, float]
    shift: tuple[float, float, float]
    gain: float
    converged: bool
    common: float
    misfit: float
    prior: str


@dataclass(frozen=True, kw_only=True)
class FuseReport:
    """A fusion.

    Args:
        method: "network" or "kriging".
        why: the reason in words.
        spacing: of the result in mm.
        predicted: by method, the error of a stack predicted from the others, over its noise; where it was tried.
        stacks: in the order they were given.
        warnings: what to check.
    """

    method: Literal["network", "kriging"]
    why: str
    spacing: tuple[float, float, float]
    predicted: dict[str, float]
    stacks: tuple[StackReport, ...]
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers and words, fit for JSON."""
        return {"task": "fusion", **asdict(self)}
