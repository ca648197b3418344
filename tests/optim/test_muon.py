# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of Muon: updates are nearly orthogonal, a stack is a loop, and each weight has one optimiser."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from phantoms import small_siren
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from monai_strainer.networks import SirenStack
from monai_strainer.optim.muon import Muon, _of_square, optimisers, orthogonalise


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@given(st.integers(2, 24), st.integers(2, 24), st.integers(0, 99), st.floats(1e-3, 1e3))
@settings(max_examples=25, deadline=None)
def test_singular_values_come_near_one_whatever_the_scale(m: int, n: int, seed: int, scale: float) -> None:
    left, right = torch.linalg.qr(drawn(m, m, seed=seed))[0], torch.linalg.qr(drawn(n, n, seed=seed + 1))[0]
    s = torch.linspace(0.1, 1, min(m, n))
    matrix = scale * (left[:, : len(s)] * s) @ right[: len(s)]
    values = torch.linalg.svdvals(orthogonalise(matrix))
    assert float(values.min()) > 0.6 and float(values.max()) < 1.3


@pytest.mark.parametrize("shape", [(8, 72), (3, 8, 40), (90, 10)])
@pytest.mark.parametrize("weak", [1.0, 1e-3])
def test_wide_matrices_take_a_shorter_way_to_the_same_update(shape: tuple[int, ...], weak: float) -> None:
    """Also where most singular values are small: there float32 Gram matrices are least exact."""
    matrix = drawn(*shape[:-1], 2) @ drawn(*shape[:-2], 2, shape[-1], seed=1) + weak * drawn(*shape, seed=2)
    x = matrix / torch.linalg.matrix_norm(matrix, keepdim=True)
    slow = _of_square(x.mT, 5).mT if shape[-2] > shape[-1] else _of_square(x, 5)
    assert float((orthogonalise(matrix) - slow).norm() / slow.norm()) < 1e-3


def test_directions_are_kept() -> None:
    matrix = drawn(12, 8)
    u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
    core = u.T @ orthogonalise(matrix) @ vh.T
    assert float((core - core.diagonal().diag()).abs().max()) < 1e-3
    assert float(core.diagonal().min()) > 0


def test_a_transposed_matrix_gives_the_transposed_update() -> None:
    torch.testing.assert_close(orthogonalise(drawn(12, 8).T), orthogonalise(drawn(12, 8)).T)


def test_a_batch_is_a_loop() -> None:
    stack = drawn(5, 9, 6)
    torch.testing.assert_close(orthogonalise(stack), torch.stack([orthogonalise(m) for m in stack]))


def test_no_gradient_means_no_update() -> None:
    assert torch.equal(orthogonalise(torch.zeros(3, 4, 4)), torch.zeros(3, 4, 4))


def test_a_stack_moves_as_each_of_its_matrices_would_alone() -> None:
    start, gradients = drawn(3, 8, 6), [drawn(3, 8, 6, seed=k) for k in (1, 2, 3)]

    def result(weights: Tensor, grads: list[Tensor]) -> Tensor:
        parameter = torch.nn.Parameter(weights.clone())
        muon = Muon([parameter], lr=0.01)
        for grad in grads:
            parameter.grad = grad.clone()
            muon.step()
        return parameter.detach()

    together = result(start, gradients)
    for k in range(3):
        alone = result(start[k : k + 1], [g[k : k + 1] for g in gradients])
        torch.testing.assert_close(together[k : k + 1], alone)


def test_the_rate_is_the_root_mean_square_change_of_a_weight() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1, 32, 32))
    parameter.grad = drawn(1, 32, 32)
    Muon([parameter], lr=0.01).step()
    assert 0.006 < float(parameter.detach().square().mean().sqrt()) < 0.013


def test_muon_goes_downhill() -> None:
    goal, parameter = drawn(1, 8, 8), torch.nn.Parameter(torch.zeros(1, 8, 8))
    muon, losses = Muon([parameter], lr=0.01), []
    for _ in range(160):
        muon.zero_grad()
        loss = (parameter - goal).square().mean()
        loss.backward()
        muon.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.2 * losses[0]


def stepped(shape: tuple[int, ...], seed: int = 0, lr: float = 0.01) -> Tensor:
    """What the first step of Muon adds to a weight."""
    parameter = torch.nn.Parameter(torch.zeros(shape))
    parameter.grad = drawn(*shape, seed=seed)
    Muon([parameter], lr=lr).step()
    return parameter.detach()


