# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Score a restored image: distance from the truth, calibration of its standard deviation, structure of its residual.

Score skull-stripped scans inside a mask of the head: their empty background is easy and raises every score.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from .errors import InputError

__all__ = ["coverage", "psnr", "ssim", "whiteness"]

SIGMA, REACH = 1.5, 5  # of the SSIM's window, in pixels: 11 x 11 (Wang 2004)
K1, K2 = 0.01, 0.03


def _equal_shapes(*arrays: ArrayLike | None) -> list[NDArray[np.float64]]:
    """Arrays as float64; a None is left out."""
    out = [np.asarray(a, dtype=np.float64) for a in arrays if a is not None]
    if len({a.shape for a in out}) > 1:
        raise InputError(f"arrays of {' and '.join(str(a.shape) for a in out)} are to be compared", "pass equal shapes")
    return out


def _chosen(mask: ArrayLike | None, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the mask, checked, or all voxels where there is none."""
    chosen = np.ones(shape, bool) if mask is None else np.asarray(mask, dtype=bool)
    if chosen.shape != shape:
        raise InputError(f"the mask is {chosen.shape}, the image {shape}", "pass a mask in the shape of the image")
    if not chosen.any():
        raise InputError("the mask is empty", "pass a mask that holds at least one voxel")
    return chosen


def _positive(data_range: float) -> float:
    if not (np.isfinite(data_range) and data_range > 0):
        raise InputError(f"a data range of {data_range} is not above 0", "give the span of the true intensities")
    return float(data_range)


def psnr(image: ArrayLike, truth: ArrayLike, *, data_range: float, mask: ArrayLike | None = None) -> float:
    """Peak signal-to-noise ratio in decibels: ``10 log10(range^2 / mean (image - truth)^2)``.

    Args:
        image, truth: equal shapes, any number of axes.
        data_range: intensity that counts as the peak; never taken from the data, since that changes with the method.
        mask: voxels that count; all by default.

    Returns:
        dB; infinite where both are the same.

    Raises:
        InputError: shapes differ, the mask is empty, or the range is not above 0.

    Example:
        >>> psnr([0.1, 0.0], [0.0, 0.1], data_range=1.0)
        20.0
    """
    x, y = _equal_shapes(image, truth)
    chosen = _chosen(mask, x.shape)
    error = float(np.mean(np.square(x - y)[chosen]))
    return float("inf") if error == 0 else float(10 * np.log10(_positive(data_range) ** 2 / error))


def ssim(image: ArrayLike, truth: ArrayLike, *, data_range: float, mask: ArrayLike | None = None) -> float:
    """Structural similarity, slice by slice: the windows are 2-D and run over the last two axes.

    With means ``m``, variances ``s^2`` and covariance ``s_xy`` under an 11 x 11 Gaussian window of sigma 1.5,
    ``(2 m_x m_y + c1)(2 s_xy + c2) / ((m_x^2 + m_y^2 + c1)(s_x^2 + s_y^2 + c2))``, with
    ``c = (K range)^2``, K 0.01 and 0.03.

    Args:
        image, truth: (..., H, W).
        data_range: span of the true intensities.
        mask: (..., H, W) pixels to average over; their windows may reach outside it, and over the edge, where the slice
            is mirrored. By default all pixels whose window lies inside the slice.

    Returns:
        the mean over all slices' pixels; 1 where both are the same.

    Raises:
        InputError: shapes differ, slices smaller than the window, an empty mask, or a range that is not above 0.

    Source: Wang et al., Image quality assessment: from error visibility to structural similarity, IEEE TIP 13 (2004).

    Example:
        >>> truth = np.random.default_rng(0).random((2, 16, 16))
        >>> ssim(truth, truth, data_range=1.0), ssim(1 - truth, truth, data_range=1.0) < 0
        (1.0, True)
    """
    x, y = _equal_shapes(image, truth)
    if x.ndim < 2 or min(x.shape[-2:]) < 2 * REACH + 1:
        raise InputError(f"images of {x.shape} are smaller than the window of 11 x 11", "pass (..., H, W) images")
    c1, c2 = (K1 * _positive(data_range)) ** 2, (K2 * data_range) ** 2

    def smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
        widths = [0.0] * (values.ndim - 2) + [SIGMA, SIGMA]
        return np.asarray(ndimage.gaussian_filter(values, widths, mode="reflect", radius=REACH))

    mx, my = smooth(x), smooth(y)
    vx, vy, cov = smooth(x * x) - mx * mx, smooth(y * y) - my * my, smooth(x * y) - mx * my
    values = (2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    if mask is None:
        return float(values[..., REACH:-REACH, REACH:-REACH].mean())
    return float(values[_chosen(mask, x.shape)].mean())


def coverage(
    image: ArrayLike, truth: ArrayLike, std: ArrayLike, fraction: float = 0.9, mask: ArrayLike | None = None
) -> float:
    """How often the truth lies within the error bars: ``mean(|image - truth| <= z std)``, ``z`` the normal quantile.

    Calibrated error bars give ``fraction``; less means they are too short, more that they are too long.

    Args:
        image, truth, std: equal shapes.
        fraction: of a normal distribution that the interval should hold, between 0 and 1.
        mask: voxels that count; all by default.

    Raises:
        InputError: shapes differ, the mask is empty, ``fraction`` is not between 0 and 1, or a deviation is below 0.

    Example:
        >>> coverage([0.0, 0.0], [1.0, 3.0], std=[1.0, 1.0], fraction=0.9)
        0.5
    """
    if not 0 < fraction < 1:
        raise InputError(f"a fraction of {fraction} is not between 0 and 1", "use 0.9 for nine in ten")
    x, y, s = _equal_shapes(image, truth, std)
    chosen = _chosen(mask, x.shape)
    if not (s[chosen] >= 0).all():
        raise InputError("a standard deviation is below 0 or not a number", "pass standard deviations")
    z = NormalDist().inv_cdf((1 + fraction) / 2)
    return float(np.mean((np.abs(x - y) <= z * s)[chosen]))


def whiteness(residual: ArrayLike, mask: ArrayLike | None = None) -> float:
    """Correlation between neighbours in a residual, over the last two axes: 0 for white noise, towards 1 for anatomy.

    ``r = mean(e_i e_j) / mean(e^2)`` over all pairs of neighbours (lag 1) along rows and columns, ``e`` the residual
    less its mean. For white noise on ``N`` voxels, ``r`` scatters around 0 by about ``1 / sqrt(2 N)``.

    Args:
        residual: (..., H, W), what a restoration took off the data, or left unexplained.
        mask: voxels that count; a pair counts if both lie in it.

    Raises:
        InputError: the mask is empty or holds no two neighbours, or the residual is constant.

    Example:
        >>> board = np.indices((8, 8)).sum(0) % 2.0  # every neighbour is the opposite
        >>> whiteness(board)
        -1.0
    """
    values = np.asarray(residual)
    if values.ndim < 2:
        raise InputError(f"a residual of {values.shape} has no rows and columns", "pass (..., H, W)")
    chosen = _chosen(mask, values.shape)
    mean, power, products, pairs = values[chosen].mean(dtype=np.float64), 0.0, 0.0, 0
    for image, inside in zip(values.reshape(-1, *values.shape[-2:]), chosen.reshape(-1, *values.shape[-2:])):
        e = np.where(inside, image - mean, 0.0)
        power += float(np.square(e).sum())
        for here, there in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
            products += float(np.vdot(e[here], e[there]))
            pairs += int(np.count_nonzero(inside[here] & inside[there]))
    power /= int(np.count_nonzero(chosen))
    if power == 0 or pairs == 0:
        raise InputError(
            "the residual is constant or has no neighbours in the mask", "pass a residual of a whole slice"
        )
    return products / pairs / power
