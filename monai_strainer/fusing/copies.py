# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Refuse a stack that holds the voxels of another: it would count twice, and the bars would be too narrow.

Two measurements of the same slices have noise of their own. A copy has none: in some order of its axes its values are
those of the other, times a factor.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..volume import Volume

__all__ = ["is_copy", "require_no_copies"]

_EXACT = 5e-3  # of the deviation of an image: rounding to integers leaves less, a second measurement more
_SOME = 20_000  # voxels that are compared first
_NEAR = 1e-3  # voxels, or mm: two headers that differ by less are the same


def require_no_copies(stacks: Sequence[Volume]) -> None:
    """Refuse stacks of which one is a copy of another.

    Args:
        stacks: as they were given.

    Raises:
        InputError: two of them hold the same voxels.
    """
    for (k, one), (j, other) in itertools.combinations(enumerate(stacks, 1), 2):
        if not is_copy(one.data, other.data):
            continue
        if one.grid.shape == other.grid.shape and one.grid.apart(other.grid) < _NEAR:
            raise InputError(f"stack {j} holds the voxels of stack {k}", "pass every stack once")
        raise InputError(
            f"stack {j} holds the voxels of stack {k}, and their headers differ",
            "pass it once, with the header that is right",
        )


def is_copy(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Return whether one image is the other times a factor, in any order and direction of the axes.

    Args:
        one: (X, Y, Z).
        other: of any shape.

    Example:
        >>> image = np.random.default_rng(0).random((6, 5, 4)).astype(np.float32)
        >>> is_copy(image, 2 * image[::-1].transpose(2, 0, 1)), is_copy(image, image + 0.1 * image[::-1])
        (True, False)
    """
    if sorted(one.shape) != sorted(other.shape):
        return False
    step = max(1, round((one.size / _SOME) ** (1 / 3)))
    few = (slice(None, None, step),) * 3
    return any(_apart(one[few], view[few]) < _EXACT and _apart(one, view) < _EXACT for view in _views(other, one.shape))


def _views(image: NDArray[np.float32], shape: tuple[int, ...]) -> Iterator[NDArray[np.float32]]:
    """Yield an image in every order and direction of its axes that has a shape."""
    for order in itertools.permutations(range(3)):
        turned = image.transpose(order)
        if turned.shape == shape:
            for signs in itertools.product((1, -1), repeat=3):
                yield turned[tuple(slice(None, None, sign) for sign in signs)]


def _apart(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Deviation of what is left of one image after a multiple of the other, over its own."""
    first, second = one.astype(np.float64), other.astype(np.float64)
    gain = float((first * second).sum() / max(float(np.square(second).sum()), 1e-30))
    return float((first - gain * second).std() / max(float(first.std()), 1e-30))
