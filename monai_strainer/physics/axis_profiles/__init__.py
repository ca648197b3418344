# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Offer the acquisition profiles along one axis, one file each: the file's name is the profile's name.

To add a profile, add a file with a function ``matrix(fine, measured, ratio)``, which returns the (measured, fine)
weights of one axis; rows sum to 1. ``Profile``, ``SliceProfile``, the command line and the bundle know it then.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path

from torch import Tensor

from ...errors import InputError

__all__ = ["matrix_of", "profile_names"]


@cache
def profile_names() -> tuple[str, ...]:
    """Return the names of all profiles, in alphabetical order.

    Example:
        >>> profile_names()[:3]
        ('box', 'gaussian', 'kspace')
    """
    return tuple(sorted(file.stem for file in Path(__file__).parent.glob("[!_]*.py")))


def matrix_of(kind: str, fine: int, measured: int, ratio: float) -> Tensor:
    """Return the (measured, fine) matrix of a profile along one axis.

    Args:
        kind: name of the profile.
        fine: number of voxels before.
        measured: number of voxels after, on the same field of view.
        ratio: thickness of a slice over the step from slice to slice.

    Raises:
        InputError: there is no profile of this name.
    """
    if kind not in profile_names():
        raise InputError(f"there is no profile called {kind!r}", f"choose from {', '.join(profile_names())}")
    matrix: Tensor = import_module(f".{kind}", __name__).matrix(fine, measured, ratio)
    return matrix
