# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Compute sine layers as one step of autograd on a GPU: the backward pass computes sines and cosines again.

Plain PyTorch keeps two blocks of ``points x width`` per layer, the argument of the sine for its derivative and the sine
for the next product. Sine and cosine of an argument cost an accelerator less than to fetch them, so one block is
enough. Nothing here depends on the device: the CPU is where this is held to its plain twin.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from .precision import quick_products

__all__ = ["recomputed_features"]


def recomputed_features(
    points: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor], omega: float, half: bool = False
) -> Tensor:
    """``h_k = sin(omega (h_{k-1} W_k + b_k))`` for a stack of networks; differentiable in weights and biases.

    The products of the first layer, whose input are coordinates, are exact in float32. Those of all others run in
    TF32 where the device has it (10 bits of mantissa), or in bfloat16 (7 bits) with float32 sums.

    Args:
        points: ``(S, N, d)``; takes no gradient.
        weights: per layer ``(S, in, out)``.
        biases: per layer ``(S, 1, out)``.
        omega: frequency of every layer.
        half: products in bfloat16; weights, biases and what goes into a sine stay float32.

    Returns:
        ``(S, N, out)`` the last layer's sines, in the dtype of the points.

    Example:
        >>> w, b = torch.randn(1, 2, 8, requires_grad=True), torch.zeros(1, 1, 8)
        >>> recomputed_features(torch.zeros(1, 5, 2), [w], [b], 30.0).shape
        torch.Size([1, 5, 8])
    """
    if not torch.is_grad_enabled():
        *_, last = _arguments(points, *_scaled(weights, biases, omega, torch.bfloat16 if half else points.dtype))
        return torch.sin(last)
    features: Tensor = _Recomputed.apply(points, omega, half, *weights, *biases)  # type: ignore[no-untyped-call]
    return features


def _product(a: Tensor, b: Tensor, dtype: torch.dtype) -> Tensor:
    """Return ``a b`` of stacks of matrices, the result in ``dtype``."""
    if a.dtype == dtype:
        return torch.bmm(a, b)
    if a.is_cuda:
        return torch.bmm(a, b, out_dtype=dtype)  # the sums never leave float32
    return torch.bmm(a, b).to(dtype)


def _sine(argument: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the sine of the argument, rounded to ``dtype`` when it is written."""
    return torch.sin(argument, out=torch.empty_like(argument, dtype=dtype))


def _scaled(
    weights: Sequence[Tensor], biases: Sequence[Tensor], omega: float, dtype: torch.dtype
) -> tuple[list[Tensor], list[Tensor]]:
    """Weights and biases with omega in them; all weights but the first layer's in the dtype of the products."""
    return [omega * w if k == 0 else (omega * w).to(dtype) for k, w in enumerate(weights)], [omega * b for b in biases]


def _arguments(points: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor]) -> Iterator[Tensor]:
    """Yield what goes into the sines of one layer after the other, ``(S, N, C)``."""
    z = torch.baddbmm(biases[0], points, weights[0])
    yield z
    for w, b in zip(weights[1:], biases[1:]):
        h = _sine(z, w.dtype)
        with quick_products(h.device):
            z = _product(h, w, points.dtype).add_(b)
        yield z


class _Recomputed(torch.autograd.Function):
    @staticmethod
    @torch.amp.custom_fwd(device_type="cuda", cast_inputs=torch.float32)
    def forward(ctx: Any, points: Tensor, omega: float, half: bool, *parameters: Tensor) -> Tensor:
        layers = len(parameters) // 2
        ctx.omega, ctx.dtype = omega, torch.bfloat16 if half else points.dtype
        weights, biases = _scaled(parameters[:layers], parameters[layers:], omega, ctx.dtype)
        arguments = list(_arguments(points, weights, biases))
        ctx.save_for_backward(points, *weights[1:], *arguments)
        return torch.sin(arguments[-1])

    @staticmethod
    @torch.amp.custom_bwd(device_type="cuda")
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        points, *kept = ctx.saved_tensors
        layers = (len(kept) + 1) // 2
        quick, arguments = kept[: layers - 1], kept[layers - 1 :]
        wanted = [k for k in range(layers) if ctx.needs_input_grad[3 + k] or ctx.needs_input_grad[3 + layers + k]]
        weights: list[Tensor | None] = [None] * layers
        biases: list[Tensor | None] = [None] * layers
        g = gradients[0]
        with quick_products(g.device):
            for k in range(layers - 1, max(wanted[0], 1) - 1 if wanted else layers, -1):
                d = torch.cos(arguments[k]).mul_(g)  # (S, N, C)
                rounded, below = d.to(ctx.dtype), _sine(arguments[k - 1], ctx.dtype)
                if k in wanted:
                    weights[k] = _product(below.mT, rounded, points.dtype)
                    biases[k] = d.sum(1, keepdim=True)
                if k > wanted[0]:
                    g = _product(rounded, quick[k - 1].mT, points.dtype)
        if 0 in wanted:
            d = torch.cos(arguments[0]).mul_(g)
            weights[0], biases[0] = points.mT @ d, d.sum(1, keepdim=True)
        scaled = [None if piece is None else piece.mul_(ctx.omega) for piece in (*weights, *biases)]
        return None, None, None, *scaled
