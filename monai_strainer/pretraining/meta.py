# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Train a start for all layers, from which a few steps lead to any image of the cohort (meta-learning).

What STRAINER shares is a function; what is shared here is a start. The readout is part of it, and no
image has one of its own.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from ..networks import Siren, SirenStack
from ..optim.schedules import set_rate
from .aligned_points import CohortTiles
from .run import ONCE, Run

__all__ = ["INNER_RATE", "INNER_STEPS", "meta_learned"]

INNER_STEPS, INNER_RATE = 3, 1e-2


def meta_learned(
    siren: Siren,
    tiles: CohortTiles,
    rates: list[float],
    identity: dict[str, Any],
    *,
    inner_steps: int = INNER_STEPS,
    inner_rate: float = INNER_RATE,
    run: Run = ONCE,
) -> Siren:
    """Learn where to start, by first-order meta-learning (Reptile).

        ``theta_0 = theta,  theta_{k+1} = theta_k - inner_rate grad L_i(theta_k)``
        ``theta <- theta - rate Adam(sum_k grad L_i(theta_k))``, averaged over the images ``i`` of a step

    Args:
        siren: where to start from. Changed, and returned.
        tiles: as many per step as there are tiles for each of ``rates``; every image of a tile is a task of its own.
        rates: the learning rate of every step of the start.
        identity: what identifies this run's checkpoints.
        inner_steps: gradient steps towards an image.
        inner_rate: their rate.
        run: checkpoint; the loss of a step is the mean squared error before the last inner step.

    Source: Nichol, Achiam and Schulman, "On First-Order Meta-Learning Algorithms", 2018; for coordinate networks
    Tancik et al., "Learned Initializations for Optimizing Coordinate-Based Neural Representations", CVPR 2021.
    """
    device, dims = next(siren.parameters()).device, siren.spatial_dims
    start = SirenStack(siren, 1).to(device)
    optimiser = torch.optim.Adam(start.parameters(), rates[0] if rates else 0.0)
    per_step, first = len(tiles) // max(1, len(rates)), 0
    if (state := run.resumed(identity)) is not None:
        start.load_state_dict(state["module"])
        optimiser.load_state_dict(state["optimiser"])
        first = state["step"]
    fitted = deepcopy(start)
    for step in range(first, len(rates)):
        set_rate(optimiser, rates[step])
        sums = [torch.zeros_like(p) for p in start.parameters()]
        tasks, reached = 0, torch.zeros((), dtype=torch.float64, device=device)
        for tile in (tiles[step * per_step + k] for k in range(per_step)):
            points = tile["image"][:dims].flatten(1).T[None].to(device)  # (1, P, d)
            for values in tile["label"].to(device):  # (P, 1)
                reached += _descent(fitted, start, points, values[None], inner_steps, inner_rate, sums)
                tasks += 1
        for parameter, total in zip(start.parameters(), sums):
            parameter.grad = total / tasks
        optimiser.step()
        run.done(
            step,
            reached / tasks,
            len(rates),
            identity,
            lambda: {"module": start.state_dict(), "optimiser": optimiser.state_dict()},
        )
    return _filled(siren, start)


def _descent(
    fitted: SirenStack, start: SirenStack, points: Tensor, values: Tensor, steps: int, rate: float, sums: list[Tensor]
) -> Tensor:
    """Go from the start towards one image and add up the gradients on the way; the last error met."""
    fitted.load_state_dict(start.state_dict())
    error = points.new_zeros(())
    for _ in range(steps):
        loss = (fitted(points) - values).square().mean()
        gradients = torch.autograd.grad(loss, list(fitted.parameters()))
        error = loss.detach()
        with torch.no_grad():
            for parameter, gradient, total in zip(fitted.parameters(), gradients, sums):
                parameter.sub_(rate * gradient)
                total += gradient
    return error


@torch.no_grad()
def _filled(siren: Siren, stack: SirenStack) -> Siren:
    """Copy the weights of a stack of one into the network, and return it."""
    linears = [layer[0] for layer in siren.encoder] + [siren.readout]  # type: ignore[index]
    for linear, weight, bias in zip(linears, stack.weights, stack.biases):
        linear.weight.copy_(weight[0].T)
        linear.bias.copy_(bias[0, 0])
    return siren
