# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Estimate the noise level of one scan, and the error of that estimate.

Two estimators: inside the head, the finest diagonal wavelet coefficients in the flattest regions, where there is next
to no anatomy left in them; outside, the air of a magnitude image, which is noise alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError

__all__ = ["NoiseEstimate", "gaussian_sigma", "rician_sigma"]

_MAD = 0.6745  # median of |n| for a standard normal n
_FRACTIONS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)  # of the blocks, flattest first
_FEWEST = 64  # values below which a median says little
_FIRST = 200  # blocks that are always used: below, chance decides more than anatomy
_SPREAD = 1.75  # std of sigma is this over the square root of the blocks: MAD's 1.17 times 1.5, as blocks overlap
_FLOOR = 0.02  # of sigma: what no estimator can separate (tissue's own texture, shape of the noise)
_BEFORE = 0.3  # of the rise where anatomy sets in: how much of it may have been there before
_RED = 0.05  # correlation of neighbouring voxels from which noise is not white
_SCANT = 1500  # blocks below which no plateau can be separated from anatomy, nor colour of noise
_UNSURE = 0.3  # of sigma, then: the relative error on single coarse slices at the base of the brain
_RAYLEIGH = 0.08  # by how much two quantiles of the air may disagree about sigma


@dataclass(frozen=True)
class NoiseEstimate:
    """A noise level and its uncertainty, in the units of the scan.

    Args:
        sigma: standard deviation of the noise; 0 where the image has no two rows and columns of signal.
        std: standard error of ``sigma``: chance, and anatomy that may have been taken for noise. What the scan
            carries as texture of one voxel's size is noise to it.
        source: "head" or "air", the estimator that was used.
        others: what the other estimator gave, ``{source: (sigma, std)}``; empty where there is none.
        is_white: False where neighbouring voxels share noise (interpolated, smoothed or zero-filled scans). The finest
            coefficients hold too little of it; ``sigma`` makes up for that, and ``std`` is as large as the change.
    """

    sigma: float
    std: float
    source: str = "head"
    others: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    is_white: bool = True


def gaussian_sigma(y: Tensor) -> NoiseEstimate:
    """Estimate the standard deviation of Gaussian noise, inside the head.

    ``sigma = median |d| / 0.6745`` with ``d = (a - b - c + e) / 2`` over the 2x2 blocks (a b; c e) of each slice: the
    finest diagonal Haar coefficients (Donoho and Johnstone, Biometrika 81 (1994) 425-455). Blocks count where the
    head is (above Otsu's threshold), flattest first, and as many as agree: anatomy only ever adds. Place and
    flatness are measured by coefficients that are independent of ``d`` under white noise (the block's mean, its other
    details, and the details of blocks beside it), so choosing does not bias the median. Exact zeros (background cut
    away) never count.

    Args:
        y: (..., H, W) slices.

    Returns:
        NoiseEstimate

    Raises:
        InputError: fewer than two axes, or values that are not finite.

    Example:
        >>> noisy = 10 + torch.randn(8, 64, 64, generator=torch.Generator().manual_seed(0))
        >>> found = gaussian_sigma(noisy)
        >>> round(found.sigma, 1), found.source, found.is_white
        (1.0, 'head', True)
    """
    return _inside(_slices(y), is_magnitude=False)


def rician_sigma(y: Tensor) -> NoiseEstimate:
    """Estimate the standard deviation of the real and imaginary noise behind a magnitude image.

    Inside the head as ``gaussian_sigma``, divided by the square root of Koay's factor ``xi(theta)``, since the
    magnitude scatters less than its parts where the signal-to-noise ratio ``theta`` is low (Koay and Basser, JMR 179
    (2006) 317-322). Where the scan has noisy air, ``sigma = median(m) / sqrt(2 log 2)`` of it is sharper and free of
    anatomy; it is used if the darker half of its values is Rayleigh-distributed (ringing disturbs the brighter) and
    the head's estimator agrees, to a factor of 2 or within 3 of its standard errors. Where the head's noise is not
    white, anatomy or ringing may have been taken for noise there, and the air is used even if it gives less.
    Where the two differ, ``std`` grows.

    Args:
        y: (..., H, W) slices.

    Returns:
        NoiseEstimate

    Raises:
        InputError: fewer than two axes, or values that are not finite.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> real, imaginary = torch.randn(2, 8, 64, 64, generator=g)
        >>> round(rician_sigma(torch.hypot(2 + real, imaginary)).sigma, 1)
        1.0
    """
    slices = _slices(y)
    head, air = _inside(slices, is_magnitude=True), _air(slices)
    if air is None:
        return head
    sigma, std = air
    apart = abs(sigma - head.sigma)
    if sigma > 1.3 * head.sigma:  # anatomy only ever adds: what is noisier than the head is dim tissue
        return head
    if head.is_white and apart > max(head.sigma / 2, 3 * head.std):
        return replace(head, others={"air": air})
    spread = max(0.0, apart - 2 * head.std) / 2
    return NoiseEstimate(sigma, math.hypot(std, spread), "air", {"head": (head.sigma, head.std)}, head.is_white)


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


