# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The data step with a noise map: the dense solution, the exact step it generalises, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from monai_strainer.errors import InputError
from monai_strainer.fitting.data_consistency import krige_varying, matern
from monai_strainer.physics import Downsample, Identity, Separable

OPERATORS = [Identity((10, 9)), Downsample((10, 9), 1.5), Downsample((10, 9), 2)]


def drawn(operator: Separable, slices: int = 2) -> tuple[Tensor, Tensor]:
    """Residuals (S, h, w) and a map of noise variances from 1 % to 5 %."""
    g = torch.Generator().manual_seed(0)
    shape = (slices, *operator.shape_out)
    return 0.1 * torch.randn(shape, generator=g), (0.01 + 0.04 * torch.rand(shape, generator=g)).square()


def factors(operator: Separable, length: float) -> list[Tensor]:
    return [matern(n, length * n / m) for n, m in zip(operator.shape_in, operator.shape_out)]


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda op: str(op.shape_out))
@pytest.mark.parametrize("length", [1.0, 3.0])
def test_it_is_the_dense_solution(operator: Separable, length: float) -> None:
    residual, s2 = drawn(operator)
    rows, columns = (f @ f.T for f in factors(operator, length))
    K = 0.01 * torch.kron(rows, columns)
    dense = operator.A(torch.eye(K.shape[0]).reshape(-1, *operator.shape_in)).flatten(1).T.double()  # (h w, H W)
    for k in range(2):
        z = torch.linalg.solve(dense @ K @ dense.T + s2[k].flatten().double().diag(), residual[k].flatten().double())
        exact = (K @ dense.T @ z).reshape(operator.shape_in)
        found = krige_varying(operator, length, 0.01, residual, s2)[k]
        torch.testing.assert_close(found.double(), exact, atol=2e-4, rtol=0)


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda op: str(op.shape_out))
def test_a_constant_map_gives_the_exact_separable_step(operator: Separable) -> None:
    residual, _ = drawn(operator)
    roots, sigma2, v = factors(operator, 2.0), 0.02**2, torch.tensor([0.01, 0.03])
    coloured = Separable([f if m is None else m.double() @ f for m, f in zip(operator.matrices, roots)])
    exact = Separable(roots).A(coloured.prox(torch.zeros(2, *operator.shape_in), residual, sigma2 / v))
    found = krige_varying(operator, 2.0, v, residual, torch.full_like(residual, sigma2))
    torch.testing.assert_close(found, exact, atol=2e-4, rtol=0)


def test_each_slice_stands_for_itself() -> None:
    residual, s2 = drawn(OPERATORS[2], 3)
    together = krige_varying(OPERATORS[2], 2.0, 0.01, residual, s2)
    alone = krige_varying(OPERATORS[2], 2.0, 0.01, residual[1:2], s2[1:2])
    torch.testing.assert_close(together[1:2], alone, atol=2e-4, rtol=0)


def test_sixty_turns_are_enough_at_the_size_of_a_scan() -> None:
    operator = Downsample((96, 80), 2)
    residual, s2 = drawn(operator, 1)
    early = krige_varying(operator, 4.0, 0.01, residual, s2)
    few = krige_varying(operator, 4.0, 0.01, residual, s2, iterations=30)
    late = krige_varying(operator, 4.0, 0.01, residual, s2, iterations=1000, tolerance=1e-6)
    assert float((early - late).norm() / late.norm()) < 0.001
    assert float((few - late).norm() / late.norm()) < 0.01


def test_a_constant_map_takes_one_turn() -> None:
    residual, _ = drawn(OPERATORS[1])
    s2 = torch.full_like(residual, 4e-4)
    one, many = (krige_varying(OPERATORS[1], 2.0, 0.01, residual, s2, iterations=n) for n in (1, 60))
    torch.testing.assert_close(one, many, atol=1e-5, rtol=0)


def test_noisy_voxels_say_little() -> None:
    residual, s2 = torch.ones(1, 8, 8), torch.full((1, 8, 8), 1e-4)
    s2[..., :4] = 1e4
    found = krige_varying(Identity((8, 8)), 1.0, 1.0, residual, s2)
    assert float(found[..., 6:].min()) > 0.9
    assert float(found[..., 0].abs().max()) < 0.2


def test_a_map_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match=r"\(1, 3, 3\).*\(1, 4, 4\)"):
        krige_varying(Identity((4, 4)), 2.0, 1.0, torch.ones(1, 4, 4), torch.ones(1, 3, 3))


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_a_variance_that_is_not_above_zero_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="not above 0"):
        krige_varying(Identity((4, 4)), 2.0, 1.0, torch.ones(1, 4, 4), torch.full((1, 4, 4), value))
