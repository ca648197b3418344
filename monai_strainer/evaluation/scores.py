# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Score an image against its truth: the same numbers in every benchmark."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..metrics import coverage, psnr, ssim

__all__ = ["scores_of"]

Image = NDArray[np.float32]


def scores_of(
    image: Image, truth: Image, mask: NDArray[np.bool_], peak: float, std: Image | None = None
) -> dict[str, float | None]:
    """Return PSNR and SSIM in the mask, PSNR of the whole image, and how much of the truth lies in 90 % error bars.

    Args:
        image: (H, W) or (S, H, W) restored.
        truth: as ``image``.
        mask: as ``image``, true where scores count.
        peak: data range.
        std: as ``image``, its standard deviation.

    Returns:
        ``psnr_mask`` and ``psnr_image`` in dB, ``ssim_mask``, and ``coverage90``, None without a deviation.

    Example:
        >>> truth = np.random.default_rng(0).random((1, 16, 16), np.float32)
        >>> found = scores_of(truth + np.float32(0.1), truth, truth > 0, peak=1.0)
        >>> round(found["psnr_mask"], 3), found["coverage90"]
        (20.0, None)
    """
    return {
        "psnr_mask": psnr(image, truth, data_range=peak, mask=mask),
        "psnr_image": psnr(image, truth, data_range=peak),
        "ssim_mask": ssim(image, truth, data_range=peak, mask=mask),
        "coverage90": None if std is None else coverage(image, truth, std, 0.9, mask),
    }
