# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of what the detail prior is shown: slices that agree with the data, and numbers for each measurement."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from phantoms import slice_images
from torch import Tensor

from monai_strainer.fitting.detail_inputs import assemble_inputs, describe_acquisition, interpolate
from monai_strainer.networks.detail import CONDITIONS
from monai_strainer.physics import (
    Blur,
    Downsample,
    GaussianNoise,
    Identity,
    KSpaceCrop,
    Profile,
    RicianNoise,
    Separable,
    SliceProfile,
)

SIZE = (24, 30)
OPERATORS: dict[str, Separable] = {
    "nothing": Identity(SIZE),
    "twice": Downsample(SIZE, 2),
    "four times": Downsample(SIZE, 4),
    "rows": Downsample(SIZE, (3, 1)),
    "columns": Downsample(SIZE, (1, 3)),
    "k-space": KSpaceCrop(SIZE, 2),
    "blur": Blur(SIZE, 1.5),
    "gaps": SliceProfile(SIZE, 0, thickness=2.4, separation=4),
    "gaps of a box": SliceProfile(SIZE, 0, thickness=2.4, separation=4, kind="box"),
}


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@st.composite
def operators(draw: st.DrawFn) -> Separable:
    fine = draw(st.tuples(st.integers(8, 30), st.integers(8, 30)))
    measured = [draw(st.integers(max(2, n // 6), n)) for n in fine]
    kind = draw(st.sampled_from(["box", "gaussian", "kspace"]))
    return Profile(kind, draw(st.floats(0.5, 1.0)))(fine, measured)


@given(operators())
@settings(max_examples=25, deadline=None)
def test_the_field_runs_through_the_data(operator: Separable) -> None:
    y = operator.A(slice_images(2, *operator.shape_in))
    x, share = interpolate(operator, y)
    assert x.shape == (2, *operator.shape_in) and share.shape == operator.shape_in
    torch.testing.assert_close(operator.A(x), y, atol=0.01, rtol=0)
    assert float(share.min()) >= 0 and float(share.max()) <= 1


@given(operators(), st.floats(-3, 3))
@settings(max_examples=10, deadline=None)
def test_interpolation_is_linear(operator: Separable, weight: float) -> None:
    a, b = drawn(2, *operator.shape_out), drawn(2, *operator.shape_out, seed=1)
    together = interpolate(operator, a + weight * b)[0]
    apart = interpolate(operator, a)[0] + weight * interpolate(operator, b)[0]
    torch.testing.assert_close(together, apart, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("axis", [0, 1])
def test_an_axis_that_the_operator_does_not_touch_is_left_alone(axis: int) -> None:
    operator = Downsample(SIZE, (2.5, 1) if axis == 0 else (1, 2.5))
    y = drawn(*operator.shape_out)
    other = y.clone()
    other.select(1 - axis, 7).add_(1.0)  # one line along the axis that is measured coarsely
    same = [k for k in range(SIZE[1 - axis]) if k != 7]
    one, two = (interpolate(operator, data)[0].movedim(1 - axis, 0) for data in (y, other))
    assert torch.equal(one[same], two[same]) and not torch.equal(one[7], two[7])


def test_data_that_nothing_was_done_to_come_back() -> None:
    y = drawn(3, *SIZE)
    x, share = interpolate(Identity(SIZE), y)
    torch.testing.assert_close(x, y, atol=2e-5, rtol=0)
    assert float(share.max()) < 1e-4


@pytest.mark.parametrize("name", ["twice", "rows", "columns", "k-space"])
def test_a_smooth_head_is_met_better_than_by_repeating_voxels(name: str) -> None:
    operator, truth = OPERATORS[name], slice_images(3, *SIZE)
    y = operator.A(truth)
    repeated = torch.nn.functional.interpolate(y[None], SIZE, mode="nearest")[0]
    x, _ = interpolate(operator, y)
    assert float((x - truth).square().mean()) < 0.5 * float((repeated - truth).square().mean())


def test_two_axes_leave_more_open_than_one() -> None:
    shares = [float(interpolate(OPERATORS[name], drawn(*OPERATORS[name].shape_out))[1].mean()) for name in OPERATORS]
    open_of = dict(zip(OPERATORS, shares))
    assert open_of["nothing"] < open_of["rows"] < open_of["four times"]


def test_slices_are_interpolated_one_by_one() -> None:
    y = drawn(2, 3, 12, 15)
    together = interpolate(OPERATORS["twice"], y)[0]
    torch.testing.assert_close(interpolate(OPERATORS["twice"], y[1, 2])[0], together[1, 2])


def test_conditions_are_as_many_as_the_network_takes_and_finite() -> None:
    for operator, noise in itertools.product(OPERATORS.values(), (GaussianNoise(0.0), RicianNoise(0.1))):
        numbers = describe_acquisition(operator, noise, 1.0)
        assert (
            numbers.shape == (CONDITIONS,) and bool(torch.isfinite(numbers).all()) and float(numbers.abs().max()) < 10
        )


def test_conditions_differ_from_measurement_to_measurement() -> None:
    numbers = [describe_acquisition(operator, RicianNoise(0.05), 1.0) for operator in OPERATORS.values()]
    other = [(GaussianNoise(0.05), 1.0), (RicianNoise(0.1), 1.0), (RicianNoise(0.001), 1.0), (RicianNoise(0.05), 0.2)]
    numbers += [describe_acquisition(OPERATORS["twice"], noise, spacing_ratio) for noise, spacing_ratio in other]
    for one, two in itertools.combinations(numbers, 2):
        assert float((one - two).abs().max()) > 0.05


@pytest.mark.parametrize("kind", ["box", "gaussian", "kspace"])
def test_conditions_do_not_depend_on_the_size_of_the_image(kind: str) -> None:
    small, large = (Profile(kind, 0.8)((n, n), (n // 2, n)) for n in (32, 96))  # type: ignore[arg-type]
    one, two = (describe_acquisition(operator, RicianNoise(0.05), 1.0) for operator in (small, large))
    kept = [k for k in range(CONDITIONS) if kind != "kspace" or k not in (2, 5)]  # side lobes go on without end
    torch.testing.assert_close(one[kept], two[kept], atol=0.03, rtol=0)


def test_a_noise_map_is_described_by_its_root_mean_square() -> None:
    sigma = 0.1 * drawn(3, 12, 15)
    one, two = (
        describe_acquisition(OPERATORS["twice"], RicianNoise(s), 1.0)
        for s in (sigma, float(sigma.square().mean().sqrt()))
    )
    torch.testing.assert_close(one, two)


def test_slices_come_first_then_the_noise_then_what_is_open() -> None:
    slices, share, sigma = drawn(2, 5, 6, 8), drawn(6, 8, seed=1), drawn(2, 1, 6, 8, seed=2)
    shown = assemble_inputs(slices, share, sigma, torch.arange(10.0))
    assert shown.image.shape == (2, 7, 6, 8) and shown.conditions.tolist() == [list(range(10))] * 2
    assert torch.equal(shown.image[:, :5], slices)
    torch.testing.assert_close(shown.image[:, 5:6] / sigma, torch.full_like(sigma, 10))
    torch.testing.assert_close(shown.image[:, 6] / share, torch.full((2, 6, 8), 30.0))


def test_one_noise_level_is_shown_everywhere() -> None:
    shown = assemble_inputs(drawn(2, 5, 6, 8), drawn(6, 8), torch.tensor(0.07), torch.zeros(10))
    torch.testing.assert_close(shown.image[:, 5], torch.full((2, 6, 8), 0.7))