@given(st.integers(2, 12), st.integers(2, 12), st.sampled_from([1, 2, 3]), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_a_convolution_is_one_matrix(out: int, into: int, width: int, seed: int) -> None:
    kernel, matrix = stepped((out, into, width, width), seed), torch.nn.Parameter(torch.zeros(out, into * width**2))
    matrix.grad = drawn(out, into, width, width, seed=seed).flatten(1)
    Muon([matrix], lr=0.01).step()
    torch.testing.assert_close(kernel.flatten(1), matrix.detach())


@pytest.mark.parametrize("shape", [(8, 8, 3, 3), (16, 8, 2, 2), (24, 4, 1, 1), (8, 48, 3, 3)])
def test_the_update_of_a_kernel_has_nearly_equal_singular_values_and_the_root_mean_square_asked_for(
    shape: tuple[int, ...],
) -> None:
    change = stepped(shape)
    values = torch.linalg.svdvals(change.flatten(1)) / (0.01 * max(shape[0], change[0].numel()) ** 0.5)
    assert float(values.min()) > 0.6 and float(values.max()) < 1.3
    assert float(change.square().mean().sqrt()) == pytest.approx(0.01, rel=0.25)


def test_kernels_go_against_their_gradient() -> None:
    assert float((stepped((8, 6, 3, 3)) * drawn(8, 6, 3, 3)).sum()) < 0


def test_kernels_learn_a_filter() -> None:
    goal, image = drawn(4, 2, 3, 3), drawn(1, 2, 16, 16, seed=1)
    wanted = torch.nn.functional.conv2d(image, goal)
    kernel, losses = torch.nn.Parameter(torch.zeros(4, 2, 3, 3)), []
    muon = Muon([kernel], lr=0.03)
    for _ in range(120):
        muon.zero_grad()
        loss = (torch.nn.functional.conv2d(image, kernel) - wanted).square().mean()
        loss.backward()
        muon.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.1 * losses[0]


@pytest.mark.parametrize("depth", [None, 0, 1, 2, 3])
@pytest.mark.parametrize("kind", ["adam", "muon"])
def test_every_trained_weight_has_one_optimiser_and_no_frozen_one_has(kind: str, depth: int | None) -> None:
    stack = SirenStack(small_siren(layers=4), 2)
    stack.freeze(depth)
    held = [id(p) for engine in optimisers(stack, kind, 1e-4, 1e-3) for g in engine.param_groups for p in g["params"]]
    assert sorted(held) == sorted(id(p) for p in stack.parameters() if p.requires_grad)


def test_muon_takes_the_hidden_matrices_and_adam_the_rest() -> None:
    stack = SirenStack(small_siren(layers=4), 2)
    muon, adam = optimisers(stack, "muon", 1e-4, 1e-3)
    assert isinstance(muon, Muon) and isinstance(adam, torch.optim.Adam)
    assert [id(p) for p in muon.param_groups[0]["params"]] == [id(w) for w in list(stack.weights)[1:-1]]
    assert (muon.param_groups[0]["lr"], adam.param_groups[0]["lr"]) == (1e-4, 1e-3)


def test_under_muon_the_head_alone_is_trained_at_the_rate_of_heads() -> None:
    stack = SirenStack(small_siren(layers=4), 2)
    stack.freeze(3)
    (adam,) = optimisers(stack, "muon", 1e-4, 1e-3)
    assert adam.param_groups[0]["lr"] == 1e-3


@pytest.mark.parametrize("depth", [0, 3])
def test_an_optimiser_that_does_not_exist_is_refused(depth: int) -> None:
    stack = SirenStack(small_siren(layers=4), 2)
    stack.freeze(depth)
    with pytest.raises(ValueError, match="'sgd'"):
        optimisers(stack, "sgd", 1e-4, 1e-3)


class Zeros(TorchDispatchMode):
    """Counts tensors of zeros."""

    made = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.made += "zeros" in func.name()
        return func(*args, **(kwargs or {}))


def test_momentum_is_made_once_and_adds_up_as_written() -> None:
    weight, grads = torch.nn.Parameter(drawn(2, 6, 5)), [drawn(2, 6, 5, seed=k) for k in (1, 2, 3)]
    muon, expected, momentum = Muon([weight], lr=0.01), weight.detach().clone(), torch.zeros(2, 6, 5)
    counts = []
    for grad in grads:
        weight.grad = grad.clone()
        with Zeros() as zeros:
            muon.step()
        counts.append(zeros.made)
        momentum.mul_(0.95).add_(grad)
        expected.add_(orthogonalise(grad + 0.95 * momentum), alpha=-0.01 * 6**0.5)
        assert torch.equal(weight.detach(), expected)
    assert counts == [1, 0, 0]
