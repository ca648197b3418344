# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The whole fit of a stack of slices: solve the heads, refine, let the data have the last word, say how sure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..networks import Siren
from ..physics import NoiseModel, Operator
from .head import head_images, solve_heads
from .refine import refine

__all__ = ["Fit", "fit_slices"]


@dataclass(frozen=True)
class Fit:
    """Restored slices and what the fit knows about them.

    Args:
        images: ``(S, H, W)``.
        std: ``(S, H, W)`` standard deviation.
        network_images: what the network alone says, before the data step.
        misfit: ``(S,)`` variance of the network's error as held-out measurements show it.
        best_step: ``(S,)`` step at which the fit was stopped; 0 is the head solve.
        curve: pairs of step and held-out error, averaged over slices.
        undetermined: share of the result's energy that the data did not determine.
    """

    images: Tensor
    std: Tensor
    network_images: Tensor
    misfit: Tensor
    best_step: Tensor
    curve: list[tuple[int, float]]
    undetermined: float


def fit_slices(
    siren: Siren,
    coords: Tensor,
    operator: Operator,
    y: Tensor,
    noise: NoiseModel,
    *,
    steps: int = 100,
    solve: bool = True,
    rate: float = 1e-5,
    head_rate: float = 1e-4,
    optimiser: str = "muon",
    freeze: int | str | None = None,
    seed: int = 0,
    batch: int = 4,
    data_step: bool = True,
    on_step: Callable[[int], None] | None = None,
) -> Fit:
    """Restore a stack of slices with a coordinate prior.

        ``x* = argmin |A x - y|^2 / sigma^2 + |x - x_network|^2 / v``

    where ``x_network`` is the refined network and ``v`` the variance of its error, read off held-out measurements. The
    data thus decide everything they measured well, and the network what they left open.

    Args:
        siren: the prior. Never changed.
        coords: ``(S, d, H, W)`` head coordinates.
        operator: ``A`` on ``(..., H, W)``.
        y: ``(S, h, w)`` measurement, the head about ``[0, 1]``.
        noise: its noise.
        steps: refinement steps at most; 0 stays with the head solve.
        solve: start from solved heads. False starts from the network's own, as the paper does.
        rate, head_rate, optimiser, freeze, seed, on_step: see :func:`refine`.
        batch: slices fitted side by side.
        data_step: let the data have the last word; without it the network's image is the result.
    """
    clean = noise.debias(y)
    ones = operator.A(torch.ones(operator.shape_in, device=y.device))  # the network speaks in [-1, 1], the data in [0, 1]
    sigma2 = float(noise.sigma.square().mean())
    parts = []
    for low in range(0, len(y), batch):
        some = slice(low, low + batch)
        heads = solve_heads(siren, coords[some], operator, 2 * clean[some] - ones).mean if solve else None
        part_noise = noise if noise.sigma.ndim < 3 else type(noise)(noise.sigma[some])
        parts.append(
            refine(
                siren, coords[some], operator, y[some], part_noise, heads=heads, steps=steps, rate=rate,
                head_rate=head_rate, optimiser=optimiser, freeze=freeze, seed=seed, on_step=on_step,
            )  # fmt: skip
        )
    network = torch.cat([part.images for part in parts])
    held_out = torch.cat([part.held_out for part in parts])
    misfit = (held_out - sigma2).clamp_min(0.02 * held_out + 1e-8)  # (S,)
    rho = max(sigma2, 1e-8) / misfit  # (S,)
    images = operator.prox(network, clean, rho) if data_step else network
    open_share = operator.undetermined(rho)  # (S, H, W)
    local = _smooth((operator.adjoint(operator.A(network) - clean) / _gain(operator)).square())
    spread = local / local.mean((1, 2), keepdim=True).clamp_min(1e-12)  # where the network errs more than elsewhere
    std = (misfit[:, None, None] * (0.1 + 0.9 * spread) * open_share).sqrt()
    curve = [(step, sum(p.curve[k][1] * len(p.images) for p in parts) / len(y)) for k, (step, _) in enumerate(parts[0].curve)]
    unsure = (images - operator.prox(torch.zeros_like(images), clean, rho)).square().sum() / images.square().sum().clamp_min(1e-12)
    return Fit(images, std, network, misfit, torch.cat([p.best_step for p in parts]), curve, float(unsure))


def _gain(operator: Operator) -> Tensor:
    """``A^T A 1``: divides out the operator's own scale when a residual is carried back to the image."""
    ones = torch.ones(operator.shape_in)
    return operator.adjoint(operator.A(ones)).clamp_min(1e-6)


def _smooth(images: Tensor, width: int = 9) -> Tensor:
    """Local mean over a square window."""
    return torch.nn.functional.avg_pool2d(images[:, None], width, 1, width // 2, count_include_pad=False)[:, 0]
