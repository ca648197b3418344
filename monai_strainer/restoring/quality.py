# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Compute image quality figures of a scan before and after restoration, without truth, as MRIQC defines them.

Both images are measured alike: a voxel of the scan counts as the finer voxels that lie in it, gradients are taken over
one distance in mm, and classes of intensity are found in the restored scan alone. Its two thresholds give the volumes
in both images, and its classes the voxels on which the contrast of both is measured.

Source: Esteban et al., MRIQC, PLoS ONE 12 (2017).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..volume import Volume
from .background import nearest
from .localise import Localised
from .prepare import Prepared
from .report import QualityBeforeAfter, QualityFigures, TissueVolumes

__all__ = ["contrast", "entropy_focus", "quality_of", "smoothness", "tissue_thresholds"]

_BINS, _NEAR = 256, 9  # of the histogram, and how many are averaged
_VALLEY = 0.95  # of the lower of two peaks: with more voxels between them they are one tissue; brains have up to 0.92
_FEWEST = 64  # voxels or pairs below which a standard deviation says little
_AIR = 0.01  # of all voxels: with fewer around the object no air was measured

Mask = NDArray[np.bool_]
Image = NDArray[np.float32]


def quality_of(scan: Volume, ready: Prepared, localised: Localised, out: Volume) -> QualityBeforeAfter:
    """Compute all figures of a scan and of what was made of it; leave out of both what one of them lacks.

    Args:
        scan: what the scanner gave.
        ready: the scan, prepared.
        localised: where it lies in the cohort's head; only whole heads like the cohort have classes.
        out: the restored scan, on the scan's grid or a finer one of the same field of view.

    Returns:
        the same figures of both; those that one of them lacks are None in both.
    """
    shape, images = out.grid.shape, [nearest(scan.data, out.grid.shape), out.data]
    known, tissue = _regions(ready, shape)
    figures: list[dict[str, Any]] = [{"efc": None if ready.signed else entropy_focus(image[known])} for image in images]
    lag, objects = scan.grid.spacing, [_regions(ready, scan.grid.shape)[1], tissue]
    widths = [smoothness(one.data, inside, one.grid.spacing, lag) for one, inside in zip((scan, out), objects)]
    both = np.isfinite(np.array(widths, float)).all(0)  # (3,) axes that have a width in both
    for found, width in zip(figures, widths):
        means = [w for w, common in zip(width, both) if w is not None and common]
        found["fwhm_mm"] = sum(means) / len(means) if means else None
        found["fwhm_axes_mm"] = tuple(width) if means else None
    if localised.whole and localised.fit is not None and localised.fit.similarity is not None and not localised.unlike:
        ml = float(np.prod(out.grid.spacing)) / 1000
        for found, more in zip(figures, _tissues(images, tissue, known & ~tissue, ml)):
            found |= more
    names = [name for name in figures[0] if all(found[name] is not None for found in figures)]
    before, after = (QualityFigures(**{name: found[name] for name in names}) for found in figures)
    return QualityBeforeAfter(before=before, after=after)


def _regions(ready: Prepared, shape: tuple[int, int, int]) -> tuple[Mask, Mask]:
    """Find what is no constant background on a grid, and the part of it that is the object."""
    known = np.ones(shape, bool) if ready.background is None else ~nearest(ready.background.mask, shape)
    return known, known & nearest(ready.inside, shape)


def entropy_focus(values: Image) -> float | None:
    """Compute the entropy focus criterion over its maximum: 1 where all values are equal, 0 for one bright voxel.

    ``EFC = -sum_j p_j ln p_j / (sqrt(N) ln sqrt(N))`` with ``p_j = x_j / sqrt(sum_k x_k^2)``.

    Args:
        values: (N,) magnitudes; those below zero count as zero. Where none is above it, the result is None.

    Source: Atkinson et al., IEEE Trans. Medical Imaging 16 (1997); its maximum as in MRIQC.

    Example:
        >>> round(entropy_focus(np.full(64, 7, np.float32)), 4), entropy_focus(np.eye(1, 64, dtype=np.float32)[0])
        (1.0, 0.0)
    """
    x = values[values > 0]
    if values.size < 2 or x.size == 0:
        return None
    energy, root = math.sqrt(float(np.square(x, dtype=np.float64).sum())), math.sqrt(values.size)
    x = x / np.float32(energy)
    x = x[x > 0]  # beside one very bright voxel the others may be too small for a float
    return abs(float((x * np.log(x)).sum(dtype=np.float64))) / (root * math.log(root))


