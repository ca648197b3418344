# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What pretraining looks at: the same few points of the head, in many aligned scans at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

__all__ = ["AlignedSlices", "CohortTiles"]


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
        """``(3, P)`` head coordinates x, y, z of pixels ``index`` (flat) of the slice at ``level``."""
        rows, columns = np.divmod(index, len(self.axes[2]))
        out = np.empty((3, len(index)), np.float32)
        for ras, values in zip(self.order, (self.axes[0][level], self.axes[1][rows], self.axes[2][columns])):
            out[ras] = values
        return out


class CohortTiles(Dataset[dict[str, Tensor]]):
    """Tile ``i``: the same points of the head in several scans. The draw depends on the seed and ``i`` alone.

    So training can be cut anywhere and go on with the tiles it would have seen, and several processes that share the
    tiles among them see together what one process sees.

    Args:
        slices: the cohort.
        length: number of tiles.
        points: pixels per tile; None takes the whole slice.
        images: scans per tile, at most.
        seed: of the draws.
        level: take every tile from this slice.

    Returns:
        per tile ``image`` (3, P, 1), the coordinates, and ``label`` (N, P, 1), intensities in ``[-1, 1]``.
    """

    def __init__(
        self,
        slices: AlignedSlices,
        length: int,
        points: int | None = 2048,
        images: int | None = 32,
        seed: int = 0,
        level: int | None = None,
    ) -> None:
        self.slices, self.length, self.points, self.images, self.seed, self.level = (
            slices,
            length,
            points,
            images,
            seed,
            level,
        )

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        if not 0 <= i < self.length:
            raise IndexError(i)
        n, s, h, w = self.slices.images.shape
        rng = np.random.default_rng((self.seed, i))
        level = int(rng.integers(s)) if self.level is None else self.level
        index = np.arange(h * w) if self.points is None else rng.integers(h * w, size=min(self.points, h * w))
        scans = (
            np.arange(n)
            if self.images is None or self.images >= n
            else np.sort(rng.choice(n, self.images, replace=False))
        )
        coords = self.slices.points(level, index)  # (3, P)
        values = self.slices.images[scans, level].reshape(len(scans), -1)[:, index].astype(np.float32)  # (N, P)
        return {"image": torch.from_numpy(coords)[..., None], "label": torch.from_numpy(2 * values - 1)[..., None]}
