# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of kriging on the union of samples: the dense posterior mean, and more data never fit worse."""

from __future__ import annotations

from dataclasses import replace

import torch

from monai_strainer.fitting.joint_kriging import JointField, WeightedData
from monai_strainer.physics import Profile

SHAPE = (6, 5, 4)
DEVIATION = torch.linspace(0.5, 1.0, 6)[:, None, None].expand(SHAPE)
FIELD = JointField(SHAPE, (1.5, 1.0, 2.0), DEVIATION)


def stacks(noise: float = 0.05) -> tuple[torch.Tensor, list[WeightedData]]:
    """A draw from the field, and its means along two directions."""
    draw = torch.Generator().manual_seed(0)
    truth = FIELD.draw(draw)
    operators = [Profile()(SHAPE, shape) for shape in ((3, 5, 4), (6, 5, 2))]
    data = [
        WeightedData(A, A.A(truth) + noise * torch.randn(A.shape_out, generator=draw), torch.full((), noise**-2))
        for A in operators
    ]
    return truth, data


def matrix_of(function: object, n: int, shape: tuple[int, ...]) -> torch.Tensor:
    """The matrix of a linear function of images."""
    eye = torch.eye(n)
    return torch.stack([function(eye[k].reshape(shape)).flatten() for k in range(n)], 1)  # type: ignore[operator]


def test_it_is_the_posterior_mean_of_a_gaussian_field() -> None:
    _, data = stacks()
    mean = torch.full(SHAPE, 0.2)
    n = mean.numel()
    smooth = matrix_of(FIELD._smooth, n, SHAPE).double()
    root = DEVIATION.flatten()[:, None].double() * smooth
    covariance = root @ root.T
    A = torch.cat([matrix_of(one.operator.A, n, SHAPE) for one in data]).double()
    y = torch.cat([one.y.flatten() for one in data]).double()
    gain = covariance @ A.T @ torch.linalg.inv(A @ covariance @ A.T + 0.05**2 * torch.eye(len(y)).double())
    wanted = mean.flatten().double() + gain @ (y - A @ mean.flatten().double())
    found = FIELD.correct(mean, data, steps=200)
    assert torch.allclose(found.flatten().double(), wanted, atol=0.05)  # it stops at a relative residual of 1e-3


def test_two_stacks_say_more_than_one() -> None:
    truth, data = stacks()
    errors = [
        float((FIELD.correct(torch.zeros(SHAPE), some, steps=100) - truth).square().mean())
        for some in (data, data[:1], data[1:])
    ]
    assert errors[0] < 0.8 * min(errors[1:])


def test_several_images_are_corrected_together_as_each_alone() -> None:
    _, data = stacks()
    means = torch.stack([torch.full(SHAPE, 0.2), torch.zeros(SHAPE)])
    scaled = [WeightedData(one.operator, torch.stack([one.y, 1e3 * one.y]), one.weight) for one in data]
    alone = [FIELD.correct(means[0], data), FIELD.correct(means[1], [replace(one, y=1e3 * one.y) for one in data])]
    together = FIELD.correct(means, scaled)
    for found, wanted in zip(together, alone):
        assert torch.allclose(found, wanted, rtol=1e-3, atol=1e-3 * float(wanted.abs().max()))


def test_data_of_no_weight_change_nothing() -> None:
    _, data = stacks()
    silent = WeightedData(data[0].operator, data[0].y, torch.zeros(()))
    mean = torch.full(SHAPE, 0.2)
    assert torch.equal(FIELD.correct(mean, [silent]), mean)


def test_draws_have_the_variance_of_the_field() -> None:
    field = JointField((32, 32, 32), (2.0, 2.0, 2.0), torch.tensor(0.5))
    assert abs(float(field.draw(torch.Generator().manual_seed(1)).square().mean()) - 0.25) < 0.05
