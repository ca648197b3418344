# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Choose the patches of a stack of slices from which a small network reads how the scan was measured."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["FILLED", "evenly_spaced", "patches_of"]

_SLICES = 24  # at most, evenly spaced
FILLED = 0.3  # of a patch that holds signal


def evenly_spaced(count: int, most: int) -> list[int]:
    """Choose some of a number of slices, from the first to the last.

    Args:
        count: slices that there are.
        most: that are chosen; all where there are no more.

    Example:
        >>> evenly_spaced(9, 3), evenly_spaced(2, 3)
        ([0, 4, 8], [0, 1])
    """
    return sorted({round(k) for k in np.linspace(0, count - 1, min(count, most))})


def patches_of(
    slices: NDArray[np.float32], signal: NDArray[np.bool_], side: int, most: int, filled: float = FILLED
) -> Iterator[tuple[Tensor, list[tuple[int, float, float]]]]:
    """Yield the patches of one slice after the other.

    Patches lie side by side. Those that hold little signal are left out where there are others, constant ones and those
    of exact zeros always.

    Args:
        slices: (S, H, W) of the scan; exact zeros are background that was cut away.
        signal: (S, H, W) where the object is.
        side: of a patch, in voxels; a shorter axis is taken whole.
        most: number of patches; where there are more, as in large planes, every second, third ... is taken.
        filled: fraction of a patch that is signal.

    Yields:
        patches ``(P, 1, h, w)``, and slice, row and column of their middles in voxels.

    Example:
        >>> image = np.random.default_rng(0).random((3, 40, 40), np.float32)
        >>> sum(len(patches) for patches, _ in patches_of(image, image > 0.1, 32, 100))
        12
    """
    count, height, width = slices.shape
    some = evenly_spaced(count, _SLICES)
    corners = [(r, c) for r in _starts(height, side) for c in _starts(width, side)]
    step = math.ceil(len(some) * len(corners) / most)
    is_found = False
    for least in (filled, 0.0):
        for number, s in enumerate(some):
            batch, middles = [], []
            for r, c in corners[number % step :: step]:
                window = (s, slice(r, r + side), slice(c, c + side))
                patch = slices[window]
                if signal[window].mean() < least or np.ptp(patch) == 0 or (patch != 0).mean() < 0.1:
                    continue
                batch.append(torch.from_numpy(np.ascontiguousarray(patch)))
                middles.append((int(s), r + patch.shape[0] / 2, c + patch.shape[1] / 2))
            if batch:
                is_found = True
                yield torch.stack(batch)[:, None], middles
        if is_found:
            return


def _starts(n: int, side: int) -> list[int]:
    """Where patches begin along an axis of ``n`` voxels: side by side, the last one moved back to fit."""
    if n <= side:
        return [0]
    count = math.ceil(n / side)
    return [round(k * (n - side) / (count - 1)) for k in range(count)]
