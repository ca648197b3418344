# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Hold an image that training patches are cut from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Source", "digest_of"]


@dataclass(frozen=True, eq=False)
class Source:
    """An image to cut patches from.

    Args:
        data: (X, Y, Z) intensities, the foreground in about [0, 1]; float16.
        spacing: of its voxels in mm.
        axes: array axes along which slices may be cut.
        kind: "scan", "labels" or "photograph".
        name: of the file it comes from.
    """

    data: NDArray[np.float16]
    spacing: tuple[float, float, float]
    axes: tuple[int, ...]
    kind: str
    name: str


def digest_of(sources: Iterable[Source]) -> str:
    """One hash of all that trained."""
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.name.encode())
        digest.update(source.data.tobytes())
    return digest.hexdigest()
