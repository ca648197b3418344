# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of separable operators: they compose to one, hold no matrix for an axis left alone, and their step is exact."""

from __future__ import annotations

import torch
from torch import Tensor

from monai_strainer.physics import (
    Blur,
    Downsample,
    Identity,
    KSpaceCrop,
    Mask,
    Operator,
    Separable,
)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def some_mask(*shape: int) -> Tensor:
    return (draw(*shape, seed=9) > 0).float()


def test_prox_of_a_separable_operator_agrees_with_conjugate_gradients() -> None:
    operator = KSpaceCrop((12, 10, 6), (3, 2, 1))
    z, y = draw(2, *operator.shape_in), draw(2, *operator.shape_out, seed=1)
    slow = Operator.prox(operator, z, y, 0.1)
    torch.testing.assert_close(operator.prox(z, y, 0.1), slow, atol=1e-4, rtol=1e-3)


def test_restrict_reads_no_more_than_the_rows_see() -> None:
    _, columns = Downsample((20, 4), (5, 1)).restrict(torch.tensor([1]))
    assert columns.tolist() == [5, 6, 7, 8, 9]


def test_separable_after_separable_is_one_separable() -> None:
    outer, inner = Downsample((10, 8), (2, 1)), Blur((10, 8), (3, 2))
    both = outer @ inner
    x = draw(2, 10, 8)
    assert isinstance(both, Separable)
    torch.testing.assert_close(both(x), outer(inner(x)), atol=1e-6, rtol=1e-5)


def test_identity_vanishes_in_compositions() -> None:
    mask, identity = Mask(some_mask(4, 4)), Identity((4, 4))
    assert mask @ identity is mask and identity @ mask is mask


def test_axes_left_alone_hold_no_matrix() -> None:
    operator = Downsample((100, 100, 30), (1, 1, 3))
    assert [m is None for m in operator.matrices] == [True, True, False]
    assert Separable([torch.eye(4), torch.eye(5)]).is_identity


def test_a_data_step_first_taken_in_inference_serves_training_later() -> None:
    operator, z, y = Downsample((6, 6), 2), draw(6, 6).requires_grad_(), draw(3, 3)
    with torch.inference_mode():
        operator.prox(z, y, 1.0)
    operator.prox(z, y, 1.0).sum().backward()
    assert z.grad is not None
