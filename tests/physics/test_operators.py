# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws every operator obeys: adjoint, data step, composition, restriction to some rows."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from monai_strainer.errors import InputError
from monai_strainer.physics import (
    Blur,
    Composition,
    Downsample,
    Identity,
    KSpaceCrop,
    KSpaceLines,
    Mask,
    Operator,
    SliceProfile,
)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def some_mask(*shape: int) -> Tensor:
    return (draw(*shape, seed=9) > 0).float()


OPERATORS: dict[str, Operator] = {
    "identity": Identity((9, 8)),
    "downsample": Downsample((12, 9), (2, 2.3)),
    "downsample one axis of three": Downsample((10, 6, 7), (4, 1, 1)),
    "downsample all three": Downsample((10, 6, 7), (2, 3, 1.4)),
    "blur": Blur((9, 8), (2.5, 0)),
    "kspace": KSpaceCrop((12, 9), (2, 1.5)),
    "lines": KSpaceLines((9, 8), axis=0, kept=torch.tensor([0, 0, 0, 1, 1, 1, 0, 1, 0])),
    "slices with gaps": SliceProfile((10, 6, 7), axis=0, thickness=3, separation=5),
    "mask": Mask(some_mask(9, 8)),
    "masked blur": Mask(some_mask(9, 8)) @ Blur((9, 8), 2.0),
    "blurred mask in 3-D": Downsample((6, 5, 4), (2, 1, 1)) @ Mask(some_mask(6, 5, 4)),
}


@pytest.fixture(params=OPERATORS, ids=str)
def operator(request: pytest.FixtureRequest) -> Operator:
    return OPERATORS[request.param]


def dense(operator: Operator) -> Tensor:
    """The operator as one (outputs, inputs) matrix."""
    n = torch.Size(operator.shape_in).numel()
    return operator.A(torch.eye(n).reshape(n, *operator.shape_in)).flatten(1).T


@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
def test_adjoint_is_the_transpose(operator: Operator, batch: tuple[int, ...]) -> None:
    x, v = draw(*batch, *operator.shape_in), draw(*batch, *operator.shape_out, seed=1)
    forward, backward = operator(x), operator.adjoint(v)
    assert forward.shape == v.shape and backward.shape == x.shape
    scale = forward.norm() * v.norm()
    assert abs(float((forward * v).sum() - (x * backward).sum())) < 1e-4 * float(scale)


@pytest.mark.parametrize("rho", [0.01, 1.0, torch.tensor([0.1, 10.0])], ids=str)
def test_prox_solves_the_normal_equations(operator: Operator, rho: float | Tensor) -> None:
    z, y = draw(2, *operator.shape_in), draw(2, *operator.shape_out, seed=1)
    x = operator.prox(z, y, rho).flatten(1)
    a = dense(operator).double()
    for k, r in enumerate(torch.as_tensor(rho).expand(2)):
        left = a.T @ a + r * torch.eye(a.shape[1])
        exact = torch.linalg.solve(left, a.T @ y[k].flatten().double() + r * z[k].flatten().double())
        torch.testing.assert_close(x[k].double(), exact, atol=2e-3, rtol=1e-3)


def test_prox_nears_the_data_as_rho_falls() -> None:
    operator = Downsample((12, 8), (2, 1.5))
    z, y = draw(*operator.shape_in), draw(*operator.shape_out, seed=1)
    misfit = [float((operator(operator.prox(z, y, rho)) - y).norm()) for rho in (10.0, 1.0, 0.1, 1e-4)]
    assert misfit == sorted(misfit, reverse=True) and misfit[-1] < 1e-2


def test_conjugate_gradients_do_not_mix_the_images_of_a_batch() -> None:
    operator = OPERATORS["masked blur"]
    z, y = draw(2, *operator.shape_in), draw(2, *operator.shape_out, seed=1)
    y[1] *= 100  # takes other turns
    for rho in (0.01, torch.tensor([0.01, 1e-4])):
        both = operator.prox(z, y, rho)
        alone = operator.prox(z[:1], y[:1], rho if isinstance(rho, float) else rho[:1])
        torch.testing.assert_close(both[:1], alone, atol=1e-6, rtol=1e-6)


def test_restrict_gives_the_same_rows(operator: Operator) -> None:
    for axis in range(len(operator.shape_in)):
        rows = torch.tensor([1, 2]) if operator.shape_out[axis] > 2 else torch.tensor([0])
        part, columns = operator.restrict(rows, axis)
        x = draw(2, *operator.shape_in)
        expected = operator(x).index_select(axis + 1, rows)
        torch.testing.assert_close(part(x.index_select(axis + 1, columns)), expected, atol=1e-6, rtol=1e-5)
        assert part.shape_in[axis] == len(columns) and part.shape_out[axis] == len(rows)


def test_a_mask_after_a_separable_is_a_composition() -> None:
    assert isinstance(OPERATORS["masked blur"], Composition)


def test_operators_follow_their_device_and_keep_double_precision() -> None:
    operator = Downsample((6, 6), 2)
    operator.prox(draw(6, 6), draw(3, 3), 1.0)
    moved = operator.to("meta")
    assert all(b.device.type == "meta" for b in moved.buffers())
    assert Downsample((6, 6), 2)(draw(6, 6).double()).dtype == torch.float64


def test_gradients_pass_through(operator: Operator) -> None:
    x = draw(*operator.shape_in).requires_grad_()
    y = draw(*operator.shape_out, seed=1)
    (operator(x) * y).sum().backward()
    torch.testing.assert_close(x.grad, operator.adjoint(y), atol=1e-5, rtol=1e-4)


def test_an_image_of_another_shape_is_refused(operator: Operator) -> None:
    wrong = (*operator.shape_in[:-1], operator.shape_in[-1] + 1)
    with pytest.raises(InputError) as error:
        operator(draw(*wrong))
    expects = operator.inner.shape_in if isinstance(operator, Composition) else operator.shape_in
    assert str(expects) in str(error.value) and str(wrong) in str(error.value)


def test_shapes_that_do_not_follow_on_are_refused() -> None:
    with pytest.raises(InputError, match=r"\(6, 6\).*\(5, 5\)"):
        Identity((5, 5)) @ Downsample((12, 12), 2)


def test_a_mask_that_is_not_finite_is_refused() -> None:
    with pytest.raises(InputError, match="not finite"):
        Mask(torch.tensor([[1.0, float("nan")]]))


def test_a_mask_of_weights_is_refused() -> None:
    with pytest.raises(InputError, match="other than 0 and 1"):
        Mask(torch.tensor([[1.0, 0.5]]))


def test_rows_that_do_not_exist_are_refused(operator: Operator) -> None:
    with pytest.raises(InputError, match="Name rows that exist"):
        operator.restrict(torch.tensor([operator.shape_out[0]]))


@pytest.mark.parametrize(
    "operator", [Downsample((7, 6), (2, 1.5)), Mask(torch.tensor([[1, 0], [0, 1]])), Identity((3, 4))]
)
def test_what_the_data_leave_open_is_the_diagonal_of_the_posterior(operator: Operator) -> None:
    n, rho = math.prod(operator.shape_in), 0.3
    columns = operator(torch.eye(n).reshape(n, *operator.shape_in)).flatten(1)  # (n, m): rows of A^T
    posterior = rho * torch.linalg.inv(columns @ columns.T + rho * torch.eye(n))
    torch.testing.assert_close(operator.undetermined(rho).flatten(), posterior.diagonal(), atol=1e-5, rtol=1e-4)
