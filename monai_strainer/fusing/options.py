# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Declare the options of a fusion once; Python and the command line read them here."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import InputError

__all__ = ["METHODS", "FuseOptions"]

METHODS = ("auto", "network", "kriging")


@dataclass(frozen=True)
class FuseOptions:
    """How stacks become one volume.

    Args:
        spacing: voxel edge of the result in mm, the same along all axes.
        method: "network" restores every stack with the prior and lets all data correct the mean; "kriging" uses the
            data alone; "auto" takes the one that predicts a stack better from the others.
        align: find how the stacks lie to each other; without it the headers are believed.
        profile: of a slice, see :class:`monai_strainer.RestoreOptions`.
        sigma: noise standard deviation in the scans' units; None reads it off every stack.
        seed: of all draws.

    Raises:
        InputError: a value that does not exist or is not above 0.

    Example:
        >>> FuseOptions(spacing=0.8).method
        'auto'
    """

    spacing: float = 1.0
    method: str = "auto"
    align: bool = True
    profile: str = "box"
    sigma: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.spacing) and self.spacing > 0):
            raise InputError(f"a spacing of {self.spacing:g} mm is not above 0", "give the voxel edge in mm")
        if self.method not in METHODS:
            raise InputError(f"there is no method {self.method!r}", f"choose from {', '.join(METHODS)}")
        if self.sigma is not None and not (math.isfinite(self.sigma) and self.sigma >= 0):
            raise InputError(f"a noise level of {self.sigma:g} is not 0 or more", "give a standard deviation")