def _inside(slices: Tensor, is_magnitude: bool) -> NoiseEstimate:
    """Estimate the noise inside the head."""
    detail, power, rough, head = _blocks(slices)
    count = int(head.sum())
    if count == 0:
        return NoiseEstimate(0.0, 0.0)
    order = rough[head].argsort()
    d, p = detail[head][order].abs(), power[head][order]
    bounds = [0, *sorted({min(count, max(_FIRST, math.ceil(fraction * count))) for fraction in _FRACTIONS})]
    sigma, chance, rise, used = 0.0, 0.0, 0.0, 0
    for low, high in pairwise(bounds):
        read = _level(d[low:high], p[low:high], is_magnitude)
        rise = read - sigma if used else 0.0
        if rise > math.hypot(chance, _SPREAD * read / (high - low) ** 0.5):
            break  # anatomy sets in here
        used = high
        sigma = _level(d[:used], p[:used], is_magnitude)
        chance = _SPREAD * sigma / used**0.5
    flat = head & (rough <= rough[head][order[max(used, count // 5) - 1]])
    scant = count < _SCANT
    std = math.hypot(chance, max(0.0, rise) * _BEFORE, (_UNSURE if scant else _FLOOR) * sigma)
    shared = [] if scant else [_shared(detail, flat, axis) for axis in (-2, -1)]
    if sigma == 0 or max(shared, default=0.0) < _RED:  # rounded or constant data have no level to correct
        return NoiseEstimate(sigma, std)
    whole = sigma / math.prod(1 - rho for rho in shared) ** 0.5
    return NoiseEstimate(whole, math.hypot(std * whole / sigma, whole - sigma), is_white=False)


def _blocks(slices: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Diagonal detail, mean square, roughness and head, for every 2x2 block, overlapping ones too."""
    height, width = slices.shape[-2] - 1, slices.shape[-1] - 1
    if min(height, width) < 1 or not bool((slices != 0).any()):
        nothing = slices.new_zeros(0)
        return nothing, nothing, nothing, nothing.bool()
    a, b, c, e = (slices[..., i : i + height, j : j + width] for i in (0, 1) for j in (0, 1))
    mean, diagonal = (a + b + c + e) / 4, (a - b - c + e) / 2
    others = ((a - b + c - e).square() + (a + b - c - e).square()) / 4
    whole = (a != 0) & (b != 0) & (c != 0) & (e != 0)
    fraction = _neighbours(whole.to(mean), own=True)
    smooth = _neighbours(mean * whole, own=True) / fraction.clamp_min(1e-6)
    head = whole & (smooth > otsu(slices[slices != 0])) & (fraction > 0.99)
    if int(head.sum()) < _FEWEST:
        head = whole
    rough = others + 8 * _neighbours(others + diagonal.square(), own=False)
    return diagonal, (a.square() + b.square() + c.square() + e.square()) / 4, rough, head


def _neighbours(blocks: Tensor, own: bool) -> Tensor:
    """Mean of the 8 disjoint blocks around each block, with the block itself or without; edges count as zeros."""
    kernel = blocks.new_ones(1, 1, 3, 3)
    kernel[..., 1, 1] = 1.0 if own else 0.0
    return F.conv2d(blocks, kernel / kernel.sum(), padding=2, dilation=2)


def _level(detail: Tensor, power: Tensor, is_magnitude: bool) -> float:
    """Sigma from absolute details and the mean squares of their blocks."""
    spread = detail.median() / _MAD
    if not is_magnitude:
        return float(spread)
    sigma, square = spread, power.median()
    for _ in range(30):
        theta = (square / sigma.square().clamp_min(1e-30) - 2).clamp_min(0).sqrt()
        before, sigma = sigma, spread / koay_factor(theta).sqrt()
        if sigma == before:  # it stays as it is
            break
    return float(sigma)


def _shared(detail: Tensor, flat: Tensor, axis: int) -> float:
    """Correlation ``r`` of the noise of neighbouring voxels along an axis; 0 if chance may explain what there is.

    If voxels further apart share nothing, disjoint blocks side by side have the correlation ``-r / (2 - 2 r)``. It is
    read off how often signs agree, ``P = 1/2 + asin(rho) / pi`` for normal pairs whatever their scale.
    """
    size = detail.shape[axis] - 2
    both = flat.narrow(axis, 0, size) & flat.narrow(axis, 2, size)
    pairs = int(both.sum())
    if pairs < _FEWEST:
        return 0.0
    product = (detail.narrow(axis, 0, size) * detail.narrow(axis, 2, size))[both]
    falling = -math.sin(math.pi / 2 * float(product.sign().mean()))
    return 2 * falling / (1 + 2 * falling) if falling > 2 * _SPREAD / pairs**0.5 else 0.0


def _air(slices: Tensor) -> tuple[float, float] | None:
    """Sigma from the air around the head and its standard error, or None if the scan shows no noisy air."""
    positive = slices > 0
    if not bool(positive.any()):
        return None
    low = slices < otsu(slices[positive])
    # air is far from the head, and from where it was cut away: 7x7 surroundings that are all low, and hardly any zero
    far = positive & (-F.max_pool2d(-low.to(slices), 7, 1, 3) > 0) & (F.avg_pool2d(positive.to(slices), 7, 1, 3) > 0.9)
    m = slices[far]
    if m.numel() < max(_FEWEST, 0.05 * int(positive.sum())):
        return None
    quarter, middle = (float(m.kthvalue(max(1, int(q * m.numel()))).values) for q in (0.25, 0.5))
    sigma, lower = middle / math.sqrt(2 * math.log(2)), quarter / math.sqrt(2 * math.log(4 / 3))
    is_rayleigh = abs(lower / sigma - 1) < _RAYLEIGH
    spread = math.hypot(2 * (lower - sigma), sigma / m.numel() ** 0.5, _FLOOR / 2 * sigma)
    return (sigma, spread) if is_rayleigh else None


def otsu(values: Tensor) -> Tensor:
    """Return the threshold that splits values into two groups of least spread (Otsu, IEEE TSMC 9 (1979) 62-66).

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
