# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore a scan slice by slice with the detail network, in one plane or in several."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from ..fitting import PROBE, Amortised, CoordinateFeatures, ErrorField, amortise, plug_and_play
from ..geometry import MIRRORS, Grid
from ..networks import DetailPrior
from ..physics import Measurement, Separable
from ..volume import Volume
from .pass_context import Level, PassContext, PassResult, Tested, in_units, operator_between, slices_with_noise
from .report import Method, PassReport

__all__ = ["detail_pass", "neighbours_close"]

# Spacing ratio below which neighbours are hidden: what each kind of network (equivariant or not) was trained on.
NEAREST = {False: 0.2, True: 0.1}


def neighbours_close(detail: DetailPrior, grid: Grid, axis: int, count: int) -> float:
    """Return the spacing ratio that the detail network is given: in-plane spacing over the step between slices.

    Args:
        detail: the network.
        grid: of the restored scan.
        axis: across the slices.
        count: slices.

    Returns:
        0 to 1; 0 hides the neighbours: they are too far to help, or there are none.
    """
    spacing = grid.spacing
    plane = math.sqrt(math.prod(float(spacing[k]) for k in range(3) if k != axis))
    spacing_ratio = min(1.0, plane / float(spacing[axis])) if count > 1 else 0.0
    return spacing_ratio if spacing_ratio >= NEAREST[detail.equivariant] else 0.0


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
