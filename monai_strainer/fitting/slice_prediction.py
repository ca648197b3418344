# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Predict slices with the detail network: prepare them once, and average over their mirror images."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..geometry import MIRRORS
from ..networks import DetailPrior, Siren
from ..networks.precision import autocast_on, has_bfloat16
from ..physics import Measurement, Separable
from .detail_inputs import DetailInputs, assemble_inputs, describe_acquisition, hide_neighbours, interpolate

__all__ = ["CoordinateFeatures", "PreparedSlices", "predict_prepared", "predict_slices", "prepare_slices"]

MARGIN = 8  # pixels around what is not zero
ALIGNED = 8  # pixels: boxes begin and end at multiples of what the network folds into one


@dataclass(frozen=True, eq=False)
class CoordinateFeatures:
    """What a detail network takes from a coordinate network.

    Args:
        siren: the coordinate network; None gives no features.
        coords_of: head coordinates ``(some, d, H, W)`` of some slices.
    """

    siren: Siren | None
    coords_of: Callable[[slice], Tensor]

    def coords(self, some: slice) -> Tensor | None:
        """Return the coordinates ``(some, d, H, W)``, or None where there are no features."""
        return None if self.siren is None else self.coords_of(some)


def predict_slices(
    detail: DetailPrior,
    measurement: Measurement,
    some: slice,
    features: CoordinateFeatures | None = None,
    spacing_ratio: float = 1.0,
    mirrors: Sequence[tuple[int, ...]] = MIRRORS[4],
) -> tuple[Tensor, Tensor]:
    """Predict some slices of a stack: images and standard deviations ``(some, H, W)``, the mean over mirror images.

    The errors at mirror images differ, and their mean is smaller. The network sees the part of the slices that is not
    padding: where data are exactly zero, but for ``MARGIN`` pixels around the rest, image and deviation are 0.

    Args:
        detail: the detail network.
        measurement: of the whole stack; its operator is separable.
        some: which slices.
        features: of the coordinate network.
        spacing_ratio: see :func:`amortise`.
        mirrors: axes to flip, for every mirror image.
    """
    return predict_prepared(detail, prepare_slices(detail, measurement, some, features, spacing_ratio), mirrors)


@dataclass(frozen=True, eq=False)
class PreparedSlices:
    """Some slices as the detail network takes them, in a box that leaves padding out.

    Args:
        blank: ``(some, H, W)``, zero: what lies outside the box.
        rows, columns: of the box; empty where all data are zero.
        shown: images, maps and description of the acquisition; None for an empty box.
        coords: ``(some, d, rows, columns)`` in the head; None without features.
        siren: the coordinate network.
        of_siren: its features, made once where those of mirror images are mirror images of them.
    """

    blank: Tensor
    rows: slice
    columns: slice
    shown: DetailInputs | None = None
    coords: Tensor | None = None
    siren: Siren | None = None
    of_siren: Tensor | None = None

    def features(self, axes: tuple[int, ...]) -> Tensor | None:
        """Return the features of a mirror image; None where there are none."""
        if self.siren is None or self.coords is None:
            return None
        return _features(self.siren, self.coords.flip(axes)) if self.of_siren is None else self.of_siren.flip(axes)


def _features(siren: Siren, coords: Tensor) -> Tensor:
    """Return the features of a coordinate network at the middle of blocks of 4 x 4 pixels."""
    features: Tensor = siren(F.avg_pool2d(coords, 4, ceil_mode=True, count_include_pad=False), features=True)
    return features


