# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore a stack of slices in one pass of the detail network, corrected by the measurement."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks import DetailPrior, Siren
from ..networks.precision import autocast_on
from ..physics import Measurement, Separable
from .data_consistency import ErrorField
from .detail_inputs import conditions, hide_neighbours, interpolate, show

__all__ = [
    "MIRRORS",
    "PROBE",
    "SOME_MIRRORS",
    "Amortised",
    "CoordinateFeatures",
    "amortise",
    "has_bfloat16",
    "predict_slices",
]

BATCH = 4  # slices at a time
PROBE = 977_000_003  # seed: simulated scans often draw noise with small seeds, and it must not be drawn again
MARGIN = 8  # pixels around what is not zero
ALIGNED = 8  # pixels: boxes begin and end at multiples of what the network folds into one
MIRRORS: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-2, -1))
SOME_MIRRORS = {1: MIRRORS[:1], 2: (MIRRORS[0], MIRRORS[3]), 4: MIRRORS}
"""By their number, the axes to flip for every mirror image that is averaged."""


@dataclass(frozen=True)
class Amortised:
    """Restored slices and how sure they are.

    Args:
        images: ``(S, H, W)``.
        std: ``(S, H, W)`` standard deviation.
        network_images: ``(S, H, W)`` before the data step.
        undetermined: fraction of the network's error variance that the measurement left open.
        divergence: ``(S, H, W)``, what one unit of noise in a voxel leaves of itself there, if it was asked for: a
            random estimate per voxel that is right in the mean; not a number where it was not read.
    """

    images: Tensor
    std: Tensor
    network_images: Tensor
    undetermined: float
    divergence: Tensor | None = None


@dataclass(frozen=True, eq=False)
class CoordinateFeatures:
    """What a detail network takes from a coordinate network.

    Args:
        siren: the coordinate network; None gives no features.
        places: head coordinates ``(some, d, H, W)`` of some slices.
    """

    siren: Siren | None
    places: Callable[[slice], Tensor]

    def coords(self, some: slice) -> Tensor | None:
        """Return the coordinates ``(some, d, H, W)``, or None where there are no features."""
        return None if self.siren is None else self.places(some)


@torch.no_grad()
def amortise(
    detail: DetailPrior,
    measurement: Measurement,
    *,
    features: CoordinateFeatures | None = None,
    closeness: float = 1.0,
    data_step: bool = True,
    only: slice = slice(None),
    on_slices: Callable[[int], None] | None = None,
    probe: torch.Generator | None = None,
    probed: Callable[[int], bool] = lambda batch: True,
    mirrors: Sequence[tuple[int, ...]] | None = None,
) -> Amortised:
    """Restore a stack of slices in one pass of the detail network.

    Args:
        detail: the detail network.
        measurement: of the slices; its operator is separable.
        features: of the coordinate network; None does without.
        closeness: in-plane spacing of the result over the step between slices; 0 hides the neighbours.
        data_step: let the measurement correct what the network missed. Where ``A`` is the identity there is no such
            step: the network has already weighed the data against what it knows.
        only: which slices to restore; all by default.
        on_slices: called with the slices done.
        probe: draws a small change of the data, from which the divergence is read: one more pass. Only where ``A`` is
            the identity.
        probed: whether the divergence of a batch of ``BATCH`` slices is read.
        mirrors: axes to flip, for every mirror image; by default four images, and three where there is a probe.
    """
    y, is_identity = measurement.y, isinstance(measurement.operator, Separable) and measurement.operator.is_identity
    means: list[Tensor] = []
    stds: list[Tensor] = []
    first, last, _ = only.indices(len(y))
    moved_by = divergence = None
    if probe is not None and is_identity:
        change = torch.randn(y.shape, generator=probe).to(y)
        size = 0.1 * float(measurement.noise.sigma.square().mean().sqrt()) + 1e-3 * float(y.std())
        moved_by = replace(measurement, y=y + size * change)
        divergence = torch.full_like(y, torch.nan)
    if mirrors is None:
        mirrors = MIRRORS if moved_by is None else MIRRORS[:3]
    for batch, low in enumerate(range(first, last, BATCH)):
        some = slice(low, min(low + BATCH, last))
        if moved_by is None or divergence is None or not probed(batch):
            mean, std = predict_slices(detail, measurement, some, features, closeness, mirrors)
        else:
            mean, std = predict_slices(detail, measurement, some, features, closeness, mirrors[:1])
            moved, _ = predict_slices(detail, moved_by, some, features, closeness, mirrors[:1])
            divergence[some] = change[some] * (moved - mean) / size
            if len(mirrors) > 1:
                others, other_std = predict_slices(detail, measurement, some, features, closeness, mirrors[1:])
                own = 1 / len(mirrors)
                mean, std = torch.lerp(others, mean, own), other_std ** (1 - own) * std**own
        means.append(mean)
        stds.append(std)
        if on_slices is not None:
            on_slices(some.stop)
    images, std = torch.cat(means), torch.cat(stds)
    if not data_step or is_identity:
        return Amortised(images, std, images, 1.0, None if divergence is None else divergence[only])
    corrected, open_fraction = _corrected(images, measurement, only)
    return Amortised(corrected, std, images, open_fraction)


