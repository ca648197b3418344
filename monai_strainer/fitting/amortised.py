# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore a stack of slices in one pass of the detail network, corrected by the measurement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..geometry import MIRRORS
from ..networks import DetailPrior
from ..physics import Measurement, Separable
from .data_consistency import ErrorField
from .slice_prediction import CoordinateFeatures, predict_prepared, prepare_slices

__all__ = [
    "PROBE",
    "Amortised",
    "Repeats",
    "amortise",
]

BATCH = 4  # slices at a time
PROBE = 977_000_003  # seed: simulated scans often draw noise with small seeds, and it must not be drawn again


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
class Repeats:
    """How often the network predicts the same slices.

    Args:
        mirrors: axes to flip, for every mirror image; by default four images, and three where there is a probe.
        probe: draws a small change of the data, from which the divergence is read: one more pass. Only where ``A`` is
            the identity.
        probed: whether the divergence of a batch of ``BATCH`` slices is read, by the number of the batch.
    """

    mirrors: Sequence[tuple[int, ...]] | None = None
    probe: torch.Generator | None = None
    probed: Callable[[int], bool] = lambda batch: True


@torch.no_grad()
def amortise(
    detail: DetailPrior,
    measurement: Measurement,
    *,
    features: CoordinateFeatures | None = None,
    spacing_ratio: float = 1.0,
    data_step: bool = True,
    only: slice = slice(None),
    repeats: Repeats | None = None,
    on_slices: Callable[[int], None] | None = None,
) -> Amortised:
    """Restore a stack of slices in one pass of the detail network.

    Args:
        detail: the detail network.
        measurement: of the slices; its operator is separable.
        features: of the coordinate network; None does without.
        spacing_ratio: in-plane spacing of the result over the step between slices; 0 hides the neighbours.
        data_step: let the measurement correct what the network missed. Where ``A`` is the identity there is no such
            step: the network has already weighed the data against what it knows.
        only: which slices to restore; all by default.
        repeats: mirror images that are averaged, and the divergence; by default four images and no divergence.
        on_slices: called with the slices done.
    """
    repeats = repeats or Repeats()
    y, is_identity = measurement.y, isinstance(measurement.operator, Separable) and measurement.operator.is_identity
    means: list[Tensor] = []
    stds: list[Tensor] = []
    first, last, _ = only.indices(len(y))
    moved_by = divergence = None
    if repeats.probe is not None and is_identity:
        change = torch.randn(y.shape, generator=repeats.probe).to(y)
        size = 0.1 * float(measurement.noise.sigma.square().mean().sqrt()) + 1e-3 * float(y.std())
        moved_by = replace(measurement, y=y + size * change)
        divergence = torch.full_like(y, torch.nan)
    mirrors = repeats.mirrors or (MIRRORS[4] if moved_by is None else MIRRORS[4][:3])
    for batch, low in enumerate(range(first, last, BATCH)):
        some = slice(low, min(low + BATCH, last))
        given = prepare_slices(detail, measurement, some, features, spacing_ratio)
        if moved_by is None or divergence is None or not repeats.probed(batch):
            mean, std = predict_prepared(detail, given, mirrors)
        else:
            mean, std = predict_prepared(detail, given, mirrors[:1])
            changed = prepare_slices(detail, moved_by, some, features, spacing_ratio, like=given)
            moved, _ = predict_prepared(detail, changed, mirrors[:1])
            divergence[some] = change[some] * (moved - mean) / size
            if len(mirrors) > 1:
                others, other_std = predict_prepared(detail, given, mirrors[1:])
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
