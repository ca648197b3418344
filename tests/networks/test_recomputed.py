# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Sine layers that keep only arguments are the function of their plain twin, with its gradient."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks.test_fused import gradients, layers, twin

from monai_strainer.networks import Siren, SirenStack
from monai_strainer.networks.recomputed import recomputed_features


@given(st.integers(1, 3), st.integers(1, 40), st.lists(st.integers(1, 9), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_values_and_gradients_are_the_twin_s(stack: int, count: int, widths: list[int]) -> None:
    weights, biases = layers(stack, [2, *widths])
    points = torch.linspace(-1, 1, stack * count * 2, dtype=torch.float64).reshape(stack, count, 2)
    ours, theirs = recomputed_features(points, weights, biases, 7.0), twin(points, weights, biases, 7.0)
    torch.testing.assert_close(ours, theirs)
    for mine, other in zip(gradients(ours, [*weights, *biases]), gradients(theirs, [*weights, *biases])):
        torch.testing.assert_close(mine, other)


def test_without_a_gradient_the_values_are_the_same() -> None:
    weights, biases = layers(2, [3, 8, 5])
    points = torch.rand(2, 11, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        alone = recomputed_features(points, weights, biases, 2.0)
    torch.testing.assert_close(alone, recomputed_features(points, weights, biases, 2.0).detach(), rtol=0, atol=0)


def test_half_precision_stays_near() -> None:
    weights, biases = layers(1, [2, 64, 64, 64], torch.float32)
    points = torch.rand(1, 300, 2, generator=torch.Generator().manual_seed(1))
    near, exact = recomputed_features(points, weights, biases, 2.0, half=True), twin(points, weights, biases, 2.0)
    assert 0 < float((near - exact).detach().abs().max()) < 0.05 and near.dtype == torch.float32
    ours, theirs = gradients(near, weights), gradients(exact, weights)
    assert all(float((a - b).norm() / b.norm()) < 0.02 for a, b in zip(ours, theirs))


def test_coordinates_are_not_rounded_in_half_precision() -> None:
    weights, biases = layers(1, [2, 16], torch.float32)
    points = torch.rand(1, 300, 2, generator=torch.Generator().manual_seed(1))
    near, exact = recomputed_features(points, weights, biases, 30.0, half=True), twin(points, weights, biases, 30.0)
    torch.testing.assert_close(near, exact, atol=1e-5, rtol=0)


@pytest.mark.parametrize("frozen", [0, 1, 2, 3])
def test_frozen_layers_take_no_gradient_and_change_no_other(frozen: int) -> None:
    weights, biases = layers(2, [2, 6, 6, 6])
    points = torch.rand(2, 11, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    whole = gradients(twin(points, weights, biases, 3.0), weights)
    for parameter in [*weights[:frozen], *biases[:frozen]]:
        parameter.requires_grad_(False)
    out = recomputed_features(points, weights, biases, 3.0)
    assert out.requires_grad == (frozen < 3)
    if frozen < 3:
        for mine, theirs in zip(gradients(out, weights[frozen:]), whole[frozen:]):
            torch.testing.assert_close(mine, theirs)


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
