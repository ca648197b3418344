# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Compute sine layers as one step of autograd on a CPU: forward and backward in tiles, in memory that is kept.

Plain PyTorch takes two fresh blocks of ``points x width`` per layer in every step; on a whole slice the machine spends
more time on their first touch than on products. Here tiles are small enough to stay in cache, the activations that the
backward pass needs live on a tape that is reused from step to step, and omega is folded into the weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .sine_layers_cuda import recomputed_features

__all__ = ["SineTape", "encoded", "sine_features"]

TILE = 2048  # points: four blocks of this many by 256 float32 fit a core's part of the last cache


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
        """Return a block of memory by its name; its content is that of the last use, or arbitrary.

        Args:
            name: of the block.
            shape: of the tensor.
            dtype: of the tensor.
        """
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
        points: ``(S, N, d)``; takes no gradient. Where they lie anywhere but on a CPU,
            :func:`monai_strainer.networks.sine_layers_cuda.recomputed_features` does the same.
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
    if points.device.type != "cpu":
        return recomputed_features(points, weights, biases, omega, tape.half)
    if not torch.is_grad_enabled():
        return _sines_alone(points, weights, biases, omega, tape.half)
    features: Tensor = _SineFeatures.apply(points, omega, tape, *weights, *biases)  # type: ignore[no-untyped-call]
    return features


def encoded(encoder: nn.Sequential, points: Tensor, tape: SineTape) -> Tensor:
    """Compute the features of a Siren.

    Args:
        encoder: layers of the Siren without its readout.
        points: ``(1, N, d)`` coordinates.
        tape: memory for the backward pass.

    Returns:
        ``(1, N, C)`` features.
    """
    pairs = [list(layer.children()) for layer in encoder]
    linears: list[nn.Linear] = [linear for linear, _ in pairs]  # type: ignore[misc]
    omega = float(pairs[0][1].omega)  # type: ignore[arg-type]
    weights = [linear.weight.T[None] for linear in linears]  # (1, in, out)
    return sine_features(points, weights, [linear.bias[None, None] for linear in linears], omega, tape)


def _waves(half: Tensor, quotient: Tensor, sine: Tensor, cosine: Tensor) -> None:
    """Sine and cosine of twice an argument, from one tangent: ``2 t / (1 + t^2)`` and ``2 / (1 + t^2) - 1``.

    One tangent and four cheap passes take three quarters of the time of a sine and a cosine.
    """
    t = torch.tan(half, out=half)
    torch.mul(t, t, out=quotient).add_(1).reciprocal_().mul_(2)
    torch.mul(t, quotient, out=sine)
    torch.sub(quotient, 1, out=cosine)


def _tiles(points: Tensor) -> Iterator[tuple[int, slice]]:
    """Every tile of every network of the stack."""
    for s in range(points.shape[0]):
        for start in range(0, points.shape[1], TILE):
            yield s, slice(start, min(start + TILE, points.shape[1]))


def _scaled(weights: Sequence[Tensor], omega: float, first: torch.dtype, others: torch.dtype) -> list[Tensor]:
    """Weights as ``(S, out, in)`` with omega in them; the first layer's products stay as exact as its input."""
    return [(omega * w.mT).to(others if k else first).contiguous() for k, w in enumerate(weights)]


def _sines_alone(
    points: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor], omega: float, half: bool
) -> Tensor:
    """Compute the features where no gradient is asked for: no tape, no cosines."""
    dtype = torch.bfloat16 if half else points.dtype
    scaled = _scaled(weights, omega, points.dtype, dtype)
    shifts = [omega * b[:, 0] for b in biases]
    out = points.new_empty((*points.shape[:2], scaled[-1].shape[1]))
    for s, tile in _tiles(points):
        h = torch.addmm(shifts[0][s], points[s, tile], scaled[0][s].T).sin_()
        for w, b in zip(scaled[1:], shifts[1:]):
            h = (_product(h.to(dtype), w[s]) + b[s]).sin_()
        out[s, tile] = h
    return out


