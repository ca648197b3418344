# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Test whether other contrasts predict slices of a scan that were left out."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from ..fitting.guided_filter import guided
from ..physics import Separable
from .contrast_guide import Measured

__all__ = ["left_out_errors"]

_BLOCK = 80  # voxels in the plane, of the middle of the scan
_FEWEST = 5  # slices, to leave every second one out
_MARGIN = 2  # voxels in the plane from the edge of the object: around a stripped head, any mask would predict


def left_out_errors(measured: Measured, guides: Tensor, inside: NDArray[np.bool_]) -> tuple[float, float]:
    """Leave every second slice out, predict it from the others, and compare.

    Both predictions start from linear interpolation and take the same passes of the filter; the first sees no guide.

    Args:
        measured: the scan.
        guides: (K, X, Y, Z) on the grid of the result.
        inside: (X, Y, Z) of the slices, where the object is.

    Returns:
        Root mean square errors without and with the guides; zeros where there are fewer than five slices.
    """
    axis = measured.slice_axis
    if measured.slices.shape[axis] < _FEWEST:
        return 0.0, 0.0
    across = measured.operator.matrices[axis]
    assert across is not None  # the axis is refined
    in_plane = Separable(
        [n if k == axis or m is None else m for k, (n, m) in enumerate(zip(guides.shape[1:], measured.operator.matrices))]
    )
    block = tuple(slice(None) if k == axis else _middle(n) for k, n in enumerate(measured.slices.shape))
    slices = torch.movedim(measured.slices[block], axis, 0).contiguous()
    seen = torch.stack([torch.movedim(in_plane.A(one)[block], axis, 0) for one in guides])
    object_ = np.moveaxis(inside[block], axis, 0)
    counted = torch.from_numpy(ndimage.binary_erosion(object_, np.ones((1, 3, 3)), iterations=_MARGIN)[1::2].copy())
    plane = list(slices.shape[1:])
    whole, kept = Separable([across, *plane]), Separable([across[::2], *plane])
    start = _interpolated(slices[::2], across)
    errors = []
    for some in (seen[:0], seen):
        predicted = whole.A(guided(start, some, kept, slices[::2]))[1::2]
        errors.append(float((predicted - slices[1::2])[counted].square().mean().sqrt()) if bool(counted.any()) else 0.0)
    return errors[0], errors[1]


def _middle(n: int) -> slice:
    first = max(0, (n - _BLOCK) // 2)
    return slice(first, first + min(n, _BLOCK))


def _interpolated(kept: Tensor, across: Tensor) -> Tensor:
    """Interpolate linearly between the centres of every second slice."""
    measured, fine = across.shape
    at = (torch.arange(fine) + 0.5) * measured / fine - 0.5
    position = (at / 2).clamp(0, len(kept) - 1)
    low = position.floor().long().clamp(max=max(0, len(kept) - 2))
    share = (position - low)[:, None, None]
    return kept[low] * (1 - share) + kept[(low + 1).clamp(max=len(kept) - 1)] * share
