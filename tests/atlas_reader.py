# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read the picture of a volume as a page's program does: tiles back into an array in the display order."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from monai_strainer.reporting.atlas import Atlas


def voxels_of(atlas: Atlas) -> np.ndarray:
    """(Z, Y, X) grey values, 0 to 255."""
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(atlas.src.split(",")[1]))).convert("L"))
    rows, columns = (n for k, n in enumerate(atlas.shape) if k != atlas.along)
    tiles = []
    for t in range(atlas.shape[atlas.along]):
        top, left = t // atlas.columns * atlas.tile[0], t % atlas.columns * atlas.tile[1]
        tiles.append(sheet[top : top + rows, left : left + columns])
    return np.moveaxis(np.stack(tiles), 0, atlas.along)