def prepare_slices(
    detail: DetailPrior,
    measurement: Measurement,
    some: slice,
    features: CoordinateFeatures | None,
    spacing_ratio: float,
    like: PreparedSlices | None = None,
) -> PreparedSlices:
    """Interpolate some slices, describe how they were measured, and leave padding out.

    Args:
        detail, measurement, some, features, spacing_ratio: see :func:`predict_slices`.
        like: the same slices with other data: what does not depend on the data is taken from there, and the box.
    """
    y, noise, operator = measurement.y, measurement.noise, measurement.operator
    assert isinstance(operator, Separable)
    reach, count = detail.slices // 2, len(y)
    near = torch.arange(max(0, some.start - reach), min(count, some.stop + reach), device=y.device)
    if like is None:
        rows, columns = (_filled(y[near], axis, n) for axis, n in zip((-2, -1), operator.shape_in))
    else:
        rows, columns = like.rows, like.columns
    blank = y.new_zeros(some.stop - some.start, *operator.shape_in)
    if rows.start == rows.stop:
        return PreparedSlices(blank, rows, columns)
    stack, fraction = interpolate(operator, y[near])  # (near, H, W)
    window = torch.arange(some.start, some.stop, device=y.device)[:, None]
    window = window + torch.arange(-reach, reach + 1, device=y.device)  # (some, slices)
    slices = stack[window.clamp(0, count - 1) - near[0]][..., rows, columns]  # (some, slices, H, W)
    if spacing_ratio == 0:
        hide_neighbours(slices)
    sigma = noise.sigma
    if sigma.ndim:
        sigma = F.interpolate(sigma.expand(y.shape)[some][:, None], operator.shape_in, mode="bilinear")
        sigma = sigma[..., rows, columns]
    shown = assemble_inputs(
        slices, fraction[rows, columns], sigma, describe_acquisition(operator, noise, spacing_ratio)
    )
    if like is not None:
        return replace(like, blank=blank, shown=shown)
    coords = None if features is None else features.coords(some)
    if features is None or features.siren is None or coords is None:
        return PreparedSlices(blank, rows, columns, shown)
    coords = coords[..., rows, columns]
    if coords.shape[-2] % 4 or coords.shape[-1] % 4:
        return PreparedSlices(blank, rows, columns, shown, coords, features.siren)
    # blocks of 4 x 4 that fill an image are those of its mirror images too
    with autocast_on(y.device, has_bfloat16(y.device)):
        made = _features(features.siren, coords)
    return PreparedSlices(blank, rows, columns, shown, coords, features.siren, made)


def predict_prepared(
    detail: DetailPrior, given: PreparedSlices, mirrors: Sequence[tuple[int, ...]]
) -> tuple[Tensor, Tensor]:
    """Predict prepared slices: the mean over mirror images, 0 outside the box.

    Args:
        detail: the detail network.
        given: from :func:`prepare_slices`.
        mirrors: axes to flip, for every mirror image.

    Returns:
        images and standard deviations ``(some, H, W)``.
    """
    if given.shown is None:
        return given.blank, given.blank.clone()
    device = given.blank.device
    means, log_stds = [], []
    with autocast_on(device, has_bfloat16(device)):
        for axes in mirrors:
            image = given.shown.image.flip(axes).contiguous(memory_format=torch.channels_last)
            mean, log_std = detail(image, given.shown.conditions, given.features(axes))
            means.append(mean[:, 0].float().flip(axes))
            log_stds.append(log_std[:, 0].float().flip(axes))
    log_std = torch.stack(log_stds).mean(0)
    std = (log_std if detail.equivariant else log_std.clamp(-9, 2)).exp()
    height, width = given.blank.shape[1:]
    pad = (given.columns.start, width - given.columns.stop, given.rows.start, height - given.rows.stop)
    return F.pad(torch.stack(means).mean(0), pad), F.pad(std, pad)


def _filled(y: Tensor, axis: int, size: int) -> slice:
    """Return the part of an axis, ``size`` fine pixels long, where data ``(S, h, w)`` are not zero; with a margin."""
    kept = (y != 0).any(0).any(-3 - axis).nonzero().flatten()  # of a plane, without its other axis
    if len(kept) == 0:
        return slice(0, 0)
    scale = size / y.shape[axis]
    low, high = math.floor(int(kept[0]) * scale) - MARGIN, math.ceil((int(kept[-1]) + 1) * scale) + MARGIN
    return slice(max(0, low // ALIGNED * ALIGNED), min(size, -(-high // ALIGNED) * ALIGNED))
