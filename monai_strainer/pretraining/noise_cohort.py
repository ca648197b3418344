# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Make noise in place of scans: fields with a power spectrum, for pretraining without patients' data."""

from __future__ import annotations

import numpy as np

from ..anatomy.aligned_slices import AlignedSlices
from ..geometry import centres

__all__ = ["NOISE_GRID", "NOISE_IMAGES", "noise_slices"]

NOISE_IMAGES, NOISE_GRID = 32, (48, 96, 96)


def noise_slices(
    count: int = NOISE_IMAGES, shape: tuple[int, int, int] = NOISE_GRID, exponent: float = 1.0, seed: int = 0
) -> AlignedSlices:
    """Make a cohort of noise: three-dimensional fields whose amplitude falls with frequency as ``1 / f^exponent``.

    Exponent 0 is white noise, uniform between 0 and 1 and independent from voxel to voxel. With any other exponent,
    white noise is filtered and every field brought to the range 0 to 1. The spectrum of scans has about exponent 1
    along every axis: what a network learns from such fields is where an image keeps its energy, and nothing else.

    Args:
        count: fields.
        shape: slices, rows and columns.
        exponent: how fast the amplitude falls.
        seed: of the draws.

    Returns:
        slices that stand for a cohort's, float16, over the whole box of head coordinates.

    Raises:
        ValueError: no field, or an empty one.

    Source: Vyas et al., "The Surprising Effectiveness of Noise Pretraining for Implicit Neural Representations",
    CVPR 2026.

    Example:
        >>> noise_slices(2, (3, 8, 9), exponent=0).images.shape
        (2, 3, 8, 9)
    """
    if min(count, *shape) < 1:
        raise ValueError(f"{count} fields of {shape} voxels are no cohort")
    rng = np.random.default_rng(seed)
    images = np.empty((count, *shape), np.float16)
    frequency = np.sqrt(sum(f**2 for f in np.meshgrid(*(np.fft.fftfreq(n) for n in shape), indexing="ij")))
    floor = 1 / max(shape)  # the lowest frequency of the longest axis; it bounds the mean's amplitude as well
    for image in images:  # (S, H, W)
        field = rng.random(shape)
        if exponent:
            field = np.fft.ifftn(np.fft.fftn(field - 0.5) * np.maximum(frequency, floor) ** -exponent).real
            low, high = field.min(), field.max()
            field = (field - low) / max(high - low, 1e-12)
        image[:] = field
    axes = tuple(centres(n).astype(np.float32) for n in shape)
    return AlignedSlices(images, (axes[0], axes[1], axes[2]))
