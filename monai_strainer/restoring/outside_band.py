# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Keep what a zero-filled scan holds outside its acquired k-space, as far as it rises out of the noise.

A magnitude image, a stripped background or a correction of distortion leave some of the picture outside the k-space
that was acquired. The scan is restored on the acquired grid, where this part does not exist.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..volume import Volume
from .patches import evenly_spaced
from .zero_filling import Acquired, outer_density, outer_half, resized

__all__ = ["OutsideBand", "outside_band"]

_WINDOW = 7  # voxels along each axis of a slice over which the local power is averaged
_CAUTION = 1.5  # times its noise: power below that counts as noise
_WITHIN = 0.75  # of the power of the square of band-limited noise: what stays within its band, of one axis
_MORE = 2.0  # times the noise of the level that was read
_SLICES = 16  # whose spectra say how much noise there is


@dataclass(frozen=True, eq=False)
class OutsideBand:
    """The part of a scan outside its acquired k-space.

    Args:
        image: (X, Y, Z) what of it is kept, in the scan's units.
        variance: (X, Y, Z) of the noise in it.
    """

    image: NDArray[np.float32]
    variance: NDArray[np.float32]


def outside_band(scan: Volume, acquired: Acquired, inside: NDArray[np.bool_], sigma: float = 0.0) -> OutsideBand | None:
    """Return the part of a scan outside its acquired k-space, weighted by how far it rises out of its noise.

    With ``r`` that part, ``v`` the mean of ``r^2`` over 7 x 7 voxels of a slice, and ``n`` the variance of its noise,
    which is the least of the median power of the outermost frequencies, the median of ``v`` in the object, and twice
    the power that white noise of the scan's level has there:

        ``kept = max(0, 1 - 1.5 n / v) r``

    the weight of Wiener's filter with the local power of the image. Without noise out there all of it is kept. A
    magnitude image of signal ``A`` and noise ``s + i t`` is about ``A + s + t^2 / (2 A)``: the last term reaches beyond
    the acquired k-space, with a power of ``q sigma^4 / (2 A^2)``, where ``q`` is 1/4 for one zero-filled axis and 7/16
    for two. ``n`` is at least twice the local mean of this power, with ``A^2`` taken as ``max(A^2, sigma^2)``.

    Args:
        scan: what the scanner gave.
        acquired: the scan on its acquired grid.
        inside: (X, Y, Z) where the object is.
        sigma: of the noise of a magnitude image, in the scan's units; 0 for signed data.

    Returns:
        None where no axis is zero-filled, or the scan is refined: what is added then lies outside too.

    Source:
        J. S. Lee, IEEE TPAMI 2 (1980), 165-168: the local statistics of an image as the signal of Wiener's filter.

    Example:
        >>> from monai_strainer.geometry import Grid
        >>> scan = Volume(np.ones((8, 8, 1)), Grid((8, 8, 1), np.eye(4)))
        >>> outside_band(scan, Acquired(scan, (1, 1, 1), (8, 8, 1), (), scan.grid), scan.data > 0) is None
        True
    """
    if not acquired.filled or acquired.wanted.shape != scan.grid.shape:
        return None
    inner = scan.data
    for axis in acquired.filled:
        inner = resized(resized(inner, axis, acquired.sizes[axis]), axis, scan.grid.shape[axis])
    rest = scan.data - inner
    window = [1 if k == scan.slice_axis else _WINDOW for k in range(3)]
    power = ndimage.uniform_filter(np.square(rest), window)
    usual = float(np.median(power[inside])) if inside.any() else math.inf  # its edges are few
    noise = min(_noise_outside(scan, acquired), usual)
    if sigma > 0:
        noise = min(noise, _white_outside(acquired, sigma))
    least = np.float32(max(sigma**2, 1e-30))
    dark = ndimage.uniform_filter(1 / np.maximum(np.square(inner) - least, least), window)
    reaching = (1 - _WITHIN ** len(acquired.filled)) * sigma**4 * dark
    variance = np.maximum(reaching, noise).astype(np.float32)
    weight = np.clip(1 - _CAUTION * variance / np.maximum(power, np.float32(1e-30)), 0, 1).astype(np.float32)
    return OutsideBand(rest * weight, weight * variance)


def _white_outside(acquired: Acquired, sigma: float) -> float:
    """Return the most noise that can be outside: that of a scan whose noise is white on its own grid."""
    inside = math.prod(acquired.sizes[k] / acquired.wanted.shape[k] for k in acquired.filled)
    return _MORE * sigma**2 * (1 / inside - 1)


def _noise_outside(scan: Volume, acquired: Acquired) -> float:
    """Return the variance of the noise outside the acquired k-space, per voxel."""
    count = scan.grid.shape[scan.slice_axis]
    some = np.take(scan.data, evenly_spaced(count, _SLICES), axis=scan.slice_axis)
    densities = []
    for axis in (k for k in acquired.filled if k != scan.slice_axis):
        density = outer_density(some, axis, outer_half(scan.grid.shape[axis], acquired.sizes[axis]))
        densities += [] if density is None else [density]
    inside = math.prod(acquired.sizes[k] / scan.grid.shape[k] for k in acquired.filled)
    return min(densities, default=0.0) * (1 - inside)
