# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Lower resolution: the field of view and the mean stay, and only the axes that are meant change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.data import MetaTensor
from monai.transforms import Transform

from monai_strainer.errors import InputError
from monai_strainer.transforms import (
    DegradeResolution,
)
from monai_strainer.transforms.images import grid_of

few = settings(deadline=None, max_examples=20)


@few
@given(
    factor=st.floats(1, 5),
    profile=st.sampled_from(["box", "kspace"]),
    axes=st.sampled_from([None, [0], [1, 2], [2, 0], [0, 1, 2], []]),
    seed=st.integers(0, 99),
)
def test_lower_resolution_keeps_the_edges_of_the_field_of_view(
    factor: float, profile: Any, axes: list[int] | None, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    affine = np.eye(4)
    affine[:3] = np.linalg.qr(draw.normal(size=(3, 3)))[0] @ np.diag(draw.uniform(0.5, 4, 3)) @ np.eye(3, 4)
    affine[:3, 3] = draw.normal(size=3) * 50
    image = MetaTensor(torch.from_numpy(draw.random((2, *draw.integers(1, 14, 3)))), affine=torch.tensor(affine))
    low = DegradeResolution(factor, profile, axes)(image)
    np.testing.assert_allclose(grid_of(low).corners(), grid_of(image).corners(), atol=1e-9)
    for k in range(3):
        if axes is not None and k not in axes:
            assert low.shape[k + 1] == image.shape[k + 1]


@pytest.mark.parametrize("profile", ["box", "kspace"])
def test_a_flat_image_stays_flat_and_the_mean_stays(profile: Any, image: MetaTensor) -> None:
    torch.testing.assert_close(
        DegradeResolution(2.3, profile)(torch.full((1, 20, 18, 5), 7.0)).as_tensor(), torch.full((1, 9, 8, 5), 7.0)
    )
    low = DegradeResolution(2, profile)(image)  # 40 x 48 halves exactly
    assert float(low.mean()) == pytest.approx(float(image.mean()), rel=1e-4)


def test_in_plane_is_across_the_slice_axis_of_the_reader_or_the_widest_step(image: MetaTensor) -> None:
    assert DegradeResolution(2)(image).shape == (1, 20, 24, 32)
    image.meta["slice_axis"] = 0
    assert DegradeResolution(2)(image).shape == (1, 40, 24, 16)
    del image.meta["slice_axis"]
    assert DegradeResolution(2)(image).shape == (1, 20, 24, 32)  # 3 mm across slices of 2 mm
    assert DegradeResolution((2, 4), spatial_axes=(2, 0))(image).shape == (1, 10, 48, 16)


def test_the_headers_voxel_sizes_follow(image: MetaTensor) -> None:
    for header in (np.array([1.0, 2, 2, 3, 0, 0, 0, 0]), torch.tensor([1.0, 2, 2, 3, 0, 0, 0, 0])):
        image.meta["pixdim"] = header
        assert list(DegradeResolution(2)(image).meta["pixdim"][:4]) == pytest.approx([1, 4, 4, 3])


def test_a_flat_image_has_no_third_axis() -> None:
    with pytest.raises(InputError, match=r"axes \[0, 2\] of an image of \(8, 8\)"):
        DegradeResolution(2, spatial_axes=(0, 2))(torch.ones(1, 8, 8))


@pytest.mark.parametrize(
    ("transform", "finding"),
    [
        (DegradeResolution(2, spatial_axes=(1, 1)), r"axes \[1, 1\] of an image of"),
        (DegradeResolution((2, 2, 2)), r"3 factors for axes \[0, 1\]"),
    ],
)
def test_axes_that_do_not_fit_the_image_are_refused(transform: Transform, finding: str, image: MetaTensor) -> None:
    with pytest.raises(InputError, match=finding):
        transform(image)


def test_a_singular_affine_is_refused() -> None:
    with pytest.raises(InputError, match="singular"):
        DegradeResolution(2)(MetaTensor(torch.ones(1, 4, 4, 4), affine=torch.diag(torch.tensor([1.0, 0, 1, 1]))))
