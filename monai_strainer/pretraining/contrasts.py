# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Draw random contrasts, bias fields and textures, so that one scan stands for many.

A network that has seen one contrast learns that contrast. Here the same anatomy is shown with other intensity curves,
inverted, with fat or fluid bright, under the bias field of a surface coil, or painted from a label map.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["bias_field", "intensity_curve", "painted_labels"]

Image = NDArray[np.float32]
_AIR = 0.04  # of the foreground: below, an inverted image stays dark


def intensity_curve(patch: Image, rng: np.random.Generator) -> Image:
    """Change the contrast of a patch with intensities in about [0, 1].

    One in four stays as it is; others get a power curve, an inverted one, or a smooth curve through random points
    (rising, or rising and falling).

    Args:
        patch: any shape.
        rng: of the draw.

    Returns:
        intensities in about [0, 1].

    Example:
        >>> patch = np.linspace(0, 1, 9, dtype=np.float32)
        >>> out = intensity_curve(patch, np.random.default_rng(0))
        >>> out.shape, out.dtype
        ((9,), dtype('float32'))
    """
    kind = rng.random()
    if kind < 0.25:
        return patch
    if kind < 0.5:
        return np.maximum(patch, 0) ** np.float32(np.exp(rng.uniform(np.log(0.6), np.log(1.7))))
    if kind < 0.65:
        inverted = np.float32(rng.uniform(1.0, 1.3)) - np.minimum(patch, 1)
        return inverted * np.clip(patch / _AIR - 1, 0, 1)
    knots = np.linspace(0, 1, 5)
    values = np.cumsum(np.concatenate([[0.0], rng.uniform(0.05, 1, 4)]))
    if kind > 0.8:
        values = np.concatenate([[0.0], rng.uniform(0.0, 1, 4)])
    fine = np.linspace(0, 1, 65)
    curve = ndimage.gaussian_filter1d(np.interp(fine, knots, values / max(values.max(), 1e-3)), 4, mode="nearest")
    above = np.maximum(patch - 1, 0)  # beyond the curve its last value goes on, the rest is added
    return np.interp(np.clip(patch, 0, 1), fine, curve).astype(np.float32) + np.float32(0.5) * above


def bias_field(shape: tuple[int, ...], rng: np.random.Generator, strength: float) -> Image:
    """Draw a smooth positive field with mean 1, ``exp`` of a random quadratic polynomial of the coordinates.

    Args:
        shape: of the field, any number of axes.
        rng: of the draw.
        strength: standard deviation of the logarithm, 0 or more.

    Example:
        >>> bool(np.allclose(bias_field((4, 5), np.random.default_rng(0), 0.0), 1))
        True
    """
    grids = np.meshgrid(*[np.linspace(-1, 1, n, dtype=np.float32) for n in shape], indexing="ij", sparse=True)
    log = np.zeros(shape, np.float32)
    for k, a in enumerate(grids):
        log = log + rng.normal() * a
        for b in grids[k:]:
            log = log + rng.normal() * a * b
    log = log - log.mean()
    field = np.exp(log * (strength / max(float(log.std()), 1e-6)))
    return np.asarray(field / field.mean(), np.float32)


def painted_labels(labels: NDArray[np.integer], rng: np.random.Generator) -> Image:
    """Draw an image from a label map: one random intensity and texture per label, air dark.

    Args:
        labels: (X, Y, Z), 0 is air.
        rng: of the draw.

    Returns:
        (X, Y, Z) in about [0, 1], without noise.

    Source: Billot et al., SynthSeg, Medical Image Analysis 86 (2023): contrasts drawn per label.

    Example:
        >>> painted_labels(np.eye(4, dtype=np.uint8)[None], np.random.default_rng(0)).shape
        (1, 4, 4)
    """
    present, index = np.unique(labels, return_inverse=True)
    means = rng.uniform(0.05, 1.0, len(present)).astype(np.float32)
    spreads = (rng.uniform(0, 0.08, len(present)) * (rng.random(len(present)) < 0.6)).astype(np.float32)
    means[present == 0], spreads[present == 0] = 0.0, 0.0
    index = index.reshape(labels.shape)
    texture = rng.standard_normal(labels.shape).astype(np.float32)
    coarse = ndimage.gaussian_filter(texture, rng.uniform(0.8, 2.5))
    coarse /= max(float(coarse.std()), 1e-6)
    return np.maximum(means[index] + spreads[index] * coarse, 0)
