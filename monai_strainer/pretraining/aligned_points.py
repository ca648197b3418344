# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Draw the same points of the head from many aligned scans, for pretraining."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..anatomy.aligned_slices import AlignedSlices

__all__ = ["CohortTiles"]


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
