# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Estimate the error of a denoised image without truth, mix in the data where it is too large, widen the bars.

Stein's unbiased risk estimate of an image ``f`` made of data ``y = x + n``, ``n ~ N(0, sigma^2)``, over ``N`` voxels:

    risk = |f - y|^2 / N - sigma^2 + 2 sigma^2 div f / N,   div f = E[b . (f(y + e b) - f(y)) / e],   b ~ N(0, 1)

The estimate of a neighbourhood says whether the network removed more than noise there. The mixture
``y + w (f - y)`` with the least risk has ``w = sigma^2 (N - div f) / |f - y|^2``; a good restoration has ``w = 1``.

Source: Stein, Annals of Statistics 9 (1981); Ramani et al., Monte-Carlo SURE, IEEE TIP 17 (2008).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["RiskChecked", "batches", "check_risk", "fine", "mean_risk", "near", "near_in_parts"]

Image = NDArray[np.float32]

REACH = 10.0  # voxels: standard deviation of the neighbourhood in the plane
ACROSS = 1.5  # slices
CELL = 4  # pixels: side of the cells on which neighbourhoods are compared
SURE = 2.0  # standard errors by which a weight must fall short of 1 to count
BATCH = 16  # slices at a time
WIDEST = 3.0  # times the network's own deviation
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class RiskChecked:
    """A denoised image after its risk was estimated.

    Args:
        image: the mixture of least risk.
        std: widened where the risk is larger than the deviation promised.
        weight: of the network in the mixture, 1 where its result is used as it is.
        relative_error: root of the estimated mean squared error of a neighbourhood over that of the data; below 1 the
            mixture is better than they are. At least the uncertainty of the estimate; 0 outside the object.
        risk: mean squared error as estimated, over the object.
        input_risk: that of the data themselves, ``sigma^2``.
    """

    image: Image
    std: Image
    weight: Image
    relative_error: Image
    risk: float
    input_risk: float


def check_risk(
    image: Image, std: Image, data: Image, variance: float | Image, divergence: Image, inside: NDArray[np.bool_]
) -> RiskChecked:
    """Mix a denoised image with its data where its estimated risk asks for it.

    Args:
        image: (S, H, W), what the network made.
        std: (S, H, W), its standard deviation.
        data: (S, H, W) without Rician bias.
        variance: of the noise, a number or (S, H, W).
        divergence: (S, H, W), ``b (f(y + e b) - f(y)) / e`` voxel by voxel; not a number where it was not read.
        inside: (S, H, W) where the object is; elsewhere the network is kept.
    """
    v = np.broadcast_to(np.asarray(variance, np.float32), data.shape)

    def around(part: Callable[[slice], NDArray[Any]]) -> Image:
        return near_in_parts(part, len(data))

    def known(some: slice) -> NDArray[Any]:
        return inside[some] & ~np.isnan(divergence[some])

    count = around(lambda some: inside[some]) + 1e-6
    power = around(lambda some: np.where(inside[some], np.square(image[some] - data[some]), 0)) / count
    level = around(lambda some: np.where(inside[some], v[some], 0)) / count
    own = around(lambda some: np.where(inside[some], np.square(std[some]), 0)) / count
    slope = around(lambda some: np.where(known(some), v[some] * divergence[some], 0)) / (around(known) + 1e-6)
    voxels = count * (4 * np.pi * REACH**2) * max(1.0, min(len(data), 2 * np.sqrt(np.pi) * ACROSS))
    error = np.sqrt(2 / np.maximum(voxels, 1))  # relative, of the mean of squares that an estimate rests on
    best = (level - slope) / np.maximum(power, _TINY)
    share = np.where(count > 0.02, np.clip(best * (1 + SURE * error), 0, 1), 1)
    after = power * share**2 - level + 2 * ((1 - share) * level + share * slope)
    ratio = np.clip((after - error * level) / np.maximum(own, _TINY), 1, WIDEST**2)
    local = np.where(count > 0.02, np.sqrt(np.maximum(after / np.maximum(level, _TINY), error)), 0)
    wider = np.where(count > 0.02, np.sqrt(ratio), 1)
    mixed, total, weight, relative = (np.empty(data.shape, np.float32) for _ in range(4))
    for some in batches(len(data)):
        here, shape = inside[some], data[some].shape
        w = weight[some] = fine(share[some], shape)
        relative[some] = np.where(here, fine(local[some], shape), 0)
        mixed[some] = data[some] + w * (image[some] - data[some])
        rest = (1 - w) * np.sqrt(v[some])  # of the noise that was put back
        total[some] = np.sqrt(np.square(std[some] * fine(wider[some], shape) * w) + np.square(rest))
    given = float(v[inside].mean()) if inside.any() else 0.0
    risk = mean_risk(mixed, data, v, weight * divergence + 1 - weight, inside)
    return RiskChecked(mixed, total, weight, relative, risk, given)


def mean_risk(
    image: Image, data: Image, variance: float | Image, divergence: Image, inside: NDArray[np.bool_]
) -> float:
    """Stein's estimate of the mean squared error over the object.

    Args:
        image, data, variance, divergence, inside: see :func:`check_risk`.
    """
    if not inside.any():
        return 0.0
    v = np.broadcast_to(np.asarray(variance, np.float32), data.shape)
    move, read = image[inside] - data[inside], inside & ~np.isnan(divergence)
    slope = float(np.mean(v[read] * divergence[read])) if read.any() else 0.0
    return float(np.mean(move * move) - v[inside].mean()) + 2 * slope


def near(image: NDArray[Any]) -> Image:
    """Average over a Gaussian neighbourhood, on a grid of ``CELL`` pixels in the plane; borders count as zeros.

    Args:
        image: (S, H, W).
    """
    return _smooth(_cells(image))


def near_in_parts(part: Callable[[slice], NDArray[Any]], count: int) -> Image:
    """Do the same with an image that is made some slices at a time.

    Args:
        part: makes them.
        count: slices of the image.
    """
    return _smooth(np.concatenate([_cells(part(some)) for some in batches(count)]))


def _cells(image: NDArray[Any]) -> Image:
    """Average over squares of ``CELL`` pixels."""
    pixels = torch.from_numpy(np.ascontiguousarray(image, np.float32))[:, None]
    means: Image = F.avg_pool2d(pixels, CELL, ceil_mode=True, count_include_pad=False)[:, 0].numpy()
    return means


def _smooth(cells: Image) -> Image:
    """Average cells over a Gaussian neighbourhood."""
    width = (ACROSS if len(cells) > 1 else 0.0, REACH / CELL, REACH / CELL)
    smooth: Image = ndimage.gaussian_filter(cells, width, mode="constant", truncate=2.5)
    return smooth


def batches(count: int) -> list[slice]:
    """Return parts of so many slices: what is computed part by part needs little memory."""
    return [slice(low, low + BATCH) for low in range(0, count, BATCH)]


def fine(cells: NDArray[np.floating], shape: tuple[int, ...]) -> Image:
    """Return the values of cells at the pixels, bilinearly.

    Args:
        cells: (S, h, w), one value per ``CELL`` pixels.
        shape: (S, H, W) of the pixels.
    """
    size = [-(-n // CELL) * CELL for n in shape[1:]]
    values = torch.from_numpy(np.ascontiguousarray(cells, np.float32))[:, None]
    pixels = F.interpolate(values, size, mode="bilinear", align_corners=False)[:, 0, : shape[1], : shape[2]]
    return pixels.numpy()
