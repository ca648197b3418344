# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Refine networks: all layers of every slice's private network follow the gradient through operator and noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..networks import Siren, SirenStack
from ..optim.cuda_graphs import Recorded, recorder_of
from ..optim.muon import optimisers
from ..optim.schedules import falling, set_rate
from ..physics import Measurement, NoiseModel, Operator
from .data_consistency import ErrorField
from .early_stopping import HeldOut
from .readout import solve_readouts

__all__ = ["FIT", "FitOptions", "Refined", "refine"]

POINTS = 4096  # evaluated at once: enough for a gradient, and the activations stay in the cache of a CPU core


@dataclass(frozen=True)
class Refined:
    """What a refinement found.

    Args:
        images: ``(S, H, W)`` in the units of the measurement, at the step where held-out measurements were met best.
        held_out: ``(S,)`` mean squared error on them there, noise included.
        best_step: ``(S,)``; 0 is the readout solve, -1 no network at all.
        curve: pairs of step and held-out error averaged over slices.
        frozen: number of layers that were not trained.
        field: of the network's error, for the data step.
    """

    images: Tensor
    held_out: Tensor
    best_step: Tensor
    curve: list[tuple[int, float]]
    frozen: int
    field: ErrorField


@torch.no_grad()
def _whole(stack: SirenStack, coords: Tensor) -> Tensor:
    """Compute the images ``(S, H, W)`` of a stack, in ``[0, 1]``, tile by tile."""
    points = coords.flatten(2).mT  # (S, N, d)
    parts = [stack(part)[..., 0] for part in points.split(max(1, POINTS // len(points)), dim=1)]
    return ((torch.cat(parts, dim=1) + 1) / 2).reshape(-1, *coords.shape[2:])


def _some(length: int, fraction: float, generator: torch.Generator) -> Tensor:
    """Draw at least one random position in ``0..length - 1``, and return the positions sorted."""
    return torch.randperm(length, generator=generator)[: max(1, round(fraction * length))].sort().values


def _held_out(y: Tensor, fraction: float, generator: torch.Generator) -> HeldOut:
    """Draw the measurements that only decide when to stop: 300 at least, where that is no more than 15 %."""
    watch = HeldOut.draw((y.shape[1], y.shape[2]), len(y), max(fraction, min(0.15, 300 / y[0].numel())), generator)
    watch.to(y.device)
    return watch


def _set_solved(stack: SirenStack, siren: Siren, coords: Tensor, measurement: Measurement, kept: Tensor) -> None:
    """Give every copy the readout that explains its kept measurements best."""
    operator = measurement.operator
    ones = operator.A(torch.ones(operator.shape_in, device=measurement.y.device))
    y = 2 * measurement.clean - ones  # the network works in [-1, 1], the data in [0, 1]
    stack.set_readouts(solve_readouts(siren, coords, operator, y, kept).mean.unsqueeze(1))


@dataclass(frozen=True)
class FitOptions:
    """How a private copy of the coordinate network is fitted to every slice.

    Args:
        steps: gradient steps at most; 0 stays with the solved readout.
        solve: start from solved readouts. False starts from the network's own, as the paper does; better for random
            weights.
        rate: learning rate of the hidden matrices under Muon, or of everything under Adam.
        readout_rate: rate of the first layer, the readout and the biases under Muon.
        final_rate_fraction: the rates fall along a cosine to this fraction of themselves; 1 keeps them, as in the
            paper. Falling is worth about 2 dB on a clean slice after 60 steps.
        optimiser: ``"muon"`` or ``"adam"``.
        freeze: layers to keep as they are: None, a number, or ``"auto"``.
        held_out: fraction of the measurements that only decide when to stop; more where there are few, to have 300.
        points: image points per step and slice, about.
        every: steps between two evaluations of the held-out measurements. What counts is how well they are predicted
            by the network *and* the data step, for that is the result.
        allow_no_network: let the data step alone, with no network, compete as step -1; it wins where the prior does
            not fit.

    Raises:
        InputError: negative steps, or an optimiser that does not exist.

    Example:
        >>> FitOptions(steps=20).optimiser
        'muon'
    """

    steps: int = 100
    solve: bool = True
    rate: float = 4e-5
    readout_rate: float = 3e-4
    final_rate_fraction: float = 0.1
    optimiser: str = "muon"
    freeze: int | str | None = None
    held_out: float = 0.03
    points: int = POINTS
    every: int = 20
    allow_no_network: bool = True

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise InputError(f"{self.steps} steps is below 0", "use 0 or more")
        if self.optimiser not in ("muon", "adam"):
            raise InputError(f"there is no optimiser {self.optimiser!r}", "choose muon or adam")


FIT = FitOptions()


def refine(
    siren: Siren,
    coords: Tensor,
    measurement: Measurement,
    options: FitOptions = FIT,
    *,
    seed: int = 0,
    on_step: Callable[[int], None] | None = None,
) -> Refined:
    """Fit a private copy of the network to every slice: ``min -log p(y | A x)`` over its weights, stopped blindly.

    Each step looks at a random sub-lattice of the measurement, some rows and some columns, and evaluates the network
    only where those look: the cost of a step does not grow with the image, and any separable operator is exact.

    Args:
        siren: where every copy starts. Never changed.
        coords: ``(S, d, H, W)`` head coordinates.
        measurement: of the slices.
        options: how.
        seed: of the draws; every slice sees the same ones, so a slice's result does not depend on its neighbours.
        on_step: called after every step.
    """
    generator = torch.Generator().manual_seed(seed)
    operator, y, noise = measurement.operator, measurement.y, measurement.noise
    stack = SirenStack(siren, len(coords))
    frozen = stack.freeze(options.freeze)
    engines = optimisers(stack, options.optimiser, options.rate, options.readout_rate)
    rates = [float(engine.param_groups[0]["lr"]) for engine in engines]
    watch = _held_out(y, options.held_out, generator)
    kept, clean = ~watch.mask, measurement.clean
    sigma2 = measurement.mean_variance.clamp_min(1e-8)  # (S,)
    field = ErrorField(operator, clean, noise.sigma.square().expand(y.shape) if noise.sigma.ndim else sigma2)
    if options.solve:
        _set_solved(stack, siren, coords, measurement, kept)
    fraction = min(1.0, options.points / (coords.shape[2] * coords.shape[3])) ** 0.5

    def look(step: int, images: Tensor) -> None:
        watch.update(step, images, field.predict(images)[0] * field.head)

    def some_of_all() -> tuple[Tensor | nn.Module, ...]:
        """Draw a random sub-lattice of the measurement; return it with its operator, noise, coordinates and weight."""
        rows, columns = _some(y.shape[1], fraction, generator), _some(y.shape[2], fraction, generator)
        part, h = operator.restrict(rows, 0)
        part, w = part.restrict(columns, 1)
        weight = kept[rows][:, columns]
        weight = weight * sigma2[:, None, None] / weight.sum().clamp_min(1)  # a likelihood as a squared error
        return part, noise.restrict(rows, columns), coords[:, :, h][:, :, :, w], y[:, rows][:, :, columns], weight

    def advance(part: Operator, local: NoiseModel, patch: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        x = ((stack(patch.flatten(2).mT)[..., 0] + 1) / 2).reshape(-1, *patch.shape[2:])  # (S, |h|, |w|)
        loss = (local.negative_log_likelihood(part.A(x), target) * weight).sum()
        for engine in engines:
            engine.zero_grad(set_to_none=True)
        loss.backward()
        for engine in engines:
            engine.step()
        return loss.detach()

    step_once = Recorded(advance, recorder_of(y.device))
    if options.allow_no_network:
        look(-1, torch.zeros(len(y), *operator.shape_in, device=y.device))
    for step in range(options.steps):
        if step % options.every == 0:
            look(step, _whole(stack, coords))
        for engine, full in zip(engines, rates):
            set_rate(engine, full * falling(step, options.steps, options.final_rate_fraction))
        if step == 0 or fraction < 1:
            looked_at = some_of_all()
        step_once(*looked_at)
        if on_step is not None:
            on_step(step)
    look(options.steps, _whole(stack, coords))
    return Refined(watch.images, watch.error, watch.best_step, watch.curve, frozen, field)
