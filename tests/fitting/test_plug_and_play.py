# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of plug-and-play: any operator, agreement with data that are exact, and no slice that knows of another."""

from __future__ import annotations

import sys

import pytest
import torch
from phantoms import slice_coordinates, slice_images, small_detail, small_siren
from torch import Tensor

from monai_strainer.fitting import CoordinateFeatures, amortise, plug_and_play, slice_prediction
from monai_strainer.physics import (
    Blur,
    Downsample,
    GaussianNoise,
    Identity,
    KSpaceCrop,
    Mask,
    Measurement,
    Operator,
    RicianNoise,
    Separable,
)

SIZE = (20, 26)


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products in float32: equal is then nearly equal to the last bit."""
    monkeypatch.setattr(slice_prediction, "has_bfloat16", lambda device: False)


def mask(share: float = 0.7) -> Mask:
    return Mask(torch.rand(SIZE, generator=torch.Generator().manual_seed(3)) < share)


OPERATORS: dict[str, Operator] = {
    "nothing": Identity(SIZE),
    "larger voxels": Downsample(SIZE, 2),
    "thick slices": Downsample(SIZE, (1, 3)),
    "k-space": KSpaceCrop(SIZE, 2),
    "missing voxels": mask(),
    "missing large voxels": Mask(mask().get_buffer("mask")[:10, :13]) @ Downsample(SIZE, 2),
    "blur and missing voxels": mask() @ Blur(SIZE, 1.5),
}


def measured(operator: Operator, slices: int = 3) -> Tensor:
    return operator.A(slice_images(slices, *SIZE))


@pytest.mark.parametrize("name", OPERATORS)
def test_exact_data_are_agreed_with_whatever_the_operator(name: str) -> None:
    operator = OPERATORS[name]
    y = measured(operator)
    found = plug_and_play(small_detail(tail=1e-3), Measurement(operator, y, GaussianNoise(0.0)))
    assert found.images.shape == found.std.shape == (3, *SIZE)
    assert bool(torch.isfinite(found.images).all()) and bool((found.std > 0).all())
    assert float((operator.A(found.images) - y).abs().mean()) < 0.01
    assert 0 <= found.undetermined <= 1


def test_the_operators_are_of_both_kinds() -> None:
    assert {isinstance(operator, Separable) for operator in OPERATORS.values()} == {True, False}


@pytest.mark.parametrize("name", OPERATORS)
def test_a_start_that_explains_the_data_stays_if_the_denoiser_is_content(name: str) -> None:
    operator, truth = OPERATORS[name], slice_images(3, *SIZE)
    found = plug_and_play(
        small_detail(tail=0.0), Measurement(operator, operator.A(truth), GaussianNoise(0.01)), start=truth
    )
    torch.testing.assert_close(found.images, truth, atol=3e-4, rtol=0)


def test_holes_are_bridged_from_their_rims() -> None:
    truth, kept = slice_images(3, *SIZE), torch.ones(SIZE)
    kept[8:12, 10:15] = 0
    operator = Mask(kept)
    found = plug_and_play(small_detail(tail=0.0), Measurement(operator, operator.A(truth), GaussianNoise(0.01)))
    hole = kept == 0
    error = (found.images - truth)[:, hole].square().mean()
    mean = (operator.A(truth).mean((1, 2), keepdim=True) - truth)[:, hole].square().mean()
    assert float(error) < 0.05 * float(mean)


@pytest.mark.parametrize("sigma", [0.0, 0.05, 0.2, 0.4])
def test_the_bias_of_the_noise_is_taken_off_once(sigma: float) -> None:
    noise = RicianNoise(sigma)
    y = noise.sample(slice_images(3, *SIZE), torch.Generator().manual_seed(0))
    found = plug_and_play(small_detail(tail=0.0), Measurement(Identity(SIZE), y, noise))
    torch.testing.assert_close(found.images, noise.debias(y), atol=1e-4, rtol=0)


def test_what_was_not_measured_is_less_sure() -> None:
    operator = mask(0.5)
    y = measured(operator)
    found = plug_and_play(small_detail(tail=1e-3), Measurement(operator, y, GaussianNoise(0.01)))
    seen = operator.get_buffer("mask").bool()
    inside = slice_images(3, *SIZE) > 0.3
    assert float(found.std[inside & ~seen].mean()) > 1.2 * float(found.std[inside & seen].mean())


def test_slices_do_not_know_of_each_other() -> None:
    detail, operator = small_detail(), OPERATORS["missing voxels"]
    y = measured(operator)
    other = y.clone()
    other[1] += 0.3
    one, two = (plug_and_play(detail, Measurement(operator, data, GaussianNoise(0.02))) for data in (y, other))
    assert [k for k in range(3) if not torch.allclose(one.images[k], two.images[k], atol=1e-5)] == [1]


@pytest.mark.parametrize("name", ["larger voxels", "missing voxels"])
def test_how_many_slices_are_taken_at_a_time_does_not_matter(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    detail, operator, calls = small_detail(), OPERATORS[name], []
    y = measured(operator)
    one = plug_and_play(detail, Measurement(operator, y, RicianNoise(0.02)), on_slices=calls.append)
    monkeypatch.setattr(sys.modules["monai_strainer.fitting.plug_and_play"], "BATCH", 1)
    two = plug_and_play(detail, Measurement(operator, y, RicianNoise(0.02)))
    torch.testing.assert_close(one.images, two.images, atol=1e-4, rtol=0)
    torch.testing.assert_close(one.std, two.std, atol=1e-4, rtol=0)
    assert calls == [3]


def test_a_map_that_is_the_same_everywhere_is_a_number() -> None:
    detail, operator = small_detail(), OPERATORS["larger voxels"]
    y = measured(operator)
    one, two = (
        plug_and_play(detail, Measurement(operator, y, RicianNoise(s))) for s in (0.03, torch.full_like(y, 0.03))
    )
    torch.testing.assert_close(one.images, two.images, atol=1e-4, rtol=0)


def test_the_coordinate_prior_is_heard() -> None:
    detail, operator = small_detail(), OPERATORS["larger voxels"]
    y = measured(operator)
    known = plug_and_play(
        detail,
        Measurement(operator, y, GaussianNoise(0.02)),
        features=CoordinateFeatures(small_siren(), lambda some: slice_coordinates(3, *SIZE)[some]),
    )
    assert (
        float((known.images - plug_and_play(detail, Measurement(operator, y, GaussianNoise(0.02))).images).abs().max())
        > 1e-4
    )


def test_one_turn_is_a_denoiser() -> None:
    detail, y = small_detail(), measured(Identity(SIZE))
    found = plug_and_play(detail, Measurement(Identity(SIZE), y, GaussianNoise(0.05)), iterations=1)
    alone = amortise(detail, Measurement(Identity(SIZE), y, GaussianNoise(0.05)), spacing_ratio=0.0)
    torch.testing.assert_close(found.images, alone.images, atol=1e-3, rtol=0)


def test_the_data_are_not_changed() -> None:
    operator = OPERATORS["larger voxels"]
    y = measured(operator)
    before = y.clone()
    found = plug_and_play(small_detail(), Measurement(operator, y, RicianNoise(0.05)))
    assert torch.equal(y, before) and not found.images.requires_grad
