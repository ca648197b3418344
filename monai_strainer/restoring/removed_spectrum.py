# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Measure how the spectrum of what a network takes off a scan as noise falls towards the highest frequencies.

Fine anatomy that is divided by a filter can look like white noise, so readings of the noise level alone may find a
filter that was never applied. What a denoiser takes off holds little anatomy: of white noise it is as strong at the
highest frequencies as below them, of filtered noise it is weaker.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from ..networks import DetailPrior
from ..physics import NoiseModel
from ..volume import Volume
from .choice import Candidate, restored_slices, some_slices
from .slicewise import neighbours_close

__all__ = ["removed", "spectrum_fall"]

_HIGH, _HIGHEST = (0.25, 0.4), (0.4, 0.51)  # cycles per voxel, along both axes of the plane
_SIDE = 16  # of a patch, in voxels
_INSIDE = 0.9  # of a patch that holds the object
_FEWEST = 16  # patches


def spectrum_fall(removed: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    """Ratio of the amplitude at the highest frequencies of the plane to that at high ones, along diagonals.

    It is about 1 for white noise; 0.66 after a Gaussian filter of 1.2 voxels (full width at half maximum) and 0.37
    after one of 1.5. Patches within the object are read through a Hann window, and the median over patches and
    frequencies is taken.

    Args:
        removed: (S, H, W) what a denoiser took off.
        inside: (S, H, W) where the object is.

    Returns:
        not a number where there are too few patches.

    Example:
        >>> noise = np.random.default_rng(0).standard_normal((2, 64, 64)).astype(np.float32)
        >>> f"{spectrum_fall(noise, np.ones(noise.shape, bool)):.1f}"
        '1.0'
    """
    patches = _patches(removed, inside)
    if len(patches) < _FEWEST:
        return math.nan
    window = np.hanning(_SIDE + 2)[1:-1]
    both = window[:, None] * window
    mean = (patches * both).sum((1, 2), keepdims=True) / both.sum()
    power = np.square(np.abs(np.fft.fft2((patches - mean) * both)))
    high, highest = (float(np.median(power[:, _diagonal(*band)])) for band in (_HIGH, _HIGHEST))
    return math.sqrt(highest / high) if high > 0 else math.nan


def removed(
    detail: DetailPrior, volume: Volume, inside: NDArray[np.bool_], scale: float, noise: NoiseModel
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return what a network takes off a few slices as noise, and where the object is in them.

    Args:
        detail: the network; it is given no features of coordinates.
        volume: the scan.
        inside: (X, Y, Z) where the object is.
        scale: intensity that stands for 1.
        noise: of the scan, relative to ``scale``, as if it were white.

    Returns:
        two arrays (S, H, W).
    """
    axis = volume.slice_axis
    y = torch.from_numpy(volume.slices(axis) / np.float32(scale))
    there = torch.from_numpy(np.ascontiguousarray(np.moveaxis(inside, axis, 0)))
    chosen = some_slices(there)
    one = Candidate("general", detail.cpu(), None, None, neighbours_close(detail, volume.grid, axis, len(y)))
    restored = torch.cat([found.images for found in restored_slices(one, y, noise, chosen, with_divergence=False)])
    return (y[chosen] - restored).numpy(), there[chosen].numpy()


def _patches(images: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(P, side, side): patches that lie within the object, half of each on its neighbour."""
    found = [
        image[r : r + _SIDE, c : c + _SIDE]
        for image, there in zip(images, inside)
        for r in range(0, image.shape[0] - _SIDE + 1, _SIDE // 2)
        for c in range(0, image.shape[1] - _SIDE + 1, _SIDE // 2)
        if there[r : r + _SIDE, c : c + _SIDE].mean() >= _INSIDE
    ]
    return np.array(found, np.float64).reshape(-1, _SIDE, _SIDE)


def _diagonal(low: float, high: float) -> NDArray[np.bool_]:
    """(side, side): where the frequencies along both axes lie in a band."""
    frequency = np.abs(np.fft.fftfreq(_SIDE))
    there = (frequency >= low) & (frequency < high)
    both: NDArray[np.bool_] = there[:, None] & there
    return both
