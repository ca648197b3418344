# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Adam without PyTorch's compiler, which every optimiser of PyTorch loads when it is made.

Loading it takes longer than twenty steps of an adaptation to a scan. The steps are those of :class:`torch.optim.Adam`,
to the bit.

Source: Kingma and Ba, Adam: a method for stochastic optimization, ICLR 2015.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

__all__ = ["LightAdam"]


class LightAdam:
    """Adam, as plain PyTorch has it.

    ``m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2,  w <- w - rate m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)``

    Args:
        params: weights; those without a gradient stay.
        lr: rate; :func:`monai_strainer.optim.schedules.set_rate` sets it.
        betas: ``b1`` and ``b2``.
        eps: least size of a step's divisor.

    Example:
        >>> weight = torch.zeros(2, requires_grad=True)
        >>> (weight - 1).square().sum().backward()
        >>> LightAdam([weight], 0.1).step()
        >>> weight.detach()
        tensor([0.1000, 0.1000])
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        weights = list(params)
        self.param_groups: list[dict[str, Any]] = [{"params": weights, "lr": lr}]
        self.betas, self.eps, self.steps = betas, eps, 0
        self.means, self.squares = ([torch.zeros_like(one) for one in weights] for _ in range(2))

    @torch.no_grad()
    def step(self) -> None:
        """One update of every weight that has a gradient."""
        self.steps += 1
        rate, (b1, b2) = float(self.param_groups[0]["lr"]), self.betas
        known = [
            (weight, weight.grad, mean, square)
            for weight, mean, square in zip(self.param_groups[0]["params"], self.means, self.squares)
            if weight.grad is not None
        ]
        if not known:
            return
        weights, gradients, means, squares = (list(part) for part in zip(*known))
        torch._foreach_lerp_(means, gradients, 1 - b1)
        torch._foreach_mul_(squares, b2)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - b2)
        divisors = torch._foreach_sqrt(squares)
        torch._foreach_div_(divisors, (1 - b2**self.steps) ** 0.5)
        torch._foreach_add_(divisors, self.eps)
        torch._foreach_addcdiv_(weights, means, divisors, -rate / (1 - b1**self.steps))
