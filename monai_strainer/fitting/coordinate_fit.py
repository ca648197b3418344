# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Fit a stack of slices: solve the readouts, refine the networks, correct them by the measurement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ..networks import Siren
from ..physics import Measurement
from .data_consistency import DataStep
from .refine import FIT, FitOptions, refine

__all__ = ["Fit", "fit_slices"]


@dataclass(frozen=True)
class Fit:
    """Restored slices and what the fit knows about them.

    Args:
        network_images: ``(S, H, W)``, what the network alone says.
        data: the images after the data step, and how sure they are.
        held_out: ``(S,)`` mean squared error of the network on held-out measurements, noise included.
        best_step: ``(S,)`` step at which the fit was stopped; 0 is the readout solve, -1 the data step alone.
        curve: pairs of step and held-out error, averaged over slices.
    """

    network_images: Tensor
    data: DataStep
    held_out: Tensor
    best_step: Tensor
    curve: list[tuple[int, float]]


def fit_slices(
    siren: Siren,
    coords: Tensor,
    measurement: Measurement,
    options: FitOptions = FIT,
    *,
    seed: int = 0,
    on_step: Callable[[int], None] | None = None,
) -> Fit:
    """Restore a stack of slices with a coordinate prior.

        ``x* = argmin |A x - y|^2 / sigma^2 + (x - x_network)^T (v C)^-1 (x - x_network)``

    where ``x_network`` is the refined network and ``v C`` the covariance of its error, found from how it misses the
    measurement (:mod:`monai_strainer.fitting.data_consistency`). The data thus decide everything they measured well,
    and the network what they left open.

    Args:
        siren: the prior. Never changed.
        coords: ``(S, d, H, W)`` head coordinates.
        measurement: of the slices.
        options: how the network is fitted.
        seed, on_step: see :func:`refine`.
    """
    refined = refine(siren, coords, measurement, options, seed=seed, on_step=on_step)
    data = refined.field.correct(refined.images)
    return Fit(refined.images, data, refined.held_out, refined.best_step, refined.curve)
