# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Hold slices of many heads on one common grid of head coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["AlignedSlices"]


@dataclass(frozen=True, eq=False)
class AlignedSlices:
    """Slices of many scans on one common grid of head coordinates.

    Args:
        images: ``(N, S, H, W)`` intensities in about ``[0, 1]``; float16, may be a memory map.
        axes: head coordinates along slices, rows and columns: ``(S,)``, ``(H,)``, ``(W,)``.
        order: the anatomical axis (0 x, 1 y, 2 z) of each of these three.
    """

    images: np.ndarray
    axes: tuple[np.ndarray, np.ndarray, np.ndarray]
    order: tuple[int, int, int] = (2, 0, 1)

    def points(self, level: int, index: np.ndarray) -> np.ndarray:
        """Return the head coordinates of some pixels of a slice.

        Args:
            level: number of the slice on the common grid, from 0.
            index: ``(P,)`` flat indices into ``(H, W)``.

        Returns:
            ``(3, P)`` coordinates x, y, z.
        """
        rows, columns = np.divmod(index, len(self.axes[2]))
        out = np.empty((3, len(index)), np.float32)
        for ras, values in zip(self.order, (self.axes[0][level], self.axes[1][rows], self.axes[2][columns])):
            out[ras] = values
        return out
