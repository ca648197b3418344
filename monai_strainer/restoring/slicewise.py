# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore a scan slice by slice with the detail network; say what every pass needs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ..anatomy.head_frame import Pose
from ..fitting import (
    PROBE,
    Amortised,
    CoordinateFeatures,
    ErrorField,
    FitOptions,
    amortise,
    plug_and_play,
)
from ..geometry import MIRRORS, Grid
from ..networks import DetailPrior
from ..physics import Measurement, NoiseModel, Operator, OperatorFactory, Profile, Separable
from ..priors.prior import Prior
from ..volume import Volume
from .report import Method, PassReport

__all__ = [
    "Level",
    "PassContext",
    "PassResult",
    "detail_pass",
    "in_units",
    "slices_with_noise",
    "neighbours_close",
    "operator_between",
    "slice_operator",
]

Level = float | NDArray[np.float32]
"""Noise level relative to the intensity scale: a number, or a map in the shape of the scan."""

NEAREST = {
    False: 0.2,
    True: 0.1,
}  # spacing ratio below which neighbours are hidden: what each kind of network was trained on
KSPACE = Profile("kspace")


class Tested(Protocol):
    """What a test on the scan itself says of a network: its weight in the result, and a factor for its deviations."""

    @property
    def weight(self) -> float:
        """Of the network in the mixture with kriging, in ``[0, 1]``."""

    @property
    def widen(self) -> float:
        """Factor for the deviations, 1 or more."""


@dataclass(frozen=True, eq=False)
class PassContext:
    """What every pass needs besides the scan.

    Args:
        prior: what restores.
        pose: where the head is.
        intensity_scale: intensity that stands for 1.
        noise: the kind of noise.
        operator: builds ``A`` from the fine and the measured shape of a slice.
        device: where to compute.
        progress: called with the slices done and their total.
        fit: how the coordinate network is fitted; None where it is not.
        seed: of the draws of a fit.
        filled: array axes that were zero-filled.
        trial: what a test on the scan itself says of the network; None trusts it.
        mirrors: mirror images of a slice that are averaged: 1, 2 or 4.
    """

    prior: Prior
    pose: Pose
    intensity_scale: float
    noise: type[NoiseModel]
    operator: OperatorFactory
    device: str | torch.device = "cpu"
    progress: Callable[[int, int], None] | None = None
    fit: FitOptions | None = None
    seed: int = 0
    filled: tuple[int, ...] = ()
    trial: Tested | None = None
    mirrors: int = 4


@dataclass(frozen=True, eq=False)
class PassResult:
    """A scan after a pass, its standard deviation, what the report says of it, and the divergence where it was read."""

    volume: Volume
    std: NDArray[np.float32]
    report: PassReport
    divergence: NDArray[np.float32] | None = None


def slices_with_noise(
    volume: Volume, axis: int | None, context: PassContext, level: Level
) -> tuple[torch.Tensor, NoiseModel]:
    """Slices ``(S, h, w)`` along an axis, or the whole volume, and their noise, on the device of the context.

    The head is about ``[0, 1]``.
    """
    data = volume.data if axis is None else volume.slices(axis)
    y = torch.from_numpy(data / np.float32(context.intensity_scale)).to(context.device)
    if isinstance(level, np.ndarray):
        along = level if axis is None else np.ascontiguousarray(np.moveaxis(level, axis, 0))
        return y, context.noise(torch.from_numpy(along)).to(context.device)
    return y, context.noise(level).to(context.device)


def operator_between(
    fine: Grid, given: Grid, operator: OperatorFactory, filled: tuple[int, ...] = (), axis: int | None = None
) -> Operator:
    """Build the operator from a fine grid to a measured one: on slices along an axis, or on whole volumes.

    Args:
        fine: grid of the result.
        given: grid of the data.
        operator: builds ``A``.
        filled: axes that were zero-filled: their k-space was cut, whatever the operator of the others.
        axis: along which slices are taken; None for the whole volume.
    """
    kept = [k for k in range(3) if k != axis]
    return slice_operator(
        [fine.shape[k] for k in kept], [given.shape[k] for k in kept], operator, [k in filled for k in kept]
    )


def slice_operator(
    fine: Sequence[int], given: Sequence[int], operator: OperatorFactory, filled: Sequence[bool]
) -> Operator:
    """Build the operator between two shapes, with the k-space profile on the axes that were zero-filled."""
    if not any(filled) or not isinstance(operator, Profile):
        return operator(tuple(fine), tuple(given))
    profiles = [KSPACE if cut else operator for cut in filled]
    return Separable([p.matrix(n, m) if n != m else n for p, n, m in zip(profiles, fine, given)])


def neighbours_close(detail: DetailPrior, grid: Grid, axis: int, count: int) -> float:
    """In-plane spacing over the step between slices; 0 where neighbours are too far to say anything."""
    spacing = grid.spacing
    plane = math.sqrt(math.prod(float(spacing[k]) for k in range(3) if k != axis))
    spacing_ratio = min(1.0, plane / float(spacing[axis])) if count > 1 else 0.0
    return spacing_ratio if spacing_ratio >= NEAREST[detail.equivariant] else 0.0


