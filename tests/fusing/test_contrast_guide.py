# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Another contrast comes onto the grid of the result: finer voxels are averaged, a scan elsewhere is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from phantoms import affine_of, small_prior_with_detail

from monai_strainer import Grid, InputError, Profile, Volume
from monai_strainer.fusing.contrast_guide import Measured, guide_for

FINE = Grid((24, 24, 24), affine_of(2 * np.eye(3)))
THICK = FINE.resize((24, 24, 6))


@pytest.fixture(scope="module")
def measured() -> Measured:
    operator = Profile()((24, 24, 24), (24, 24, 6))
    return Measured(operator.A(torch.from_numpy(ball(FINE))), THICK, 2, operator, FINE)  # type: ignore[arg-type]


def ball(grid: Grid) -> np.ndarray:
    """A ball of 20 mm radius with a soft edge, at the place of a grid."""
    index = np.moveaxis(np.indices(grid.shape), 0, -1) @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    distance = np.sqrt(np.square(index - FINE.corners().mean(0)).sum(-1))
    return np.clip((20 - distance) / 4, 0, 1).astype(np.float32)


@pytest.mark.parametrize("shape", [(24, 24, 24), (48, 48, 48)])
def test_a_contrast_of_any_voxel_size_lies_where_its_header_says(measured: Measured, shape: tuple[int, ...]) -> None:
    grid = FINE.resize(shape)
    found = guide_for(Volume(700 * ball(grid), grid), measured, small_prior_with_detail(), 0, False, "cpu")
    image = found.image / found.image.max()
    assert image.shape == FINE.shape and not found.restored and not found.motion.any()
    assert float((image - torch.from_numpy(ball(FINE))).abs().mean()) < 0.02


def test_a_contrast_of_another_place_is_refused(measured: Measured) -> None:
    away = Grid(FINE.shape, FINE.affine + np.array([[0, 0, 0, 500.0], *[[0.0] * 4] * 3]))
    with pytest.raises(InputError, match="does not overlap"):
        guide_for(Volume(700 * ball(FINE), away), measured, small_prior_with_detail(), 0, False, "cpu")
