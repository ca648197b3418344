# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore a stack of slices in one pass of the detail network, corrected by the measurement."""

from __future__ import annotations

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

__all__ = ["PROBE", "SOME_MIRRORS", "Amortised", "CoordinateFeatures", "amortise", "has_bfloat16", "predict_slices"]

BATCH = 4  # slices at a time
PROBE = 977_000_003  # seed: simulated scans often draw noise with small seeds, and it must not be drawn again
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
            random estimate per voxel that is right in the mean.
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
    mirrors: Sequence[tuple[int, ...]] = MIRRORS,
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
        probe: draws a small change of the data, from which the divergence is read; takes the place of one mirror image.
            Only where ``A`` is the identity.
        mirrors: axes to flip, for every mirror image that is averaged; not with ``probe``, which takes its own.
    """
    y, is_identity = measurement.y, isinstance(measurement.operator, Separable) and measurement.operator.is_identity
    means, stds, slopes = [], [], []
    first, last, _ = only.indices(len(y))
    moved_by = None
    if probe is not None and is_identity:
        change = torch.randn(y.shape, generator=probe).to(y)
        size = 0.1 * float(measurement.noise.sigma.square().mean().sqrt()) + 1e-3 * float(y.std())
        moved_by = replace(measurement, y=y + size * change)
    for low in range(first, last, BATCH):
        some = slice(low, min(low + BATCH, last))
        if moved_by is None:
            mean, std = predict_slices(detail, measurement, some, features, closeness, mirrors)
        else:
            plain, std = predict_slices(detail, measurement, some, features, closeness, MIRRORS[:1])
            others, _ = predict_slices(detail, measurement, some, features, closeness, MIRRORS[1:3])
            moved, _ = predict_slices(detail, moved_by, some, features, closeness, MIRRORS[:1])
            slopes.append(change[some] * (moved - plain) / size)
            mean = (plain + 2 * others) / 3
        means.append(mean)
        stds.append(std)
        if on_slices is not None:
            on_slices(some.stop)
    images, std = torch.cat(means), torch.cat(stds)
    if not data_step or is_identity:
        return Amortised(images, std, images, 1.0, torch.cat(slopes) if slopes else None)
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

    The errors at mirror images differ, and their mean is smaller.

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
    stack, share = interpolate(operator, y[near])  # (near, H, W)
    window = torch.arange(some.start, some.stop, device=y.device)[:, None]
    window = window + torch.arange(-reach, reach + 1, device=y.device)  # (some, slices)
    slices = stack[window.clamp(0, count - 1) - near[0]]  # (some, slices, H, W)
    if closeness == 0:
        hide_neighbours(slices)
    sigma = noise.sigma
    if sigma.ndim:
        sigma = F.interpolate(sigma.expand(y.shape)[some][:, None], operator.shape_in, mode="bilinear")
    shown = show(slices, share, sigma, conditions(operator, noise, closeness))
    coords = None if features is None else features.coords(some)
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
    return torch.stack(means).mean(0), (log_std if detail.equivariant else log_std.clamp(-9, 2)).exp()


def has_bfloat16(device: torch.device) -> bool:
    """Return whether the device multiplies bfloat16 faster than float32."""
    if device.type == "cpu":
        return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return device.type == "cuda" and torch.cuda.is_bf16_supported()
