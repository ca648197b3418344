# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Measure a denoised scan without its truth: its risk, edges in what was removed, noise left in flat tissue.

All images are stacks of slices (S, H, W), in the units of the scan.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from monai_strainer.fitting import recorrupted
from monai_strainer.physics import RicianNoise
from monai_strainer.restoring.quality import tissue_thresholds

__all__ = ["CLASSES", "air_noise", "bright", "edge_correlation", "flat_tissue", "high_pass", "recorrupted_risk"]

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

CLASSES = ("dark", "middle", "bright")
MIX = 0.5  # of the recorrupted pair: the method sees 1.12 times the noise, the target holds 2.24 times
SNR = 3.0  # below it what is left of the Rician bias counts
FLAT = 0.25  # of a class: the voxels of least gradient
_LAPLACIAN = np.float32([[1, -2, 1], [-2, 4, -2], [1, -2, 1]]) / 6  # keeps the deviation of white noise
_MAD = 0.6745
_AWAY = 8  # voxels from the object
_FEWEST = 2000  # voxels of air


def bright(y: Image, sigma: float, inside: Mask) -> Mask:
    """Find the voxels of the object that lie well above the noise, judged by a mean over neighbours."""
    mask: Mask = inside & (ndimage.gaussian_filter(y, (0, 1, 1)) > SNR * sigma)
    return mask


def recorrupted_risk(denoise: Callable[[Image], Image], y: Image, sigma: float | Image, judged: Mask) -> float:
    """Estimate the mean squared error of a method, over that of the data it was given, without truth.

    ``risk = mean |f(y + a s m) - (y - s m / a)|^2 - s^2 (1 + 1 / a^2)``, which is the error of ``f`` at the noise level
    ``s sqrt(1 + a^2)``, since the noise of both images is uncorrelated. This holds for white noise of level ``s``. Of
    other noise, the part that is white counts as noise, and the rest counts as anatomy.

    Args:
        denoise: the method, with or without the noise level.
        y: (S, H, W) magnitudes.
        sigma: level of the noise, a number or (S, H, W).
        judged: (S, H, W) voxels that count.

    Returns:
        Risk over ``s^2 (1 + a^2)``: 1 for the data themselves, 0 for the truth.

    Source: Pang et al., Recorrupted-to-recorrupted, CVPR 2021.
    """
    noise = RicianNoise(torch.as_tensor(sigma, dtype=torch.float32))
    moved, target = (v.numpy() for v in recorrupted(torch.from_numpy(y), noise, torch.Generator().manual_seed(0), MIX))
    square = np.broadcast_to(np.square(np.asarray(sigma, np.float64)), y.shape)[judged].mean()
    error = np.square((denoise(moved) - target)[judged], dtype=np.float64).mean()
    return float((error - square * (1 + 1 / MIX**2)) / (square * (1 + MIX**2)))


def edge_correlation(y: Image, result: Image, judged: Mask) -> float | None:
    """Correlate what was removed, ``|y - result|``, with the strength of the edges of the result.

    Args:
        y, result: (S, H, W); edge strength is the gradient of the result within slices, at a scale of one voxel.
        judged: (S, H, W) voxels that count.

    Returns:
        About 0 where noise alone was removed, more where edges were, less where noise was left at edges; None where
        nothing was removed.
    """
    removed = np.abs(y - result)[judged]
    edges = np.stack([ndimage.gaussian_gradient_magnitude(image, 1) for image in result])[judged]
    if removed.size < 2 or removed.std() == 0 or edges.std() == 0:
        return None
    return float(np.corrcoef(removed, edges)[0, 1])


def flat_tissue(y: Image, inside: Mask) -> dict[str, Mask]:
    """Find flat voxels of three classes of intensity, from the scan alone, so that all methods are judged on the same.

    Args:
        y: (S, H, W); smoothed by a Gaussian of two voxels first.
        inside: (S, H, W) where the object is.
    """
    smooth = ndimage.gaussian_filter(y, (0, 2, 2))
    slope = np.hypot(*(ndimage.sobel(smooth, axis) for axis in (1, 2)))
    core = ndimage.binary_erosion(inside, np.ones((1, 5, 5)))
    core = core if core.any() else inside
    found = tissue_thresholds(smooth[core])
    low, high = found if found is not None else np.percentile(smooth[core], [100 / 3, 200 / 3])
    parts = (core & (smooth < low), core & (smooth >= low) & (smooth < high), core & (smooth >= high))
    return {
        name: part & (slope <= np.percentile(slope[part], 100 * FLAT))
        for name, part in zip(CLASSES, parts)
        if part.any()
    }


def high_pass(image: Image, where: Mask) -> float:
    """Measure the deviation at the finest scale within slices: that of the noise where it is white and tissue is flat.

    Source: Immerkaer, Computer Vision and Image Understanding 64 (1996); with the median for the mean.
    """
    fine = np.stack([ndimage.convolve(one, _LAPLACIAN, mode="nearest") for one in image])
    return float(np.median(np.abs(fine[where]))) / _MAD


def air_noise(y: Image, inside: Mask) -> tuple[float, float] | None:
    """Measure the noise of the air around the object: its level, and the correlation of neighbours.

    The magnitudes of two neighbours whose complex noise has the correlation ``r`` are correlated by about ``r^2``; the
    larger ``r`` of rows and columns is returned.

    Args:
        y: (S, H, W) magnitudes; zeros were cut away and are no air.
        inside: (S, H, W) where the object is.

    Returns:
        ``(sigma, r)``; None where there is no air, or no Rayleigh noise in it (ghosts, rounding, masking).
    """
    far = ndimage.distance_transform_edt(~inside, sampling=(1e3, 1, 1)) > _AWAY
    air = far & ndimage.binary_erosion(y > 0, np.ones((1, 3, 3)))
    if air.sum() < _FEWEST:
        return None
    level = ndimage.uniform_filter(y, (0, 9, 9))
    air &= level < 1.5 * np.median(level[air])
    quarter, middle = np.percentile(y[air], [25, 50])
    sigma, lower = middle / np.sqrt(2 * np.log(2)), quarter / np.sqrt(2 * np.log(4 / 3))
    if middle <= 0 or abs(lower / sigma - 1) > 0.2:
        return None
    shared = []
    for axis in (1, 2):
        a, b, both, too = (np.take(v, range(k, v.shape[axis] - 1 + k), axis) for v in (y - level, air) for k in (0, 1))
        shared.append(float(np.corrcoef(a[both & too], b[both & too])[0, 1]))
    return float(sigma), float(np.sqrt(max(0.0, *shared)))
