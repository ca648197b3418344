# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Declare the options of a fusion once; Python and the command line read them here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import InputError
from ..restoring.options import PROFILES as ALL_PROFILES
from ..restoring.options import refuse_unfit, said

if TYPE_CHECKING:  # the command line reads this file for its help text
    from ..geometry import Grid

__all__ = ["METHODS", "MOTIONS", "PROFILES", "SPACING", "FuseOptions"]

METHODS = ("auto", "network", "kriging", "mean")
MOTIONS = ("stack", "slice")
PROFILES = tuple(name for name in ALL_PROFILES if name not in ("auto", "kspace"))  # a slice is excited, not encoded
SPACING = 1.0  # mm


@dataclass(frozen=True, eq=False)
class FuseOptions:
    """How stacks become one volume.

    Args:
        spacing: voxel edge of the result in mm, the same along all axes; 1 by default.
        like: grid of the result, in any orientation, in place of the field of view of the first stack and a spacing.
            Its voxels may have different edges; where no stack reaches, the result is 0.
        method: "network" restores every stack with the prior and lets all data correct the mean; "kriging" uses the
            data alone; "mean" averages the stacks, interpolated with cubic splines; "auto" takes the one that predicts
            the stacks best from each other.
        align: find how the stacks lie to each other; without it the headers are believed.
        motion: "stack" moves every stack as a whole; "slice" then finds how every slice lies in its stack, for people
            who moved between the slices.
        profile: of a slice, see :mod:`monai_strainer.physics.axis_profiles`.
        thickness: of the slices of all stacks in mm where they have gaps or overlap; by default what each stack says of
            itself, else the step between its slices.
        sigma: noise standard deviation in the scans' units; None reads it off every stack.
        seed: of all draws.

    Raises:
        InputError: a value that does not exist or is not above 0; a spacing and a grid.

    Example:
        >>> FuseOptions(spacing=0.8).method
        'auto'
    """

    spacing: float | None = field(
        default=None,
        metadata=said(
            f"voxel edge of the result, the same along all axes (default: {SPACING:g})",
            kind=float,
            unit="MM",
            limits={"above": 0},
        ),
    )
    like: Grid | None = None
    method: str = field(
        default="auto",
        metadata=said(
            "restore every stack with the prior first, use the data alone, or average the stacks; auto takes the best",
            among=METHODS,
        ),
    )
    align: bool = field(default=True, metadata=said("believe the headers: stacks do not move", kind=bool))
    motion: str = field(
        default="stack",
        metadata=said("of every stack as a whole, or also of every slice in its stack", among=MOTIONS),
    )
    profile: str = field(
        default="box",
        metadata=said("of a slice: an average over its thickness, or a weighted one", among=PROFILES),
    )
    thickness: float | None = field(
        default=None,
        metadata=said(
            "slice thickness of all stacks where slices have gaps or overlap",
            kind=float,
            unit="MM",
            limits={"above": 0},
        ),
    )
    sigma: float | None = field(
        default=None,
        metadata=said(
            "noise standard deviation in the scans' units (default: estimated)",
            kind=float,
            unit="S",
            limits={"least": 0},
        ),
    )
    seed: int = 0

    def __post_init__(self) -> None:
        refuse_unfit(self)
        if self.spacing is not None and self.like is not None:
            raise InputError("a spacing and the grid of another image were given", "give one of them")
        for name, choices in (("method", METHODS), ("motion", MOTIONS), ("profile", PROFILES)):
            if getattr(self, name) not in choices:
                raise InputError(f"there is no {name} {getattr(self, name)!r}", f"choose from {', '.join(choices)}")
        if self.motion == "slice" and not self.align:
            raise InputError("slices cannot move where the headers are believed", "drop --no-align or --motion slice")

    @property
    def edge(self) -> float:
        """Voxel edge in mm in which the fusion is computed: the one asked for, or the finest of ``like``."""
        if self.like is not None:
            return float(self.like.spacing.min())
        return SPACING if self.spacing is None else self.spacing
