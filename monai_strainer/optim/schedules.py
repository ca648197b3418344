# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Compute learning rates along a schedule, and set them where a step reads them."""

from __future__ import annotations

import math
from typing import Any, Protocol

import torch
from torch import Tensor

__all__ = ["Engine", "falling", "rate_on", "set_rate"]


class Engine(Protocol):
    """What changes weights by their gradients: an optimiser of PyTorch, or one like it."""

    param_groups: list[dict[str, Any]]

    def step(self) -> Any:
        """One update."""


def falling(step: float, steps: float, last: float) -> float:
    """Return the fraction of a learning rate that is left at a step, along half a cosine.

    Args:
        step: from 0, where the fraction is 1.
        steps: of the training; there the fraction is ``last``.
        last: fraction at the end, 0 to 1.

    Example:
        >>> [round(falling(step, 2, 0.1), 2) for step in (0, 1, 2)]
        [1.0, 0.55, 0.1]
    """
    return last + (1 - last) * 0.5 * (1 + math.cos(math.pi * step / steps))


def rate_on(device: torch.device, lr: float) -> float | Tensor:
    """Return a learning rate in the form that a step reads: a tensor on an accelerator, for captured steps.

    Args:
        device: of the parameters.
        lr: learning rate.
    """
    return torch.tensor(lr, device=device) if device.type == "cuda" else lr


def set_rate(engine: Engine, rate: float) -> None:
    """Set a learning rate, in place where it is a tensor.

    Args:
        engine: whose parameter groups are changed.
        rate: new learning rate.
    """
    for group in engine.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
