# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Test on the scan itself whether other contrasts make its restoration better: merge slices, and restore them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from ..anatomy.foreground import foreground
from ..fitting.guided_filter import agreement, blended, guided
from ..physics import Profile
from ..priors.prior import Prior
from ..restoring.options import RestoreOptions
from ..restoring.restore import restore
from ..volume import Volume
from .contrast_guide import Measured

__all__ = ["merged_errors"]

_FEWEST = 6  # slices: three pairs
_MARGIN = 2  # voxels in the plane from the edge of the object: around a stripped head, any mask would help


def merged_errors(
    scan: Volume, measured: Measured, guides: Tensor, prior: Prior, options: RestoreOptions, device: str
) -> tuple[float, float]:
    """Average pairs of slices, restore the slices from the pairs, and compare with the slices as measured.

    What is tested is the whole method at twice the thickness.

    Args:
        scan: with thick slices.
        measured: the same in intensities of about ``[0, 1]``.
        guides: (K, X, Y, Z) on the grid of the result.
        prior, options, device: of the restoration.

    Returns:
        Root mean square errors of the restoration alone and of that with the guides, in the whole object or inside
        its edge, wherever the guides help less; zeros where there are fewer than six slices.
    """
    axis, shape = measured.slice_axis, list(scan.grid.shape)
    pairs = shape[axis] // 2
    if 2 * pairs < _FEWEST:
        return 0.0, 0.0
    whole = tuple(slice(0, 2 * pairs) if k == axis else slice(None) for k in range(3))
    shape[axis] = 2 * pairs
    low = [pairs if k == axis else n for k, n in enumerate(shape)]
    operator = Profile()(shape, low)
    data = operator.A(torch.from_numpy(np.ascontiguousarray(scan.data[whole]))).numpy()
    cut = replace(scan.grid, shape=(shape[0], shape[1], shape[2]))
    merged = Volume(data, cut.resize(low), slice_axis=axis)
    how = RestoreOptions(noise=options.noise, profile=options.profile, seed=options.seed, adapt=0)
    factors = [2.0 if k == axis else 1.0 for k in range(3)]
    unit = float(scan.data.max()) / max(float(measured.slices.max()), 1e-12)
    out = restore(merged, prior, factors, options=how, device=device)
    first, std = (torch.from_numpy(data / np.float32(unit)) for data in (out.volume.data, out.std))
    seen = torch.stack([measured.operator.A(one)[whole] for one in guides])
    averages = operator.A(first)
    trust = agreement(averages, torch.stack([operator.A(one) for one in seen]), axis)
    second = blended(first, std, guided(first, seen, operator, averages), trust, operator)
    wanted, object_ = measured.slices[whole], foreground(scan.data)[whole]
    cross = np.ones([1 if k == axis else 3 for k in range(3)])
    inner = ndimage.binary_erosion(object_, cross, iterations=_MARGIN)
    found = [_errors(torch.from_numpy(region), wanted, first, second) for region in (object_, inner)]
    return max(found, key=lambda errors: errors[1] / max(errors[0], 1e-12))


def _errors(region: Tensor, wanted: Tensor, *images: Tensor) -> tuple[float, float]:
    """Root mean square errors of two images in a region."""
    if not bool(region.any()):
        return 0.0, 0.0
    first, second = (float((one - wanted)[region].square().mean().sqrt()) for one in images)
    return first, second
