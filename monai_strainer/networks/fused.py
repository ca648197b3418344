# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Sine layers as one step of autograd on a CPU: forward and backward in tiles, on activations taken once.

Plain PyTorch takes two fresh blocks of ``points x width`` per layer in every step; on a whole slice the machine spends
more time on their first touch than on products. Here tiles are small enough to stay in cache, the activations that the
backward pass needs live on a tape that is reused from step to step, and omega is folded into the weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .activations import Sine

__all__ = ["SineTape", "encoded", "is_taped", "sine_features"]

TILE = 2048  # points: four blocks of this many by 256 float32 fit a core's share of the last cache


class SineTape:
    """Room for what the backward pass needs of one forward pass: sines and cosines of every layer.

    It grows to the largest pass and stays. One forward pass may wait for its backward pass at a time.

    Args:
        half: products in bfloat16; weights, biases and what goes into a sine stay float32.
    """

    def __init__(self, half: bool = False) -> None:
        self.half, self.passes = half, 0
        self._room: dict[str, Tensor] = {}

    def __deepcopy__(self, memo: Any) -> SineTape:
        return SineTape(self.half)  # a copy has room of its own

    def take(self, name: str, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """A block of this name; its content is that of the last use, or nothing in particular."""
        size = 1
        for n in shape:
            size *= n
        room = self._room.get(name)
        if room is None or room.numel() < size or room.dtype != dtype:
            room = self._room[name] = torch.empty(size, dtype=dtype)
        return room[:size].view(*shape)


def sine_features(
    points: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor], omega: float, tape: SineTape
) -> Tensor:
    """``h_k = sin(omega (h_{k-1} W_k + b_k))`` for a stack of networks; differentiable in weights and biases.

    Args:
        points: ``(S, N, d)`` on the CPU; takes no gradient.
        weights: per layer ``(S, in, out)``.
        biases: per layer ``(S, 1, out)``.
        omega: frequency of every layer.
        tape: kept by the caller from step to step.

    Returns:
        ``(S, N, out)`` the last layer's sines, in the dtype of the points.

    Raises:
        RuntimeError: the backward pass comes after another forward pass has taken the tape.

    Example:
        >>> w, b = torch.randn(1, 2, 8, requires_grad=True), torch.zeros(1, 1, 8)
        >>> sine_features(torch.zeros(1, 5, 2), [w], [b], 30.0, SineTape()).shape
        torch.Size([1, 5, 8])
    """
    features: Tensor = _SineFeatures.apply(points, omega, tape, *weights, *biases)  # type: ignore[no-untyped-call]
    return features


def is_taped(points: Tensor, activations: Iterable[nn.Module]) -> bool:
    """Whether :func:`sine_features` is meant for these: sines, all of them, on a CPU."""
    return points.device.type == "cpu" and all(isinstance(activation, Sine) for activation in activations)


def encoded(encoder: nn.Sequential, points: Tensor, tape: SineTape) -> Tensor:
    """A Siren's encoder at points ``(1, N, d)``: its features ``(1, N, C)``, by way of the tape where that is meant.

    Elsewhere the encoder runs as it is, its products in bfloat16 if the tape says so.
    """
    pairs = [list(layer.children()) for layer in encoder]
    if not is_taped(points, [pair[-1] for pair in pairs if pair]) or not all(pairs):
        with torch.autocast(points.device.type, torch.bfloat16, enabled=tape.half):
            return encoder(points)
    linears: list[nn.Linear] = [linear for linear, _ in pairs]  # type: ignore[misc]
    omega = float(pairs[0][1].omega)  # type: ignore[arg-type]
    weights = [linear.weight.T[None] for linear in linears]  # (1, in, out)
    return sine_features(points, weights, [linear.bias[None, None] for linear in linears], omega, tape)


def _tiles(points: Tensor) -> Iterator[tuple[int, slice]]:
    """Every tile of every network of the stack."""
    for s in range(points.shape[0]):
        for start in range(0, points.shape[1], TILE):
            yield s, slice(start, min(start + TILE, points.shape[1]))


