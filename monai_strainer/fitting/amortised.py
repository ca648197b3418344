# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""One pass of the detail prior over a stack of slices, and the data's last word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks import DetailPrior, Siren
from ..networks.precision import autocast_on
from ..physics import NoiseModel, Separable
from .data_consistency import ErrorField
from .detail_inputs import conditions, hide_neighbours, interpolate, show

__all__ = ["Amortised", "amortise", "has_bfloat16", "look"]


MIRRORS: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-2, -1))


@dataclass(frozen=True)
class Amortised:
    """Restored slices and how sure they are.

    Args:
        images: ``(S, H, W)``.
        std: ``(S, H, W)`` standard deviation.
        network_images: ``(S, H, W)`` before the data step.
        undetermined: share of the network's error variance that the measurement left open.
        divergence: ``(S, H, W)``, what one unit of noise in a voxel leaves of itself there, if it was asked for: a
            random estimate per voxel that is right in the mean.
    """

    images: Tensor
    std: Tensor
    network_images: Tensor
    undetermined: float
    divergence: Tensor | None = None


@torch.no_grad()
def amortise(
    detail: DetailPrior,
    operator: Separable,
    y: Tensor,
    noise: NoiseModel,
    *,
    siren: Siren | None = None,
    places: Callable[[slice], Tensor] | None = None,
    closeness: float = 1.0,
    data_step: bool = True,
    only: slice = slice(None),
    batch: int = 4,
    on_slices: Callable[[int], None] | None = None,
    probe: torch.Generator | None = None,
) -> Amortised:
    """Restore a stack of slices in one pass.

    Args:
        detail: the detail prior.
        operator: ``A`` on ``(..., H, W)``.
        y: ``(S, h, w)`` slices in their order, the head about ``[0, 1]``.
        noise: of the data; a map has the shape of ``y``.
        siren: the coordinate prior whose features the network takes; None does without.
        places: head coordinates ``(some, d, H, W)`` of some slices.
        closeness: in-plane spacing of the result over the step between slices; 0 hides the neighbours.
        data_step: let the measurement correct what the network missed. Where ``A`` is the identity there is no such
            step: the network has already weighed the data against what it knows.
        only: which slices to restore; all by default.
        batch: slices at a time.
        on_slices: called with the slices done.
        probe: draws a small change of the data, from which the divergence is read; takes the place of one mirror image.
            Only where ``A`` is the identity.
    """
    means, stds, slopes = [], [], []
    first, last, _ = only.indices(len(y))
    change = None
    if probe is not None and operator.is_identity:
        change = torch.randn(y.shape, generator=probe).to(y)
        size = 0.1 * float(noise.sigma.square().mean().sqrt()) + 1e-3 * float(y.std())
    for low in range(first, last, batch):
        some = slice(low, min(low + batch, last))
        coords = None if siren is None or places is None else places(some)
        seen = (noise, some, siren, coords, closeness)
        if change is None:
            mean, std = look(detail, operator, y, *seen)
        else:
            plain, std = look(detail, operator, y, *seen, mirrors=MIRRORS[:1])
            others, _ = look(detail, operator, y, *seen, mirrors=MIRRORS[1:3])
            moved, _ = look(detail, operator, y + size * change, *seen, mirrors=MIRRORS[:1])
            slopes.append(change[some] * (moved - plain) / size)
            mean = (plain + 2 * others) / 3
        means.append(mean)
        stds.append(std)
        if on_slices is not None:
            on_slices(some.stop)
    images, std = torch.cat(means), torch.cat(stds)
    if not data_step or operator.is_identity:
        return Amortised(images, std, images, 1.0, torch.cat(slopes) if slopes else None)
    level = noise.sigma.square()
    level = level.expand(y.shape)[only] if level.ndim else level.expand(len(images))  # (S, h, w), or (S,)
    clean, steps = noise.debias(y)[only], []
    for low in range(0, len(clean), 32):
        some = slice(low, low + 32)
        steps.append(ErrorField(operator, clean[some], level[some]).correct(images[some]))
    open_share = sum(step.undetermined * len(step.images) for step in steps) / len(images)
    return Amortised(torch.cat([step.images for step in steps]), std, images, open_share)


def look(
    detail: DetailPrior,
    operator: Separable,
    y: Tensor,
    noise: NoiseModel,
    some: slice,
    siren: Siren | None = None,
    coords: Tensor | None = None,
    closeness: float = 1.0,
    mirrors: Sequence[tuple[int, ...]] = MIRRORS,
) -> tuple[Tensor, Tensor]:
    """What the network says of some slices of a stack: images and standard deviations ``(some, H, W)``.

    It is asked of mirror images as well: its errors differ, and the mean has less of them.
    """
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
    with autocast_on(y.device, has_bfloat16(y.device)):
        means, log_stds = [], []
        for axes in mirrors:
            features = None
            if siren is not None and coords is not None:
                rough = F.avg_pool2d(coords.flip(axes), 4, ceil_mode=True, count_include_pad=False)
                features = siren(rough, features=True)
            image = shown.image.flip(axes).contiguous(memory_format=torch.channels_last)
            mean, log_std = detail(image, shown.conditions, features)
            means.append(mean[:, 0].float().flip(axes))
            log_stds.append(log_std[:, 0].float().flip(axes))
    log_std = torch.stack(log_stds).mean(0)
    return torch.stack(means).mean(0), (log_std if detail.equivariant else log_std.clamp(-9, 2)).exp()


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 faster than float32."""
    if device.type == "cpu":
        return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return device.type == "cuda" and torch.cuda.is_bf16_supported()
