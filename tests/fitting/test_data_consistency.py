# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the data step: it is Gaussian conditioning, only fast, and its standard deviation holds what it promises."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from monai_strainer.fitting import ErrorField, white_step
from monai_strainer.fitting import data_consistency as kriging
from monai_strainer.fitting.data_consistency import envelope, matern
from monai_strainer.physics import Blur, Composition, Downsample, Identity, KSpaceCrop, Mask, Operator, Separable

SHAPE, LENGTH, VARIANCE = (8, 6), 2.0, 1e-2
OPERATORS = [Identity(SHAPE), Downsample(SHAPE, 2), Downsample(SHAPE, (1.5, 1)), KSpaceCrop(SHAPE, 2), Blur(SHAPE, 2)]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


LONGER = Separable([drawn(11, SHAPE[0]), SHAPE[1]])  # more measurements than unknowns: noise alone explains some


def dense(operator: Operator) -> NDArray[np.float64]:
    """(m, n) matrix of an operator."""
    n = int(np.prod(operator.shape_in))
    return operator.A(torch.eye(n, dtype=torch.float64).reshape(n, *operator.shape_in)).flatten(1).T.numpy()


def covariance(operator: Operator, length: float, variance: float) -> NDArray[np.float64]:
    """(n, n) covariance of the field on the fine grid; its length is in measured voxels."""
    parts = []
    for n, m in zip(operator.shape_in, operator.shape_out):
        t = np.sqrt(3) * np.abs(np.subtract.outer(np.arange(n), np.arange(n))) / (length * n / m)
        parts.append((1 + t) * np.exp(-t))
    return variance * np.kron(parts[0], parts[1])


