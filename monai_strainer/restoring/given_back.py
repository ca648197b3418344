# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Give back to a denoised image what the network removed and noise does not explain: small lesions, thin vessels.

With the residual ``r = y - f``, smoothed as ``g = G r`` by a small Gaussian, noise alone has the standard deviation
``s = sigma sqrt(sum G^2)``. Where ``|g|`` is larger, its excess is added to the image:

    f <- f + g max(0, 1 - (t s / g)^2)

from the wider Gaussian to the narrower one, twice. Some noise comes back with the lesions.

Source: Gao, Wavelet shrinkage denoising using the non-negative garrote, J. Comp. Graph. Stat. 7 (1998).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["give_back"]

THRESHOLD = 1.5  # standard deviations of the smoothed noise
WIDTHS = (1.0, 0.6)  # standard deviations of the Gaussians, in voxels of the plane
_ROUNDS = 2
_NARROW = 0.3  # voxels: a narrower Gaussian is none

Image = NDArray[np.float32]


def give_back(
    image: Image, std: Image, data: Image, variance: float | Image, where: NDArray[np.bool_], spacing: Sequence[float]
) -> tuple[Image, Image]:
    """Add what the residual shows beyond the noise, and the noise that comes with it to the deviation.

    Args:
        image: (S, H, W), denoised.
        std: (S, H, W), its standard deviation.
        data: (S, H, W) without Rician bias.
        variance: of the noise, a number or (S, H, W).
        where: (S, H, W) to act: in the air, and where a magnitude is hardly above its noise, residuals are biased.
        spacing: (3,) of the voxels, the step between slices first; any unit.

    Returns:
        the image and its standard deviation.

    Example:
        >>> spot = np.zeros((1, 9, 9), np.float32)
        >>> spot[0, 4, 4] = 10
        >>> image, std = give_back(np.zeros_like(spot), np.ones_like(spot), spot, 1.0, spot < 99, (1, 1, 1))
        >>> bool(image[0, 4, 4] > 5), bool(image[0, 0, 0] == 0)
        (True, True)
    """
    plane = float(np.sqrt(spacing[1] * spacing[2]))
    level = np.sqrt(np.asarray(variance, np.float32))
    out, rest, more = image.copy(), data - image, np.square(std)
    for width in WIDTHS * _ROUNDS:
        sigma = [width * plane / step for step in spacing]
        sigma = [s if s > _NARROW and n > 1 else 0.0 for s, n in zip(sigma, image.shape)]
        smooth = ndimage.gaussian_filter(rest, sigma)
        noise = level * np.float32(_gain(sigma))
        fraction = where * np.maximum(0, 1 - np.square(THRESHOLD * noise / np.maximum(np.abs(smooth), 1e-12)))
        out += fraction * smooth
        rest = rest - fraction * smooth
        more += np.square(fraction * noise)
    return out, np.sqrt(more).astype(np.float32)


def _gain(sigma: Sequence[float]) -> float:
    """Return the root of the sum of squares of a separable Gaussian's weights."""
    unit = np.zeros(41)
    unit[20] = 1
    kernels = [ndimage.gaussian_filter1d(unit, s) if s > 0 else unit for s in sigma]
    return float(np.prod([np.square(kernel).sum() for kernel in kernels])) ** 0.5
