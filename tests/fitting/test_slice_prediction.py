# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of a prediction: it turns with its mirror image, padding is not shown, and any size has features."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from phantoms import slice_coordinates, slice_images, small_detail, small_siren
from torch import Tensor

from monai_strainer.fitting import slice_prediction
from monai_strainer.fitting.slice_prediction import CoordinateFeatures, predict_slices, prepare_slices
from monai_strainer.geometry import MIRRORS
from monai_strainer.physics import Downsample, Identity, Measurement, RicianNoise


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products in float32: equal is then nearly equal to the last bit."""
    monkeypatch.setattr(slice_prediction, "has_bfloat16", lambda device: False)


def close(one: Tensor, two: Tensor) -> None:
    torch.testing.assert_close(one, two, atol=1e-5, rtol=0)


class Counting(torch.nn.Module):
    """A coordinate network that counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.calls = small_siren(), 0

    def forward(self, coords: Tensor, features: bool = False) -> Tensor:
        self.calls += 1
        out: Tensor = self.inner(coords, features=features)
        return out


@pytest.mark.parametrize(("size", "calls"), [((20, 28), 1), ((20, 26), 4)])
def test_a_mirror_image_is_predicted_as_what_it_shows(size: tuple[int, int], calls: int) -> None:
    """Features of coordinates are mirrored with the image; where blocks fill it, they are made once for all."""
    detail, siren, operator = small_detail(), Counting(), Downsample(size, 2)
    y, coords, some = operator.A(slice_images(7, *size)), slice_coordinates(7, *size), slice(2, 5)
    given = Measurement(operator, y, RicianNoise(0.02))
    for axes in MIRRORS[4]:
        turned = CoordinateFeatures(siren, lambda some, axes=axes: coords.flip(axes)[some])  # type: ignore[arg-type,misc]
        alone, _ = predict_slices(detail, replace(given, y=y.flip(axes)), some, turned, mirrors=((),))
        found, _ = predict_slices(detail, given, some, CoordinateFeatures(siren, coords.__getitem__), mirrors=(axes,))
        close(found, alone.flip(axes))
    siren.calls = 0
    predict_slices(detail, given, some, CoordinateFeatures(siren, coords.__getitem__))
    assert siren.calls == calls


@pytest.mark.parametrize("size", [(17, 21), (19, 30), (4, 5)])
def test_sizes_that_four_does_not_divide_have_features_too(size: tuple[int, int]) -> None:
    operator = Downsample(size, 2)
    y = operator.A(slice_images(2, *size))
    coords = slice_coordinates(2, *size)
    features = CoordinateFeatures(small_siren(), lambda some: coords[some])
    mean, std = predict_slices(small_detail(), Measurement(operator, y, RicianNoise(0.02)), slice(0, 2), features)
    assert mean.shape == std.shape == (2, *size)


def test_padding_is_not_shown_to_the_network() -> None:
    """Zeros around the data change nothing but for a margin, and give zeros there."""
    around, detail = 24, small_detail()
    y = slice_images(5, 32, 40)
    margin = (slice_prediction.MARGIN,) * 4
    wide = torch.nn.functional.pad(y, (around,) * 4)
    given = Measurement(Identity(tuple(wide.shape[1:])), wide, RicianNoise(0.02))
    found = torch.stack(predict_slices(detail, given, slice(0, 5)))
    near = torch.nn.functional.pad(y, margin)
    alone = Measurement(Identity(tuple(near.shape[1:])), near, RicianNoise(0.02))
    known = torch.stack(predict_slices(detail, alone, slice(0, 5)))
    rest = around - slice_prediction.MARGIN
    close(found, torch.nn.functional.pad(known, (rest,) * 4))
    assert float((found[0, :, around:-around, around:-around] - y).detach().abs().max()) > 1e-3


def test_other_data_in_the_same_place_take_its_box_and_its_features() -> None:
    """Data that fill what was padding are seen as far as the box; features of coordinates are made once."""
    siren, y = Counting(), torch.nn.functional.pad(slice_images(5, 32, 40), (24,) * 4)
    coords, noise, some = slice_coordinates(5, *y.shape[1:]), RicianNoise(0.02), slice(1, 4)
    given = Measurement(Identity(tuple(y.shape[1:])), y, noise)
    features = CoordinateFeatures(siren, coords.__getitem__)
    known = prepare_slices(small_detail(), given, some, features, 1.0)
    found = prepare_slices(small_detail(), replace(given, y=y + 0.1), some, features, 1.0, like=known)
    assert (found.rows, found.columns) == (known.rows, known.columns) and siren.calls == 1
    assert found.of_siren is known.of_siren and found.shown is not None and known.shown is not None
    whole = prepare_slices(small_detail(), replace(given, y=y + 0.1), some, None, 1.0)
    assert whole.shown is not None and whole.shown.image.shape != found.shown.image.shape
    close(found.shown.image, whole.shown.image[..., found.rows, found.columns])
    empty = prepare_slices(small_detail(), replace(given, y=torch.zeros_like(y)), some, features, 1.0)
    assert prepare_slices(small_detail(), given, some, features, 1.0, like=empty).shown is None