def smoothness(
    data: Image, inside: Mask, spacing: NDArray[np.float64], lag: NDArray[np.float64]
) -> tuple[float | None, ...]:
    """Estimate, per array axis, the full width at half maximum of the Gaussian that makes white noise as smooth.

    ``FWHM = d sqrt(2 ln 2 / -ln r)`` with ``r = 1 - var(x(i + d) - x(i)) / (2 var x)``, over pairs at distance ``d`` in
    the object. Where ``d`` is no whole number of voxels, the widths at the whole numbers around it are interpolated.

    Args:
        data: (X, Y, Z) intensities.
        inside: (X, Y, Z) where the object is.
        spacing: (3,) voxel size in mm.
        lag: (3,) distance ``d`` in mm; AFNI's 3dFWHMx, and with it MRIQC, takes one voxel.

    Returns:
        mm per axis; None where there are too few pairs, or where they are equal or not correlated.

    Source: Forman et al., Magnetic Resonance in Medicine 33 (1995).

    Example:
        >>> wave = np.sin(np.arange(64) / 4)[:, None, None] * np.ones((1, 8, 1))
        >>> widths = smoothness(wave.astype(np.float32), np.ones((64, 8, 1), bool), np.full(3, 2.0), np.full(3, 2.0))
        >>> round(widths[0]), widths[1:]
        (13, (None, None))
    """
    if not inside.any():
        return (None, None, None)
    box = ndimage.find_objects(inside.view(np.int8))[0]
    data, inside = data[box], inside[box]
    x = (data - np.float32(data.mean(where=inside, dtype=np.float64))) * inside
    variance = float(np.square(x).sum(dtype=np.float64)) / np.count_nonzero(inside)
    out: list[float | None] = []
    for axis, (voxel, steps) in enumerate(zip(spacing.tolist(), (lag / spacing).tolist())):
        near = sorted({math.floor(steps + 1e-3), math.ceil(steps - 1e-3)})
        found = [_width(x, inside, variance, axis, step) for step in near]
        known = [voxel * width for width in found if width is not None]
        out.append(float(np.interp(steps, near, known)) if len(known) == len(near) else None)
    return tuple(out)


def _width(x: Image, inside: Mask, variance: float, axis: int, step: int) -> float | None:
    """Estimate the width in voxels from pairs ``step`` voxels apart; ``x`` has no mean and is 0 outside."""
    n = x.shape[axis]
    if not 1 <= step < n or variance <= 0:
        return None
    first, second = ((slice(None),) * axis + (part,) for part in (slice(0, n - step), slice(step, n)))
    pairs = inside[first] & inside[second]
    count = np.count_nonzero(pairs)
    if count < _FEWEST:
        return None
    change = (x[second] - x[first]) * pairs
    mean = float(change.sum(dtype=np.float64)) / count
    r = 1 - (float(np.square(change).sum(dtype=np.float64)) / count - mean**2) / (2 * variance)
    return step * math.sqrt(2 * math.log(2) / -math.log(r)) if 0 < r < 1 else None