def _corrected(images: Tensor, measurement: Measurement, only: slice) -> tuple[Tensor, float]:
    """Images after the data step, and the fraction of the error's variance that the data left open."""
    level, clean, steps = measurement.variance[only], measurement.clean[only], []
    for low in range(0, len(clean), 32):
        some = slice(low, low + 32)
        steps.append(ErrorField(measurement.operator, clean[some], level[some]).correct(images[some]))
    open_fraction = sum(step.undetermined * len(step.images) for step in steps) / len(images)
    return torch.cat([step.images for step in steps]), open_fraction


def predict_slices(
    detail: DetailPrior,
    measurement: Measurement,
    some: slice,
    features: CoordinateFeatures | None = None,
    closeness: float = 1.0,
    mirrors: Sequence[tuple[int, ...]] = MIRRORS,
) -> tuple[Tensor, Tensor]:
    """Predict some slices of a stack: images and standard deviations ``(some, H, W)``, the mean over mirror images.

    The errors at mirror images differ, and their mean is smaller. The network sees the part of the slices that is not
    padding: where data are exactly zero, but for ``MARGIN`` pixels around the rest, image and deviation are 0.

    Args:
        detail: the detail network.
        measurement: of the whole stack; its operator is separable.
        some: which slices.
        features: of the coordinate network.
        closeness: see :func:`amortise`.
        mirrors: axes to flip, for every mirror image.
    """
    y, noise, operator = measurement.y, measurement.noise, measurement.operator
    assert isinstance(operator, Separable)
    reach, count = detail.slices // 2, len(y)
    near = torch.arange(max(0, some.start - reach), min(count, some.stop + reach), device=y.device)
    rows, columns = (_filled(y[near], axis, n) for axis, n in zip((-2, -1), operator.shape_in))
    if rows.start == rows.stop:
        nothing = y.new_zeros(some.stop - some.start, *operator.shape_in)
        return nothing, nothing.clone()
    stack, fraction = interpolate(operator, y[near])  # (near, H, W)
    window = torch.arange(some.start, some.stop, device=y.device)[:, None]
    window = window + torch.arange(-reach, reach + 1, device=y.device)  # (some, slices)
    slices = stack[window.clamp(0, count - 1) - near[0]][..., rows, columns]  # (some, slices, H, W)
    if closeness == 0:
        hide_neighbours(slices)
    sigma = noise.sigma
    if sigma.ndim:
        sigma = F.interpolate(sigma.expand(y.shape)[some][:, None], operator.shape_in, mode="bilinear")
        sigma = sigma[..., rows, columns]
    shown = show(slices, fraction[rows, columns], sigma, conditions(operator, noise, closeness))
    coords = None if features is None else features.coords(some)
    coords = None if coords is None else coords[..., rows, columns]
    # blocks of 4 x 4 that fill an image are those of its mirror images too: then the features are made once
    is_whole = coords is not None and coords.shape[-2] % 4 == 0 and coords.shape[-1] % 4 == 0
    with autocast_on(y.device, has_bfloat16(y.device)):
        means, log_stds, made = [], [], None
        for axes in mirrors:
            of_siren = None
            if features is not None and features.siren is not None and coords is not None:
                if made is None or not is_whole:
                    turned = coords if is_whole else coords.flip(axes)
                    coarse = F.avg_pool2d(turned, 4, ceil_mode=True, count_include_pad=False)
                    made = features.siren(coarse, features=True)
                of_siren = made.flip(axes) if is_whole else made
            image = shown.image.flip(axes).contiguous(memory_format=torch.channels_last)
            mean, log_std = detail(image, shown.conditions, of_siren)
            means.append(mean[:, 0].float().flip(axes))
            log_stds.append(log_std[:, 0].float().flip(axes))
    log_std = torch.stack(log_stds).mean(0)
    std = (log_std if detail.equivariant else log_std.clamp(-9, 2)).exp()
    (height, width), around = operator.shape_in, (columns.start, rows.start)
    pad = (around[0], width - columns.stop, around[1], height - rows.stop)
    return F.pad(torch.stack(means).mean(0), pad), F.pad(std, pad)


def _filled(y: Tensor, axis: int, size: int) -> slice:
    """Return the part of an axis, ``size`` fine pixels long, where data ``(S, h, w)`` are not zero; with a margin."""
    kept = (y != 0).any(0).any(-3 - axis).nonzero().flatten()  # of a plane, without its other axis
    if len(kept) == 0:
        return slice(0, 0)
    scale = size / y.shape[axis]
    low, high = math.floor(int(kept[0]) * scale) - MARGIN, math.ceil((int(kept[-1]) + 1) * scale) + MARGIN
    return slice(max(0, low // ALIGNED * ALIGNED), min(size, -(-high // ALIGNED) * ALIGNED))


def has_bfloat16(device: torch.device) -> bool:
    """Return whether the device multiplies bfloat16 faster than float32."""
    if device.type == "cpu":
        return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return device.type == "cuda" and torch.cuda.is_bf16_supported()
