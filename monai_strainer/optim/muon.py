# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Optimise with Muon: momentum whose update is made orthogonal, for stacks of matrices; Adam for everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..networks import DetailPrior, SirenStack
from .schedules import Engine, rate_on

__all__ = ["Muon", "adam", "descend", "detail_optimisers", "optimisers", "orthogonalise", "step_down"]


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Bring the singular values of every matrix of a stack near one, by a quintic Newton-Schulz iteration.

    Args:
        matrices: ``(..., m, n)``.
        steps: iterations; five leave the singular values between about 0.7 and 1.2.

    Source: Jordan et al., "Muon", 2024; for coordinate networks McGinnis et al., arXiv 2512.14366.
    """
    x = matrices / (torch.linalg.matrix_norm(matrices, keepdim=True) + 1e-12)
    is_tall = x.shape[-2] > x.shape[-1]
    x = x.mT if is_tall else x
    is_wide = x.shape[-1] > 2 * x.shape[-2]
    x = _of_wide(x, steps) if is_wide else _of_square(x, steps)
    return x.mT if is_tall else x


_QUINTIC = (3.4445, -4.7750, 2.0315)


def _of_square(x: Tensor, steps: int) -> Tensor:
    a, b, c = _QUINTIC
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


def _of_wide(x: Tensor, steps: int) -> Tensor:
    """Do the same with two products of the matrix: all steps but the last product need only its Gram matrix.

    A kernel of 3 x 3 is nine times as wide as it is tall; this takes 40 % of the operations.
    """
    a, b, c = _QUINTIC
    gram = x @ x.mT
    one = torch.eye(x.shape[-2], dtype=x.dtype, device=x.device)
    product = one
    for _ in range(steps):
        step = a * one + b * gram + c * gram @ gram  # commutes with the Gram matrix
        product, gram = step @ product, step @ gram @ step
    return product @ x


class Muon(torch.optim.Optimizer):
    """Stochastic gradient descent with Nesterov momentum and orthogonal updates.

    ``M <- beta M + G,  W <- W - rate sqrt(max(m, n)) orth(G + beta M)``

    Args:
        params: matrices ``(m, n)``, stacks of them ``(S, m, n)``, or kernels of convolutions ``(out, in, k, k)``.
        lr: root-mean-square change of a weight per step; a number, or a 0-d tensor, which may be updated in place.
            Sine weights are small (about 0.05 at width 256), so rates common elsewhere (0.02) diverge here.
        momentum: ``beta``.
    """

    def __init__(self, params: Iterable[Tensor], lr: float | Tensor = 1e-4, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:  # type: ignore[override]
        """One update of every stack that has a gradient."""
        loss = None if closure is None else closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(weight)
                momentum = state["momentum"]
                momentum.mul_(group["momentum"]).add_(weight.grad)
                update = weight.grad + group["momentum"] * momentum
                matrices = update.flatten(1) if update.ndim == 4 else update  # a convolution is one matrix
                change, rate = orthogonalise(matrices).reshape_as(weight), group["lr"] * max(matrices.shape[-2:]) ** 0.5
                weight.sub_(rate * change) if isinstance(rate, Tensor) else weight.add_(change, alpha=-rate)
        return loss


def detail_optimisers(network: DetailPrior, rate: float) -> list[torch.optim.Optimizer]:
    """Return the optimisers of a detail network: Muon for the kernels of its blocks, Adam for all else.

    Args:
        network: to train.
        rate: of Muon; Adam keeps its default until the schedule sets it.
    """
    blocks = (network.encode, network.decode, network.down, network.up)
    kernels = [p for block in blocks for p in block.parameters() if p.ndim == 4]
    others = [p for p in network.parameters() if all(p is not kernel for kernel in kernels)]
    return [Muon(kernels, rate), torch.optim.Adam(others)]


def step_down(network: nn.Module, engines: Sequence[Engine], loss: Tensor, clip: float) -> None:
    """One gradient step.

    Args:
        network: the loss is of its output.
        engines: optimisers of all its weights.
        loss: before the step.
        clip: greatest norm of the gradient.
    """
    network.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), clip)
    for engine in engines:
        engine.step()


def descend(
    network: nn.Module,
    average: nn.Module,
    engines: Sequence[Engine],
    loss: Tensor,
    clip: float,
    keep: float,
) -> None:
    """One gradient step, and the running average of the weights after it.

    Args:
        network: the loss is of its output.
        average: of its weights; ``average <- keep average + (1 - keep) weights``.
        engines: optimisers of all its weights.
        loss: before the step.
        clip: greatest norm of the gradient.
        keep: memory of the average, in ``[0, 1]``.
    """
    step_down(network, engines, loss, clip)
    with torch.no_grad():
        for mean, weight in zip(average.parameters(), network.parameters()):
            mean.lerp_(weight, 1 - keep)


def optimisers(stack: SirenStack, kind: str, lr: float, readout_lr: float) -> list[torch.optim.Optimizer]:
    """Build the optimisers of a stack's trainable weights.

    Args:
        stack: the networks that are trained together.
        kind: ``"adam"`` for all of them, or ``"muon"`` for the hidden matrices and Adam for
            first layer, readout and biases.
        lr: rate of the hidden matrices under Muon, of everything under Adam.
        readout_lr: rate of the rest under Muon.

    Raises:
        ValueError: another kind.
    """
    everything = [p for p in stack.parameters() if p.requires_grad]
    if kind == "adam":
        return [adam(everything, lr)]
    if kind != "muon":
        raise ValueError(f"there is no optimiser {kind!r}: choose 'adam' or 'muon'")
    hidden = [w for w in list(stack.weights)[1:-1] if w.requires_grad]
    rest = [p for p in everything if all(p is not w for w in hidden)]
    return [*([Muon(hidden, rate_on(hidden[0].device, lr))] if hidden else []), adam(rest, readout_lr)]


def adam(params: Iterable[Tensor], lr: float) -> torch.optim.Adam:
    """Return Adam; on an accelerator it is one kernel, and its rate is a tensor that a captured step reads.

    Args:
        params: to train, all on one device; at least one.
        lr: learning rate.
    """
    some = list(params)
    if some[0].device.type != "cuda":
        return torch.optim.Adam(some, lr)
    return torch.optim.Adam(some, rate_on(some[0].device, lr), fused=True, capturable=True)
