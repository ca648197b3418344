# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The fast sine layers, of a CPU and of accelerators, and their plain twin are one function with one gradient."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import monai_strainer.networks.sine_layers_cpu as fused
from monai_strainer.networks import SineTape, sine_features
from monai_strainer.networks.sine_layers_cuda import recomputed_features

Features = Callable[..., Tensor]


def layers(stack: int, widths: list[int], dtype: torch.dtype = torch.float64) -> tuple[list[Tensor], list[Tensor]]:
    generator = torch.Generator().manual_seed(0)
    pairs = list(itertools.pairwise(widths))
    weights = [(torch.rand(stack, a, b, generator=generator, dtype=dtype) - 0.5) / 3 for a, b in pairs]
    biases = [torch.rand(stack, 1, b, generator=generator, dtype=dtype) - 0.5 for _, b in pairs]
    return [w.requires_grad_() for w in weights], [b.requires_grad_() for b in biases]


def twin(points: Tensor, weights: list[Tensor], biases: list[Tensor], omega: float) -> Tensor:
    """The same as everyone writes it."""
    h = points
    for w, b in zip(weights, biases):
        h = torch.sin(omega * (h @ w + b))
    return h


def taped(points: Tensor, weights: list[Tensor], biases: list[Tensor], omega: float, half: bool = False) -> Tensor:
    return sine_features(points, weights, biases, omega, SineTape(half))


WAYS = pytest.mark.parametrize("features", [taped, recomputed_features])


def gradients(h: Tensor, parameters: list[Tensor]) -> list[Tensor]:
    force = torch.cos(torch.arange(h.numel(), dtype=h.dtype)).reshape(h.shape)
    return list(torch.autograd.grad((h * force).sum(), parameters))


@WAYS
@given(
    stack=st.integers(1, 3),
    count=st.integers(1, 40),
    widths=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    tile=st.integers(1, 50),
)
@settings(max_examples=40, deadline=None)
def test_values_and_gradients_are_the_twin_s(
    features: Features, stack: int, count: int, widths: list[int], tile: int
) -> None:
    weights, biases = layers(stack, [2, *widths])
    points = torch.linspace(-1, 1, stack * count * 2, dtype=torch.float64).reshape(stack, count, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fused, "TILE", tile)
        fast = features(points, weights, biases, 7.0)
        ours = gradients(fast, [*weights, *biases])
    slow = twin(points, weights, biases, 7.0)
    torch.testing.assert_close(fast, slow)
    for mine, theirs in zip(ours, gradients(slow, [*weights, *biases])):
        torch.testing.assert_close(mine, theirs)


@WAYS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_without_a_gradient_are_the_twin_s(features: Features, dtype: torch.dtype) -> None:
    weights, biases = layers(2, [3, 40, 24], dtype)
    points = torch.rand(2, 5000, 3, dtype=dtype, generator=torch.Generator().manual_seed(3))  # more than one tile
    with torch.no_grad():
        alone = features(points, weights, biases, 2.0)
    learning = features(points, weights, biases, 2.0)
    exact = twin(
        *(t.double() if torch.is_tensor(t) else [u.double() for u in t] for t in (points, weights, biases)), 2.0
    )
    for mine in (alone, learning):
        assert float((mine.double() - exact).detach().abs().max()) < (1e-10 if dtype == torch.float64 else 2e-5)


@WAYS
def test_half_precision_stays_near(features: Features) -> None:
    weights, biases = layers(1, [2, 64, 64, 64], torch.float32)
    points = torch.rand(1, 300, 2, generator=torch.Generator().manual_seed(1))
    near = features(points, weights, biases, 2.0, half=True)
    exact = twin(points, weights, biases, 2.0)
    assert 0 < float((near - exact).detach().abs().max()) < 0.05 and near.dtype == torch.float32
    ours, theirs = gradients(near, weights), gradients(exact, weights)
    assert all(float((a - b).norm() / b.norm()) < 0.02 for a, b in zip(ours, theirs))


def test_a_tape_is_used_again_and_again() -> None:
    weights, biases = layers(1, [2, 8, 8])
    tape = SineTape()
    for count in (5, 9, 3):
        points = torch.full((1, count, 2), 0.3, dtype=torch.float64)
        ours = gradients(sine_features(points, weights, biases, 3.0, tape), weights)
        theirs = gradients(twin(points, weights, biases, 3.0), weights)
        assert all(torch.allclose(a, b) for a, b in zip(ours, theirs))


def test_a_pass_whose_tape_was_taken_is_refused() -> None:
    weights, biases = layers(1, [2, 8])
    tape, points = SineTape(), torch.zeros(1, 5, 2, dtype=torch.float64)
    first = sine_features(points, weights, biases, 3.0, tape)
    sine_features(points, weights, biases, 3.0, tape)
    with pytest.raises(RuntimeError, match="another forward pass has taken the tape"):
        first.sum().backward()


@WAYS
@pytest.mark.parametrize("frozen", [0, 1, 2, 3])
def test_frozen_layers_take_no_gradient_and_change_no_other(features: Features, frozen: int) -> None:
    weights, biases = layers(2, [2, 6, 6, 6])
    points = torch.rand(2, 11, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    whole = gradients(twin(points, weights, biases, 3.0), weights)
    for parameter in [*weights[:frozen], *biases[:frozen]]:
        parameter.requires_grad_(False)
    out = features(points, weights, biases, 3.0)
    assert out.requires_grad == (frozen < 3)
    if frozen < 3:
        for mine, theirs in zip(gradients(out, weights[frozen:]), whole[frozen:]):
            torch.testing.assert_close(mine, theirs)


def test_a_copy_has_a_tape_of_its_own() -> None:
    tape = SineTape(half=True)
    block = tape.take("sine", (3, 4), torch.float32)
    twin_tape = copy.deepcopy(tape)
    assert twin_tape.half and twin_tape.take("sine", (3, 4), torch.float32).data_ptr() != block.data_ptr()
    assert tape.take("sine", (2, 4), torch.float32).data_ptr() == block.data_ptr()