def in_units(images: torch.Tensor, axis: int, volume: Volume, intensity_scale: float) -> NDArray[np.float32]:
    """Restored slices as an array in the scan's units; a magnitude is never negative."""
    data = np.moveaxis(images.cpu().numpy(), 0, axis) * np.float32(intensity_scale)
    return np.maximum(data, 0) if volume.data.min() >= 0 else data


def detail_pass(
    volume: Volume,
    axes: tuple[int, ...],
    factors: tuple[float, float, float],
    level: Level,
    context: PassContext,
    method: Method = "amortised",
    with_features: bool = True,
    data_step: bool = True,
) -> PassResult:
    """Restore with the detail prior along one axis or several, and average.

    The errors of planes are alike but not the same: their mean has less. Its standard deviation is taken as the mean
    of theirs, as if they were the same. Where there are several planes, each has two mirror images instead of four
    (0.01 dB less), and the divergence of a batch of slices is read in one plane.

    Args:
        volume: the scan.
        axes: along which slices are taken.
        factors: per array axis.
        level: of the noise.
        context: everything else.
        method: ``"amortised"`` or ``"plug_and_play"``.
        with_features: give the network the coordinate prior's features.
        data_step: let the measurement correct what the network missed.
    """
    prior, grid = context.prior, volume.grid.refine(factors)
    if prior.detail is None:
        raise ValueError("the prior has no detail prior")
    detail = prior.detail.to(context.device)
    siren = prior.network.to(context.device) if with_features and prior.detail.features else None
    total, done = sum(volume.grid.shape[axis] for axis in axes), 0
    data, std = np.zeros(grid.shape, np.float32), np.zeros(grid.shape, np.float32)
    fractions, stds = [], []
    slopes: list[NDArray[np.float32]] = []
    for number, axis in enumerate(axes):
        y, noise = slices_with_noise(volume, axis, context, level)
        A = operator_between(grid, volume.grid, context.operator, context.filled, axis).to(context.device)

        def coords_of(some: slice, axis: int = axis) -> torch.Tensor:
            coords = context.pose.coordinates(grid.shape, axis, some)[:, : prior.network.spatial_dims]
            return torch.from_numpy(coords).to(context.device)

        def on_done(slices: int, before: int = done) -> None:
            if context.progress is not None:
                context.progress(before + slices, total)

        given, features = Measurement(A, y, noise), CoordinateFeatures(siren, coords_of)
        if method == "amortised" and isinstance(A, Separable):
            found = amortise(
                detail,
                given,
                features=features,
                spacing_ratio=neighbours_close(detail, grid, axis, len(y)),
                data_step=data_step,
                on_slices=on_done,
                probe=torch.Generator().manual_seed(PROBE + axis),
                probed=_every(number, len(axes)),
                mirrors=_mirrors(context.mirrors, axis, len(axes) > 1),
            )
        else:
            found = plug_and_play(detail, given, features=features, on_slices=on_done)
        found = _as_tested(found, context.trial, given)
        data += in_units(found.images, axis, volume, context.intensity_scale) / np.float32(len(axes))
        std += np.moveaxis(found.std.cpu().numpy(), 0, axis) * np.float32(context.intensity_scale / len(axes))
        if found.divergence is not None:
            slopes.append(np.moveaxis(found.divergence.cpu().numpy(), 0, axis))
        fractions.append(found.undetermined)
        stds.append(float(found.std.square().mean().sqrt()))
        done += len(y)
    report = PassReport(
        slice_axes=axes, factors=factors, method=method, undetermined=float(np.mean(fractions)), error_std=tuple(stds)
    )
    return PassResult(Volume(data, grid, volume.source, volume.slice_axis), std, report, _mean_of_known(slopes))


def _mirrors(number: int, axis: int, is_one_of_several: bool) -> tuple[tuple[int, ...], ...] | None:
    """Return the mirror images of a plane: two in turn where there are several; None for the default of one alone."""
    if number < max(MIRRORS):
        return MIRRORS[number]
    if not is_one_of_several:
        return None
    return MIRRORS[2] if axis % 2 == 0 else tuple(axes for axes in MIRRORS[4] if axes not in MIRRORS[2])


def _every(number: int, of: int) -> Callable[[int], bool]:
    """Return the batches of one of several planes: every ``of``-th."""
    return lambda batch: batch % of == number


def _mean_of_known(slopes: Sequence[NDArray[np.float32]]) -> NDArray[np.float32] | None:
    """Return the mean of arrays over what is a number, voxel by voxel; None of none."""
    if not slopes:
        return None
    count = np.sum([~np.isnan(slope) for slope in slopes], axis=0, dtype=np.int8)
    total: NDArray[np.float32] = np.sum([np.nan_to_num(slope) for slope in slopes], axis=0, dtype=np.float32)
    return np.where(count > 0, total / np.maximum(count, 1), np.float32(np.nan))


def _as_tested(found: Amortised, trial: Tested | None, given: Measurement) -> Amortised:
    """Mix a network's images with what kriging makes of the data alone, as a test on the scan asks for."""
    if trial is None:
        return found
    images, std = found.images, found.std * trial.widen
    if trial.weight < 1:
        smooth = ErrorField(given.operator, given.clean, given.variance).correct(torch.zeros_like(images)).images
        images = smooth + trial.weight * (images - smooth)
    return replace(found, images=images, std=std)
