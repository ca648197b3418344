# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Find the object of a scan, and the intensity that stands for 1."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import InputError
from ..physics.noise_estimation import otsu

__all__ = ["foreground", "intensity_scale_of"]


def foreground(data: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the head: the largest connected part above half of Otsu's threshold, its holes filled slice by slice.

    Smoothing first keeps a noisy background out; half the threshold keeps dark tissue in.

    Args:
        data: (X, Y, Z) intensities; bright is tissue.

    Returns:
        (X, Y, Z) mask, never empty unless the scan is.

    Example:
        >>> data = np.zeros((5, 5, 3), np.float32)
        >>> data[1:4, 1:4] = 100
        >>> int(foreground(data)[:, :, 1].sum())
        9
    """
    smooth = ndimage.uniform_filter(np.asarray(data, dtype=np.float32), size=[3 if n > 8 else 1 for n in data.shape])
    mask = smooth > 0.5 * float(otsu(torch.from_numpy(smooth)))
    parts, count = ndimage.label(mask)
    if count > 1:
        mask = parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])
    axis = int(np.argmin(data.shape))
    for k in range(data.shape[axis]):
        index = (slice(None),) * axis + (k,)
        mask[index] = ndimage.binary_fill_holes(mask[index])
    return mask


def intensity_scale_of(data: NDArray[np.float32], mask: NDArray[np.bool_], percentile: float = 99.5) -> float:
    """Return the intensity scale of a scan: a high percentile of its foreground.

    A scan over its intensity scale is about ``[0, 1]``. Zero stays zero, so a magnitude image keeps its Rician noise.

    Args:
        data: (X, Y, Z) intensities.
        mask: (X, Y, Z), the foreground.
        percentile: above 0, at most 100.

    Raises:
        InputError: the scan has no foreground.

    Example:
        >>> data = np.linspace(0, 400, 27, dtype=np.float32).reshape(3, 3, 3)
        >>> intensity_scale_of(data, data > 0, percentile=100)
        400.0
    """
    inside = data[mask]
    found = float(np.percentile(inside, percentile)) if inside.size else 0.0
    if not np.isfinite(found) or found <= 0:
        raise InputError(
            "the scan has no foreground: it is constant, empty or negative", "check that the file holds an image"
        )
    return found