class _SineFeatures(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, points: Tensor, omega: float, tape: SineTape, *parameters: Tensor) -> Tensor:
        layers = len(parameters) // 2
        dtype = torch.bfloat16 if tape.half else points.dtype
        stack, count = points.shape[:2]
        scaled = [(omega * w).to(dtype if k else points.dtype) for k, w in enumerate(parameters[:layers])]
        shifts = [(omega * b) for b in parameters[layers:]]
        widths = [w.shape[2] for w in scaled]
        shapes = [(stack, count, width) for width in widths]
        out = points.new_empty(shapes[-1])
        sines = [tape.take(f"sine {k}", shape, dtype) for k, shape in enumerate(shapes[:-1])]
        cosines = [tape.take(f"cosine {k}", shape, dtype) for k, shape in enumerate(shapes)]
        for s, tile in _tiles(points):
            h = points[s, tile]
            for k in range(layers):
                z = tape.take("argument", (len(h), widths[k]), points.dtype)
                if h.dtype == z.dtype:
                    torch.addmm(shifts[k][s], h, scaled[k][s], out=z)
                else:  # products of bfloat16; the bias is added in float32
                    torch.add(torch.mm(h, scaled[k][s], out=tape.take("product", z.shape, dtype)), shifts[k][s], out=z)
                sine = out[s, tile] if k == layers - 1 else sines[k][s, tile]
                if tape.half:
                    cosines[k][s, tile].copy_(torch.cos(z, out=tape.take("rounded", z.shape, z.dtype)))
                    sine.copy_(torch.sin_(z))
                else:
                    torch.cos(z, out=cosines[k][s, tile])
                    torch.sin(z, out=sine)
                h = sine
        tape.passes += 1
        ctx.tape, ctx.passes, ctx.omega, ctx.scaled = tape, tape.passes, omega, scaled
        ctx.sines, ctx.cosines = sines, cosines
        ctx.save_for_backward(points)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (points,), tape, scaled = ctx.saved_tensors, ctx.tape, ctx.scaled
        if tape.passes != ctx.passes:
            raise RuntimeError("another forward pass has taken the tape: give every pass that waits one of its own")
        layers, dtype = len(scaled), scaled[-1].dtype
        wanted = [k for k in range(layers) if ctx.needs_input_grad[3 + k] or ctx.needs_input_grad[3 + layers + k]]
        deepest = wanted[0] if wanted else layers
        for_weights: list[Tensor | None] = [None] * layers
        for_biases: list[Tensor | None] = [None] * layers
        for k in wanted:
            for_weights[k] = torch.zeros(scaled[k].shape, dtype=points.dtype)
            for_biases[k] = torch.zeros((len(points), 1, scaled[k].shape[2]), dtype=points.dtype)
        for s, tile in _tiles(points):
            g = gradients[0][s, tile]
            for k in range(layers - 1, deepest - 1, -1):
                cosine = ctx.cosines[k][s, tile]
                d = tape.take("derivative", g.shape, dtype)
                torch.mul(g, cosine, out=d)
                h = ctx.sines[k - 1][s, tile] if k else points[s, tile].to(dtype)
                for_weight, for_bias = for_weights[k], for_biases[k]
                if for_weight is not None and for_bias is not None:
                    if dtype == points.dtype:
                        for_weight[s].addmm_(h.T, d)
                    else:  # sums of tiles in float32
                        for_weight[s].add_(torch.mm(h.T, d))
                    for_bias[s].add_(d.sum(0, dtype=points.dtype))
                if k > deepest:
                    g = torch.mm(d, scaled[k][s].T, out=tape.take("gradient", h.shape, dtype))
        pieces = (*for_weights, *for_biases)
        return None, None, None, *(None if piece is None else piece.mul_(ctx.omega) for piece in pieces)
