# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore a scan slice by slice, by a fit of a private copy of the coordinate network to each."""

from __future__ import annotations

import numpy as np
import torch

from ..fitting import Fit, FitOptions, fit_slices
from ..physics import Measurement
from ..volume import Volume
from .pass_context import Level, PassContext, PassResult, in_units, operator_between, slices_with_noise
from .report import PassReport

__all__ = ["coordinate_pass"]


def coordinate_pass(
    volume: Volume, axis: int, factors: tuple[float, float, float], level: Level, context: PassContext
) -> PassResult:
    """Restore by fitting a private copy of the coordinate prior to every slice along one axis.

    Args:
        volume: the scan.
        axis: across its slices.
        factors: per array axis.
        level: of the noise, relative to the intensity scale.
        context: what every pass needs.
    """
    grid, prior, options = volume.grid.refine(factors), context.prior, context.fit or FitOptions()
    y, noise = slices_with_noise(volume, axis, context, level)
    A = operator_between(grid, volume.grid, context.operator, context.filled, axis).to(context.device)
    steps, total = max(1, options.steps), len(y)
    batch = 4 if torch.device(context.device).type == "cpu" else 64
    fits: list[Fit] = []
    for low in range(0, total, batch):  # coordinates are made batch by batch: memory does not grow with the scan
        some = slice(low, min(low + batch, total))
        coords = context.pose.coordinates(grid.shape, axis, some)[:, : prior.network.spatial_dims]
        part = noise if noise.sigma.ndim == 0 else type(noise)(noise.sigma[some]).to(context.device)

        def on_done(step: int, done: int = low, size: int = some.stop - low) -> None:
            if context.progress is not None:
                context.progress(done + size * (step + 1) // steps, total)

        coords_of_slices = torch.from_numpy(coords).to(context.device)
        given = Measurement(A, y[some], part)
        network = prior.network.to(context.device)
        fits.append(fit_slices(network, coords_of_slices, given, options, seed=context.seed, on_step=on_done))
    if context.progress is not None:
        context.progress(total, total)
    data = in_units(torch.cat([fit.data.images for fit in fits]), axis, volume, context.intensity_scale)
    restored = Volume(np.ascontiguousarray(data), grid, volume.source, volume.slice_axis)
    std = torch.cat([fit.data.std for fit in fits]).cpu().numpy() * np.float32(context.intensity_scale)
    weights = [len(fit.best_step) / total for fit in fits]
    report = PassReport(
        slice_axes=(axis,),
        factors=factors,
        method="coordinates",
        best_step=tuple(int(v) for fit in fits for v in fit.best_step),
        held_out_rmse=tuple(float(v) ** 0.5 for fit in fits for v in fit.held_out),
        error_length=tuple(float(v) for fit in fits for v in fit.data.length),
        error_std=tuple(float(v) ** 0.5 for fit in fits for v in fit.data.variance),
        curve=tuple(
            (step, sum(w * fit.curve[k][1] for w, fit in zip(weights, fits)))
            for k, (step, _) in enumerate(fits[0].curve)
        ),
        undetermined=sum(w * fit.data.undetermined for w, fit in zip(weights, fits)),
    )
    return PassResult(restored, np.ascontiguousarray(np.moveaxis(std, 0, axis)), report)
