# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Sine layers that keep only arguments: what they keep, and what they leave as it was.

That they are the function of their plain twin, with its gradient, is tested beside the taped ones.
"""

from __future__ import annotations

import torch
from networks.test_sine_layers_cpu import layers, twin

from monai_strainer.networks import Siren, SirenStack
from monai_strainer.networks.sine_layers_cuda import recomputed_features


def test_without_a_gradient_the_values_are_the_same() -> None:
    weights, biases = layers(2, [3, 8, 5])
    points = torch.rand(2, 11, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        alone = recomputed_features(points, weights, biases, 2.0)
    torch.testing.assert_close(alone, recomputed_features(points, weights, biases, 2.0).detach(), rtol=0, atol=0)


def test_coordinates_are_not_rounded_in_half_precision() -> None:
    weights, biases = layers(1, [2, 16], torch.float32)
    points = torch.rand(1, 300, 2, generator=torch.Generator().manual_seed(1))
    near, exact = recomputed_features(points, weights, biases, 30.0, half=True), twin(points, weights, biases, 30.0)
    torch.testing.assert_close(near, exact, atol=1e-5, rtol=0)


def test_one_block_per_layer_is_kept() -> None:
    weights, biases = layers(1, [2, 32, 32, 32], torch.float32)
    kept: dict[int, int] = {}

    def keep(x: torch.Tensor) -> torch.Tensor:
        kept[x.untyped_storage().data_ptr()] = x.numel() if x.shape[1:2] == (500,) else 0
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        recomputed_features(torch.rand(1, 500, 2), weights, biases, 3.0)
    assert sum(kept.values()) == 500 * (2 + 3 * 32)


def test_a_setting_of_products_is_left_as_it_was() -> None:
    before = torch.backends.cuda.matmul.fp32_precision
    weights, biases = layers(1, [2, 4, 4])
    recomputed_features(torch.rand(1, 3, 2, dtype=torch.float64), weights, biases, 3.0).sum().backward()
    assert torch.backends.cuda.matmul.fp32_precision == before


def test_a_stack_away_from_the_cpu_takes_this_way() -> None:
    stack = SirenStack(Siren(2, hidden_channels=8).to("meta"), 2)
    out = stack(torch.empty(2, 5, 2, device="meta"))
    assert out.shape == (2, 5, 1) and out.device.type == "meta"
    out.sum().backward()
    assert all(p.grad is not None for p in stack.parameters())
