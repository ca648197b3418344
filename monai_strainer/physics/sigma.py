# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The noise level of one scan, read off the scan itself.

Two witnesses: inside the head, the finest diagonal wavelet coefficients in the flattest places, where there is next to
no anatomy left in them; outside, the air of a magnitude image, which is noise alone.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError

__all__ = ["gaussian_sigma", "rician_sigma"]

_MAD = 0.6745  # median of |n| for a standard normal n
_FLATTEST = 0.25  # share of the blocks used: 1 % noise on a real brain reads 16 % high; with all blocks, 60 %
_FEWEST = 64  # values below which a median says little


def gaussian_sigma(y: Tensor) -> Tensor:
    """Standard deviation of white Gaussian noise.

    ``sigma = median |d| / 0.6745`` with ``d = (a - b - c + e) / 2`` over the 2x2 blocks (a b; c e) of each slice: the
    finest diagonal Haar coefficients (Donoho and Johnstone, Biometrika 81 (1994) 425-455). Blocks count where the
    head is (above Otsu's threshold) and flattest. Both are judged by coefficients that are independent of ``d`` under
    white noise (the block's mean, and the details of its neighbours), so choosing does not bias the median. Exact
    zeros (background cut away) never count.

    Args:
        y: (..., H, W) slices.

    Returns:
        Scalar float32 tensor, 0 for an image without two rows and columns of signal.

    Raises:
        InputError: fewer than two axes, or values that are not finite.

    Example:
        >>> noisy = 10 + torch.randn(8, 64, 64, generator=torch.Generator().manual_seed(0))
        >>> round(float(gaussian_sigma(noisy)), 1)
        1.0
    """
    return _inside(_slices(y))[0]


def rician_sigma(y: Tensor) -> Tensor:
    """Standard deviation of the real and imaginary noise behind a magnitude image.

    Inside the head as ``gaussian_sigma``, divided by the square root of Koay's factor ``xi(theta)``, since the
    magnitude scatters less than its parts where the signal-to-noise ratio ``theta`` is low (Koay and Basser, JMR 179
    (2006) 317-322). Where the scan has noisy air, ``sigma = sqrt(mean(m^2) / 2)`` of it is sharper and free of anatomy;
    it is taken if its values are Rayleigh-distributed and it agrees with the inside to a factor of 2.

    Args:
        y: (..., H, W) slices.

    Returns:
        Scalar float32 tensor, 0 for an image without two rows and columns of signal.

    Raises:
        InputError: fewer than two axes, or values that are not finite.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> real, imaginary = torch.randn(2, 8, 64, 64, generator=g)
        >>> round(float(rician_sigma(torch.hypot(2 + real, imaginary))), 1)
        1.0
    """
    slices = _slices(y)
    spread, power = _inside(slices)  # standard deviation and mean square of the magnitude in the blocks used
    sigma = spread
    for _ in range(30):
        theta = (power / sigma.square().clamp_min(1e-30) - 2).clamp_min(0).sqrt()
        sigma = spread / koay_factor(theta).sqrt()
    air = _air(slices)
    if air is not None and bool(sigma / 2 < air) and bool(air < sigma * 2):
        return air
    return sigma


def koay_factor(theta: Tensor) -> Tensor:
    """Variance of a Rician magnitude of signal-to-noise ratio ``theta``, in units of ``sigma^2``.

    ``xi = 2 + theta^2 - pi/8 exp(-theta^2/2) [(2 + theta^2) I_0(theta^2/4) + theta^2 I_1(theta^2/4)]^2``

    Example:
        >>> koay_factor(torch.tensor([0.0, 1.0, 5.0]))
        tensor([0.4292, 0.6019, 0.9791])
    """
    squared = theta.double().clamp_max(1e3).square()
    i0, i1 = torch.special.i0e(squared / 4), torch.special.i1e(squared / 4)
    return (2 + squared - math.pi / 8 * ((2 + squared) * i0 + squared * i1).square()).to(theta.dtype)