def tissue_thresholds(values: Image) -> tuple[float, float] | None:
    """Find the two thresholds between three classes, where the upper two are two peaks of the histogram.

    The classes have the largest variance between them (Otsu; the optimum of k-means in one dimension), and each
    threshold lies halfway between two means. Where the histogram is not lower at the upper threshold than at the means
    on both sides of it, there are not two tissues to compare, and the result is None.

    Args:
        values: (N,) intensities of the object; those above the 99.5th percentile count as it.

    Source: Otsu, IEEE Trans. Systems, Man, and Cybernetics 9 (1979).

    Example:
        >>> low, high = tissue_thresholds(np.repeat(np.float32([10, 50, 90]), 100))
        >>> 10 < low < 50 < high < 90
        True
    """
    top = float(np.percentile(values, 99.5)) if values.size else 0.0
    if top <= 0:
        return None
    bins = np.clip(values * np.float32(_BINS / top), 0, _BINS - 1).astype(np.int16)
    counts = np.bincount(bins, minlength=_BINS).astype(float)
    below, moment = (np.append(0, part.cumsum()) for part in (counts, counts * (np.arange(_BINS) + 0.5)))
    between = below[None, :] - below[:, None]  # (lower edge, upper edge): voxels between them
    power = np.square(moment[None, :] - moment[:, None]) / np.maximum(between, 1)
    total = np.triu(power[0, :, None] + power + power[None, :, -1], 1)
    low, high = divmod(int(total.argmax()), _BINS + 1)
    edges = [(0, low), (low, high), (high, _BINS)]
    if min(between[edge] for edge in edges) < _FEWEST:
        return None
    dark, middle, bright = ((moment[b] - moment[a]) / between[a, b] for a, b in edges)
    smooth = np.convolve(counts, np.ones(_NEAR), "same")
    valley, *peaks = (smooth[int(mean)] for mean in ((middle + bright) / 2, middle, bright))
    if valley >= _VALLEY * min(peaks):
        return None
    return float(dark + middle) / 2 * top / _BINS, float(middle + bright) / 2 * top / _BINS


def contrast(middle: Image, bright: Image, air: Image) -> tuple[float | None, float | None]:
    """Compute the contrast-to-noise ratio and the coefficient of joint variation of two tissues.

    ``CNR = |m_b - m_m| / sqrt(s_air^2 + s_b^2 + s_m^2)`` and ``CJV = (s_b + s_m) / |m_b - m_m|``, with means ``m`` and
    standard deviations ``s``.

    Args:
        middle, bright, air: (N,) intensities; without air ``s_air`` is 0. A ratio over zero is None.

    Source: Magnotta and Friedman, J. Digital Imaging 19 (2006); Ganzetti et al., Front. Neuroinformatics 10 (2016).

    Example:
        >>> contrast(np.float32([4, 6]), np.float32([7, 9]), np.float32([0, 2]))[1]
        0.6666666666666666
    """
    gap = abs(float(bright.mean(dtype=np.float64) - middle.mean(dtype=np.float64)))
    s_m, s_b, s_air = (float(part.std(dtype=np.float64)) if part.size else 0.0 for part in (middle, bright, air))
    noise = math.hypot(s_air, s_b, s_m)
    return gap / noise if noise > 0 else None, (s_b + s_m) / gap if gap > 0 else None


def _tissues(images: list[Image], tissue: Mask, around: Mask, ml: float) -> list[dict[str, Any]]:
    """Compute contrast and volumes of the images by the classes of the last; nothing where it has not two tissues."""
    values = [image[tissue] for image in images]
    thresholds = tissue_thresholds(values[-1])
    if thresholds is None:
        return [{} for _ in images]
    low, high = thresholds
    air = np.zeros_like(around)
    if around.mean() > _AIR:
        air = around & ~ndimage.maximum_filter(tissue, 5)  # the rim is no air
    bright = values[-1] >= high
    middle = ~bright & (values[-1] >= low)
    out: list[dict[str, Any]] = []
    for image, own in zip(images, values):
        cnr, cjv = contrast(own[middle], own[bright], image[air])
        some, most = int((own >= low).sum()), int((own >= high).sum())
        volumes = TissueVolumes(dark=(own.size - some) * ml, middle=(some - most) * ml, bright=most * ml)
        out.append({"cnr": cnr, "cjv": cjv, "volumes_ml": volumes})
    return out
