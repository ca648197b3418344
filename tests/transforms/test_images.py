# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of taking an image as MONAI passes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor, set_track_meta

from monai_strainer.errors import InputError
from monai_strainer.transforms.images import as_image, grid_of


def test_values_and_meta_data_stay() -> None:
    image = MetaTensor(torch.arange(24).reshape(1, 2, 3, 4), affine=2 * torch.eye(4), meta={"name": "a"})
    taken = as_image(image)
    assert isinstance(taken, MetaTensor) and taken.meta["name"] == "a" and taken.dtype == torch.float32
    np.testing.assert_array_equal(taken.numpy(), image.numpy())


def test_meta_data_are_left_where_they_are_not_tracked() -> None:
    set_track_meta(False)
    try:
        assert type(as_image(MetaTensor(torch.zeros(1, 2, 2)))) is torch.Tensor
    finally:
        set_track_meta(True)


@pytest.mark.parametrize(
    ("image", "finding"),
    [
        (None, "type NoneType"),
        ([[1.0]], "type list"),
        (torch.zeros(4, 4), "shape"),
        (torch.zeros(1, 1, 1, 4, 4), "shape"),
        (torch.zeros(0, 4, 4), "shape"),
        (np.zeros((1, 0, 4)), "shape"),
        (torch.zeros(1, 4, 4, dtype=torch.complex64), "complex64 values"),
        (np.zeros((1, 4, 4), complex), "complex128 values"),
        (np.full((1, 4, 4), "a"), "<U1 values"),
        (np.full((1, 4, 4), np.inf), "not finite"),
    ],
)
def test_what_is_no_image_is_refused(image: Any, finding: str) -> None:
    with pytest.raises(InputError, match=finding):
        as_image(image)


def test_an_affine_of_two_axes_is_one_of_three() -> None:
    flat = MetaTensor(torch.zeros(1, 4, 5), affine=torch.tensor([[2.0, 0, 7], [0, 3, 8], [0, 0, 1]]))
    assert grid_of(flat).shape == (4, 5, 1)
    np.testing.assert_allclose(grid_of(flat).affine[:2, 3], [7, 8])