def _slices(y: Tensor) -> Tensor:
    if y.ndim < 2:
        raise InputError(f"no noise level can be read off data of shape {tuple(y.shape)}", "pass slices (..., H, W)")
    if not bool(torch.isfinite(y).all()):
        raise InputError("the scan holds values that are not finite", "replace them, for instance by 0")
    return y.detach().to(torch.float32).reshape(-1, 1, *y.shape[-2:])  # (S, 1, H, W)


def _inside(slices: Tensor) -> tuple[Tensor, Tensor]:
    """Robust standard deviation and median square of the flattest 2x2 blocks of the foreground."""
    height, width = slices.shape[-2] // 2 * 2, slices.shape[-1] // 2 * 2
    nothing = slices.new_zeros([])
    if min(height, width) < 2:
        return nothing, nothing
    even = slices[..., :height, :width]
    a, b, c, e = (even[..., i::2, j::2] for i in (0, 1) for j in (0, 1))  # each (S, 1, H/2, W/2)
    mean, across, along, diagonal = (a + b + c + e) / 2, (a - b + c - e) / 2, (a + b - c - e) / 2, (a - b - c + e) / 2
    whole = (a != 0) & (b != 0) & (c != 0) & (e != 0)
    if not bool(whole.any()):
        return nothing, nothing
    smooth = _neighbours(mean * whole, own=True) / _neighbours(whole.to(mean), own=True).clamp_min(1e-6)
    head = whole & (smooth / 2 > otsu(slices[slices != 0])) & (_neighbours(whole.to(mean), own=True) > 0.99)
    if int(head.sum()) < _FEWEST:
        head = whole
    roughness = _neighbours(across.square() + along.square() + diagonal.square(), own=False)
    quarter = max(_FEWEST, math.ceil(_FLATTEST * int(head.sum())))
    order = roughness[head].argsort()[:quarter]
    spread = diagonal[head][order].abs().median() / _MAD
    return spread, (a.square() + b.square() + c.square() + e.square())[head][order].median() / 4


def _neighbours(blocks: Tensor, own: bool) -> Tensor:
    """Mean of the 8 blocks around each block, with the block itself or without; edges count as zeros."""
    kernel = blocks.new_ones(1, 1, 3, 3)
    kernel[..., 1, 1] = 1.0 if own else 0.0
    return F.conv2d(blocks, kernel / kernel.sum(), padding=1)


def _air(slices: Tensor) -> Tensor | None:
    """Sigma from the air around the head, or None if the scan shows no noisy air."""
    positive = slices > 0
    if not bool(positive.any()):
        return None
    low = slices < otsu(slices[positive])
    # air is far from the head: voxels whose 7x7 surroundings are all low
    far = positive & (-F.max_pool2d(-low.to(slices), 7, stride=1, padding=3) > 0)
    m = slices[far]
    if m.numel() < max(_FEWEST, 0.05 * slices.numel()):
        return None
    m = m[m < 4 * m.median() / math.sqrt(2 * math.log(2))]  # beyond 4 sigma (1 in 3000) it is not noise
    is_rayleigh = abs(float(m.mean() ** 2 / m.square().mean()) - math.pi / 4) < 0.03
    return (m.square().mean() / 2).sqrt() if is_rayleigh else None


def otsu(values: Tensor) -> Tensor:
    """The threshold that splits values into two groups of least spread (Otsu, IEEE TSMC 9 (1979) 62-66).

    Example:
        >>> float(otsu(torch.tensor([0.0, 0.1, 0.2, 3.8, 3.9, 4.0]))) > 0.2
        True
    """
    low, high = values.min(), values.max()
    counts = torch.histc(values, 256, float(low), float(high)).double()  # (256,)
    centre = torch.arange(256, device=values.device, dtype=torch.float64) + 0.5
    below, total = counts.cumsum(0), counts.sum()
    moment = (counts * centre).cumsum(0)
    between = (moment[-1] * below - total * moment).square() / (below * (total - below)).clamp_min(1e-9)
    return low + (high - low) * (int(between.argmax()) + 1) / 256