class _SineFeatures(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, points: Tensor, omega: float, tape: SineTape, *parameters: Tensor) -> Tensor:
        layers = len(parameters) // 2
        dtype = torch.bfloat16 if tape.half else points.dtype
        stack, count = points.shape[:2]
        scaled = _scaled(parameters[:layers], omega, points.dtype, dtype)
        halves, shifts = [w / 2 for w in scaled], [omega / 2 * b[:, 0] for b in parameters[layers:]]
        widths = [w.shape[1] for w in scaled]
        out = points.new_empty((stack, count, widths[-1]))
        sines = [tape.take(f"sine {k}", (stack, count, width), dtype) for k, width in enumerate(widths[:-1])]
        cosines = [tape.take(f"cosine {k}", (stack, count, width), dtype) for k, width in enumerate(widths)]
        for s, tile in _tiles(points):
            h = points[s, tile]
            for k in range(layers):
                z = tape.take("argument", (len(h), widths[k]), points.dtype)  # half of it
                if k == 0:
                    torch.addmm(shifts[0][s], h, halves[0][s].T, out=z)
                else:
                    torch.add(_product(h, halves[k][s]), shifts[k][s], out=z)  # float32, whatever the product is in
                sine = out[s, tile] if k == layers - 1 else sines[k][s, tile]
                _waves(z, tape.take("quotient", z.shape, z.dtype), sine, cosines[k][s, tile])
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
        layers, dtype = len(scaled), ctx.cosines[-1].dtype
        wanted = [k for k in range(layers) if ctx.needs_input_grad[3 + k] or ctx.needs_input_grad[3 + layers + k]]
        deepest = wanted[0] if wanted else layers
        for_weights: list[Tensor | None] = [None] * layers
        for_biases: list[Tensor | None] = [None] * layers
        for k in wanted:
            for_weights[k] = torch.zeros(scaled[k].shape, dtype=points.dtype)
            for_biases[k] = torch.zeros(scaled[k].shape[:2], dtype=points.dtype)
        for s, tile in _tiles(points):
            g = gradients[0][s, tile]
            for k in range(layers - 1, deepest - 1, -1):
                # all in one dtype: a mixed product takes thirty times as long
                cosine, d = ctx.cosines[k][s, tile].to(g.dtype), tape.take("derivative", g.shape, dtype)
                d.copy_(g * cosine) if g.dtype != dtype else torch.mul(g, cosine, out=d)
                for_weight, for_bias = for_weights[k], for_biases[k]
                if k == 0:
                    g, weight = d, (points[s, tile].T @ d.to(points.dtype)).T  # the quick order for so few columns
                else:
                    g, weight = _product_backward(
                        d, ctx.sines[k - 1][s, tile], scaled[k][s], k > deepest, for_weight is not None
                    )
                if for_weight is not None and for_bias is not None:  # sums of tiles in float32
                    for_weight[s].add_(weight)
                    for_bias[s].add_(d.to(points.dtype).sum(0))
        weights = [None if piece is None else piece.mul_(ctx.omega).mT for piece in for_weights]
        biases = [None if piece is None else piece.mul_(ctx.omega)[:, None] for piece in for_biases]
        return None, None, None, *weights, *biases


def _row(x: Tensor) -> Tensor:
    """Points ``(N, C)`` as an image ``(1, C, 1, N)`` of one row, without a copy: its pixels are the points."""
    return x[None, None].permute(0, 3, 1, 2)


def _product(h: Tensor, weight: Tensor) -> Tensor:
    """``h W^T``, ``(N, in)`` by ``(out, in)``; in float32 as a convolution of one pixel, which is the same product.

    PyTorch hands convolutions to oneDNN and products of float32 to MKL, which does not use the wide registers of
    processors that are not Intel's: there a convolution takes less than half the time.
    """
    if h.dtype != torch.float32:
        return torch.mm(h, weight.T)
    return torch.conv2d(_row(h), weight[:, :, None, None])[0, :, 0].T


def _product_backward(d: Tensor, h: Tensor, weight: Tensor, for_input: bool, for_weight: bool) -> tuple[Tensor, Tensor]:
    """Gradients of :func:`_product` for ``h`` and ``weight``, those that are wanted, from that of its result ``d``."""
    if h.dtype != torch.float32:
        return torch.mm(d, weight) if for_input else d, torch.mm(d.T, h) if for_weight else weight
    wanted = [for_input, for_weight, False]
    g, w, _ = torch.ops.aten.convolution_backward(
        _row(d), _row(h), weight[:, :, None, None], None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, wanted
    )
    return g[0, :, 0].T if for_input else d, w[:, :, 0, 0] if for_weight else weight