@pytest.fixture
def one_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Length and strength of the field are given and not chosen, and the same everywhere."""
    monkeypatch.setattr(kriging, "LENGTHS", (LENGTH,))
    monkeypatch.setattr(kriging, "STRENGTHS", (VARIANCE,))
    monkeypatch.setattr(kriging, "_local", lambda surprise, shape: torch.ones(len(surprise), *shape))


@pytest.mark.usefixtures("one_choice")
@pytest.mark.parametrize("sigma", [0.01, 0.1])
@pytest.mark.parametrize("operator", OPERATORS, ids=lambda o: f"{type(o).__name__}{o.shape_out}")
def test_images_and_deviations_are_those_of_gaussian_conditioning(operator: Operator, sigma: float) -> None:
    images = 1 + 0.1 * drawn(2, *SHAPE)
    y = operator.A(images) + 0.1 * drawn(2, *operator.shape_out, seed=1)
    step = ErrorField(operator, y, sigma**2).correct(images)
    a, c = dense(operator), covariance(operator, LENGTH, VARIANCE)
    gain = c @ a.T @ np.linalg.inv(a @ c @ a.T + sigma**2 * np.eye(len(a)))
    for k in range(2):
        x, data = images[k].double().numpy().ravel(), y[k].double().numpy().ravel()
        expected = x + gain @ (data - a @ x)
        np.testing.assert_allclose(step.images[k].flatten(), expected, atol=2e-4)
        std = np.sqrt(np.clip(np.diag(c - gain @ a @ c), 0, None)).reshape(SHAPE)
        np.testing.assert_allclose(step.std[k], std, atol=5e-4)
    assert (step.length.tolist(), step.variance.tolist()) == ([LENGTH] * 2, pytest.approx([VARIANCE] * 2))


@pytest.mark.parametrize("length", [0.7, 1.0, 3.0, 12.0])
@pytest.mark.parametrize("n", [1, 2, 30])
def test_the_factor_of_the_field_gives_its_correlation(n: int, length: float) -> None:
    t = 3**0.5 * (torch.arange(n)[:, None] - torch.arange(n)).abs().double() / length
    torch.testing.assert_close(matern(n, length) @ matern(n, length).T, (1 + t) * torch.exp(-t), atol=2e-6, rtol=0)
    assert torch.equal(matern(n, length), matern(n, length).tril())


@pytest.mark.parametrize("rho", [1e-7, 1e-6, 1e-4, 1e-2, 1.0, 100.0])
@pytest.mark.parametrize("operator", [*OPERATORS, LONGER], ids=lambda o: f"{type(o).__name__}{o.shape_out}")
def test_leaving_one_out_is_predicting_it_from_all_the_others(operator: Separable, rho: float) -> None:
    factors = [matern(n, 2.0) for n in SHAPE]
    matrices = [f if m is None else m.double() @ f for m, f in zip(operator.matrices, factors)]
    coloured = Separable(matrices)
    y = coloured.A(drawn(*SHAPE)) + rho**0.5 * drawn(*operator.shape_out, seed=1)
    missed, variance = coloured.leave_one_out(y, rho)
    a = np.kron(*(m.numpy() for m in matrices))
    k, data = a @ a.T + rho * np.eye(len(a)), y.double().numpy().ravel()
    spread, difference = np.empty(len(a)), np.empty(len(a))
    for i in range(len(a)):
        rest = np.delete(np.arange(len(a)), i)
        weights = np.linalg.solve(k[np.ix_(rest, rest)], k[rest, i])
        difference[i], spread[i] = data[i] - weights @ data[rest], k[i, i] - weights @ k[rest, i]
    np.testing.assert_allclose(variance.expand(operator.shape_out).flatten(), spread, rtol=0.02)
    np.testing.assert_allclose(missed.flatten() / np.sqrt(spread), difference / np.sqrt(spread), atol=0.05)


def test_data_without_noise_come_back() -> None:
    images, y = torch.full((2, 20, 24), 0.5), 0.5 + 0.1 * drawn(2, 20, 24)
    step = ErrorField(Identity((20, 24)), y, 0.0).correct(images)
    torch.testing.assert_close(step.images, y, atol=2e-3, rtol=0)


@pytest.mark.parametrize("operator", [*OPERATORS, Mask(drawn(*SHAPE) > 0)], ids=lambda o: type(o).__name__)
def test_an_image_that_explains_the_data_is_left_alone(operator: Operator) -> None:
    images = 1 + 0.1 * drawn(2, *SHAPE)
    step = ErrorField(operator, operator.A(images), 1e-4).correct(images)
    torch.testing.assert_close(step.images, images, atol=1e-4, rtol=0)


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda o: f"{type(o).__name__}{o.shape_out}")
def test_what_is_added_to_image_and_data_is_added_to_the_result(operator: Operator) -> None:
    images, shift = 1 + 0.1 * drawn(2, *SHAPE), 0.3
    y = operator.A(images) + 0.1 * drawn(2, *operator.shape_out, seed=1)
    one = ErrorField(operator, y, 1e-3).correct(images)
    two = ErrorField(operator, y + operator.A(torch.full(SHAPE, shift)), 1e-3).correct(images + shift)
    torch.testing.assert_close(two.images, one.images + shift, atol=1e-5, rtol=0)
    assert torch.equal(two.length, one.length) and torch.equal(two.variance, one.variance)


@pytest.mark.parametrize("operator", [Identity((24, 20)), Downsample((24, 20), 2)], ids=["denoise", "super-resolve"])
@pytest.mark.parametrize(("length", "variance", "sigma"), [(2.0, 3e-3, 0.02), (1.5, 1e-2, 0.05), (3.0, 1e-2, 0.01)])
def test_ninety_percent_of_the_truth_lies_in_the_interval_of_ninety(
    operator: Separable, length: float, variance: float, sigma: float
) -> None:
    sizes = zip(operator.shape_in, operator.shape_out)
    factors = [matern(n, length * n / m) for n, m in sizes]
    field = variance**0.5 * Separable(factors).A(drawn(24, 24, 20))
    images = torch.ones(24, 24, 20)
    y = operator.A(images + field) + sigma * drawn(24, *operator.shape_out, seed=1)
    step = ErrorField(operator, y, sigma**2).correct(images)
    inside = ((step.images - images - field).abs() < 1.645 * step.std).float().mean()
    assert 0.85 < float(inside) < 0.95


def test_length_and_strength_of_the_field_are_found() -> None:
    factors = [matern(n, 3.0) for n in (40, 40)]
    y = 1 + 0.1 * Separable(factors).A(drawn(6, 40, 40)) + 0.01 * drawn(6, 40, 40, seed=1)
    step = ErrorField(Identity((40, 40)), y, 1e-4).correct(torch.ones(6, 40, 40))
    assert all(2 <= value <= 4 for value in step.length.tolist())
    assert all(2e-3 < value < 5e-2 for value in step.variance.tolist())


def test_a_slice_does_not_depend_on_its_neighbours() -> None:
    operator, images = Downsample((12, 12), 2), 1 + 0.1 * drawn(3, 12, 12)
    y = operator.A(images) + torch.tensor([0.01, 0.1, 0.4])[:, None, None] * drawn(3, 6, 6, seed=1)
    together = ErrorField(operator, y, 1e-4).correct(images)
    for k in range(3):
        alone = ErrorField(operator, y[k : k + 1], 1e-4).correct(images[k : k + 1])
        torch.testing.assert_close(alone.images[0], together.images[k], atol=1e-5, rtol=0)
        torch.testing.assert_close(alone.std[0], together.std[k], atol=1e-5, rtol=0)


@pytest.mark.parametrize("operator", [Mask(drawn(12, 12) > 0), Composition(Mask(drawn(12, 12) > 0), Blur((12, 12), 2))])
def test_operators_that_are_not_separable_get_a_white_field(operator: Operator) -> None:
    images = torch.ones(2, 12, 12)
    y = operator.A(images + 0.1 * drawn(2, 12, 12, seed=1))
    step = ErrorField(operator, y, 1e-6).correct(images)
    assert step.length.tolist() == [0, 0]
    assert (y - operator.A(step.images)).square().mean() < 0.1 * (y - operator.A(images)).square().mean()
    assert torch.isfinite(step.std).all()


@pytest.mark.usefixtures("one_choice")
def test_more_noise_leaves_more_open() -> None:
    operator, images = Downsample((12, 12), 2), torch.ones(1, 12, 12)
    y = operator.A(images + 0.01 * drawn(1, 12, 12))
    spreads = [ErrorField(operator, y, sigma2).correct(images).std.mean() for sigma2 in (1e-6, 1e-4, 1e-2)]
    assert spreads[0] < spreads[1] < spreads[2]


def test_air_is_sure_and_the_head_is_not() -> None:
    images = torch.zeros(1, 40, 40)
    images[:, 10:30, 10:30] = 1
    weight = envelope(images)[0]
    assert float(weight[:4, :4].max()) == pytest.approx(0.1)
    assert float(weight[18:22, 18:22].min()) > 1


def test_the_envelope_does_not_depend_on_the_units() -> None:
    images = drawn(2, 30, 30).abs()
    torch.testing.assert_close(envelope(images), envelope(1000 * images))


def test_the_deviation_is_greater_where_the_measurement_surprises() -> None:
    images = torch.ones(1, 24, 24)
    y = images + torch.cat([0.01 * drawn(1, 24, 12), 0.1 * drawn(1, 24, 12, seed=1)], dim=2)
    std = ErrorField(Identity((24, 24)), y, 1e-4).correct(images).std[0]
    assert std[:, 16:].mean() > 3 * std[:, :8].mean()


def test_the_air_has_no_say_in_length_and_strength() -> None:
    factors = [matern(n, 3.0) for n in (40, 40)]
    head = 1 + 0.1 * Separable(factors).A(drawn(1, 40, 40)) + 0.01 * drawn(1, 40, 40, seed=1)
    y, images = (torch.nn.functional.pad(image, (60, 60, 60, 60)) for image in (head, torch.ones(1, 40, 40)))
    alone = ErrorField(Identity((40, 40)), head, 1e-4).correct(torch.ones(1, 40, 40))
    step = ErrorField(Identity((160, 160)), y, 1e-4).correct(images)
    assert torch.equal(step.length, alone.length) and torch.equal(step.variance, alone.variance)


@pytest.mark.parametrize("least", [0.0, 0.5])
def test_the_white_step_solves_its_normal_equations(least: float) -> None:
    """``x`` minimises ``|A x - y|^2 + rho |x - z|^2``."""
    generator = torch.Generator().manual_seed(0)
    operator = Downsample.onto((12, 12), (6, 6))
    z, y = torch.randn(2, 12, 12, generator=generator), torch.randn(2, 6, 6, generator=generator)
    x = white_step(operator, z, y, 0.1, 0.4, least)
    gradient = operator.adjoint(operator.A(x) - y) + max(0.25, least) * (x - z)
    assert float(gradient.abs().max()) < 1e-5


def test_white_steps_of_one_level_and_of_a_level_per_image_agree() -> None:
    operator, z, y = Downsample.onto((8, 8), (4, 4)), torch.zeros(2, 8, 8), torch.rand(2, 4, 4)
    torch.testing.assert_close(
        white_step(operator, z, y, 0.2, 1.0), white_step(operator, z, y, torch.tensor([0.2, 0.2]), 1.0)
    )
