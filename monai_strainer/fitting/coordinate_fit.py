# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The whole fit of a stack of slices: solve the heads, refine, let the data have the last word, say how sure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ..networks import Siren
from ..physics import NoiseModel, Operator
from .data_consistency import DataStep
from .refine import refine

__all__ = ["Fit", "fit_slices"]


@dataclass(frozen=True)
class Fit:
    """Restored slices and what the fit knows about them.

    Args:
        network_images: ``(S, H, W)``, what the network alone says.
        data: the images after the data step, and how sure they are.
        held_out: ``(S,)`` mean squared error of the network on held-out measurements, noise included.
        best_step: ``(S,)`` step at which the fit was stopped; 0 is the head solve, -1 the data step alone.
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
    operator: Operator,
    y: Tensor,
    noise: NoiseModel,
    *,
    steps: int = 100,
    solve: bool = True,
    rate: float = 4e-5,
    head_rate: float = 3e-4,
    last_rate: float = 0.1,
    optimiser: str = "muon",
    freeze: int | str | None = None,
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
        operator: ``A`` on ``(..., H, W)``.
        y: ``(S, h, w)`` measurement, the head about ``[0, 1]``.
        noise: its noise.
        steps: refinement steps at most; 0 stays with the head solve.
        solve: start from solved heads. False starts from the network's own, as the paper does.
        rate, head_rate, last_rate, optimiser, freeze, seed, on_step: see :func:`refine`.
    """
    refined = refine(
        siren,
        coords,
        operator,
        y,
        noise,
        solve=solve,
        steps=steps,
        rate=rate,
        head_rate=head_rate,
        last_rate=last_rate,
        optimiser=optimiser,
        freeze=freeze,
        seed=seed,
        on_step=on_step,
    )
    data = refined.field.correct(refined.images)
    return Fit(refined.images, data, refined.held_out, refined.best_step, refined.curve)
