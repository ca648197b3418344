# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Estimate the error of a denoised image without truth, step back where it is larger than it should be, widen the bars.

Stein's unbiased risk estimate of an image ``f`` made of data ``y = x + n``, ``n ~ N(0, sigma^2)``, over ``N`` voxels:

    risk = |f - y|^2 / N - sigma^2 + 2 sigma^2 div f / N,   div f = E[b . (f(y + e b) - f(y)) / e],   b ~ N(0, 1)

The estimate of a neighbourhood says whether the network removed more than noise there. The mixture
``y + w (f - y)`` with the least risk has ``w = sigma^2 (N - div f) / |f - y|^2``; a good restoration has ``w = 1``.

Source: Stein, Annals of Statistics 9 (1981); Ramani et al., Monte-Carlo SURE, IEEE TIP 17 (2008).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["Judged", "judge_denoised", "mean_risk"]

Image = NDArray[np.float32]

REACH = 10.0  # voxels: standard deviation of the neighbourhood in the plane
ACROSS = 1.5  # slices
SURE = 2.0  # standard errors by which a weight must fall short of 1 to count
WIDEST = 3.0  # times the network's own deviation
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Judged:
    """A denoised image after its risk was estimated.

    Args:
        image: the mixture of least risk.
        std: widened where the risk is larger than the deviation promised.
        weight: of the network in the mixture, 1 where it is trusted.
        risk: mean squared error as estimated, over the object.
        input_risk: that of the data themselves, ``sigma^2``.
    """

    image: Image
    std: Image
    weight: Image
    risk: float
    input_risk: float


def judge_denoised(
    image: Image, std: Image, data: Image, variance: float | Image, divergence: Image, inside: NDArray[np.bool_]
) -> Judged:
    """Mix a denoised image with its data where its estimated risk asks for it.

    Args:
        image: (S, H, W), what the network made.
        std: (S, H, W), its standard deviation.
        data: (S, H, W) without Rician bias.
        variance: of the noise, a number or (S, H, W).
        divergence: (S, H, W), ``b (f(y + e b) - f(y)) / e`` voxel by voxel.
        inside: (S, H, W) where the object is; elsewhere the network is kept.
    """
    v = np.broadcast_to(np.asarray(variance, np.float32), data.shape)
    move = image - data
    count = _near(inside.astype(np.float32)) + 1e-6
    power = _near(np.where(inside, move * move, 0)) / count
    level = _near(np.where(inside, v, 0)) / count
    slope = _near(np.where(inside, v * divergence, 0)) / count
    effective = count * (4 * np.pi * REACH**2) * max(1.0, min(len(data), 2 * np.sqrt(np.pi) * ACROSS))
    best = (level - slope) / np.maximum(power, _TINY)
    error = np.sqrt(2 / np.maximum(effective, 1)) * best  # of the mean of squares that it rests on
    weight = np.clip(best + SURE * error, 0, 1)
    weight = np.where(count > 0.02, weight, 1).astype(np.float32)
    mixed = data + weight * move
    own = _near(np.where(inside, std * std, 0)) / count
    after = power * weight**2 - level + 2 * ((1 - weight) * level + weight * slope)
    doubtful = np.sqrt(2 / np.maximum(effective, 1)) * level
    ratio = np.clip((after - doubtful) / np.maximum(own, _TINY), 1, WIDEST**2)
    wider = np.where(count > 0.02, np.sqrt(ratio), 1).astype(np.float32)
    rest = ((1 - weight) * np.sqrt(v)).astype(np.float32)  # of the noise that was put back
    total = np.sqrt(np.square(std * wider * weight) + np.square(rest))
    risk = mean_risk(np.where(inside, mixed, 0), np.where(inside, data, 0), v, weight * divergence + 1 - weight, inside)
    return Judged(mixed, total.astype(np.float32), weight, risk, float(v[inside].mean()) if inside.any() else 0.0)


def mean_risk(
    image: Image, data: Image, variance: float | Image, divergence: Image, inside: NDArray[np.bool_]
) -> float:
    """Stein's estimate of the mean squared error over the object.

    Args:
        image, data, variance, divergence, inside: see :func:`judge_denoised`.
    """
    if not inside.any():
        return 0.0
    v = np.broadcast_to(np.asarray(variance, np.float32), data.shape)[inside]
    move = (image - data)[inside]
    return float(np.mean(move * move) - v.mean() + 2 * np.mean(v * divergence[inside]))


def _near(image: NDArray[np.floating]) -> Image:
    """The mean over a Gaussian neighbourhood."""
    across = ACROSS if len(image) > 1 else 0.0
    near: Image = ndimage.gaussian_filter(
        image.astype(np.float32), (across, REACH, REACH), mode="constant", truncate=2.5
    )
    return near
