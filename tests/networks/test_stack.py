# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the stack: it is a loop over single networks, only faster."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from phantoms import small_siren
from torch import Tensor

from monai_strainer.networks import Siren, SirenStack, stable_rank


def places(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def member(stack: SirenStack, siren: Siren, k: int) -> Siren:
    """Copy ``k`` of the stack as a network of its own."""
    net = copy.deepcopy(siren)
    linears = [layer[0] for layer in net.encoder if isinstance(layer, torch.nn.Sequential)] + [net.readout]
    with torch.no_grad():
        for linear, weight, bias in zip(linears, stack.weights, stack.biases, strict=True):
            linear.weight.copy_(weight[k].T)
            linear.bias.copy_(bias[k, 0])
    return net


def test_every_copy_starts_as_the_network() -> None:
    siren, points = small_siren(), places(3, 20, 3)
    images = SirenStack(siren, 3)(points)
    for k in range(3):
        torch.testing.assert_close(images[k], siren(points[k].T[None])[0].T)


def test_a_stack_of_different_copies_is_a_loop_over_them() -> None:
    siren, points = small_siren(), places(4, 20, 3)
    stack = SirenStack(siren, 4)
    with torch.no_grad():
        for parameter in stack.parameters():
            parameter.add_(0.01 * drawn(*parameter.shape))
    for k in range(4):
        alone = member(stack, siren, k)
        torch.testing.assert_close(stack(points)[k], alone(points[k].T[None])[0].T, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(
            stack.features(points)[k], alone(points[k].T[None], features=True)[0].T, atol=1e-5, rtol=1e-4
        )


def test_the_gradient_of_a_copy_is_its_own() -> None:
    stack, points = SirenStack(small_siren(), 3), places(3, 20, 3)
    stack(points)[1].square().sum().backward()
    for parameter in stack.parameters():
        assert parameter.grad is not None
        assert [bool(g.abs().sum() > 0) for g in parameter.grad] == [False, True, False]


def test_training_a_stack_never_changes_the_network() -> None:
    siren = small_siren()
    before = copy.deepcopy(siren.state_dict())
    stack = SirenStack(siren, 2)
    stack(places(2, 9, 3)).sum().backward()
    with torch.no_grad():
        for parameter in stack.parameters():
            parameter.sub_(parameter.grad)
    assert all(torch.equal(value, before[name]) for name, value in siren.state_dict().items())


def test_a_stack_made_in_inference_can_be_trained() -> None:
    with torch.inference_mode():
        siren = small_siren()
    SirenStack(siren, 2)(places(2, 9, 3)).sum().backward()


def test_readouts_are_weights_then_bias() -> None:
    stack, points, readouts = SirenStack(small_siren(), 3), places(3, 20, 3), drawn(3, 1, 17)
    stack.set_readouts(readouts)
    phi = stack.features(points)  # (S, N, C)
    expected = torch.einsum("soc,snc->sno", readouts[..., :-1], phi) + readouts[:, None, :, -1]
    torch.testing.assert_close(stack(points), expected)


def trained(stack: SirenStack) -> list[bool]:
    assert [w.requires_grad for w in stack.weights] == [b.requires_grad for b in stack.biases]
    return [w.requires_grad for w in stack.weights]


def test_nothing_is_frozen_by_default() -> None:
    stack = SirenStack(small_siren(), 2)
    assert stack.freeze(None) == 0
    assert all(trained(stack))


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_a_number_freezes_so_many_first_layers(depth: int) -> None:
    stack = SirenStack(small_siren(layers=4), 2)
    assert stack.freeze(depth) == depth
    assert trained(stack) == [k >= depth for k in range(4)]


@pytest.mark.parametrize("best", [1, 2, 3])
def test_auto_freezes_up_to_the_hidden_layer_of_highest_stable_rank(best: int) -> None:
    stack = SirenStack(small_siren(layers=5), 2)
    with torch.no_grad():
        for k in range(1, 4):
            stack.weights[k].copy_(torch.ones(16, 16) if k != best else torch.eye(16))
    depth = stack.freeze("auto")
    assert depth == best
    assert trained(stack) == [k >= depth for k in range(5)]


def test_auto_freezes_nothing_where_there_is_no_hidden_matrix() -> None:
    stack = SirenStack(small_siren(layers=2), 2)
    assert stack.freeze("auto") == 0


@pytest.mark.parametrize("depth", [-1, 4, "all", 1.5])
def test_freezing_more_than_there_is_or_another_word_is_refused(depth: object) -> None:
    with pytest.raises(ValueError, match="freeze must be None"):
        SirenStack(small_siren(layers=4), 2).freeze(depth)  # type: ignore[arg-type]


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 99), st.floats(0.1, 10))
@settings(max_examples=25, deadline=None)
def test_stable_rank_lies_between_one_and_the_rank_and_ignores_scale(m: int, n: int, seed: int, scale: float) -> None:
    weight = drawn(m, n, seed=seed)
    rank = float(stable_rank(weight))
    assert 1 - 1e-4 <= rank <= min(m, n) + 1e-3
    assert float(stable_rank(scale * weight)) == pytest.approx(rank, rel=1e-3)


def test_stable_rank_of_an_outer_product_is_one() -> None:
    assert float(stable_rank(torch.outer(drawn(5), drawn(7, seed=1)))) == pytest.approx(1, abs=1e-4)
