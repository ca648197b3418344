# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The grid in which a fusion is computed holds that of its result, wherever that lies."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_strainer import Grid, InputError
from monai_strainer.fusing.placing import target_of
from monai_strainer.physics import rigid_matrix

FIRST = Grid((20, 20, 5), np.diag([1.0, 1.0, 4.0, 1.0]))
LIKE = Grid((6, 8, 3), rigid_matrix([5, 10, -20, 3, 4, 5], [0, 0, 0]) @ np.diag([1.0, 1.0, -3.0, 1.0]))


def test_without_a_grid_voxels_are_isotropic_in_the_field_of_view_of_the_first_stack() -> None:
    target = target_of(FIRST, 2.0, None, 4.0)
    assert target.wanted is target.fitted and target.wanted.shape == (10, 10, 10)
    assert np.allclose(target.wanted.corners(), FIRST.corners())


def test_a_position_brought_to_the_wanted_grid_is_that_of_its_voxel() -> None:
    """What is given back of the image "x in mm" is x in mm at the wanted voxels: nothing moves, nothing is mirrored."""
    target = target_of(FIRST, 1.0, LIKE, 4.0)
    assert np.allclose(target.fitted.spacing, 1.0)
    for row in range(3):
        image, wanted = (
            np.einsum("k,k...->...", grid.affine[row, :3], np.indices(grid.shape)) + grid.affine[row, 3]
            for grid in (target.fitted, LIKE)
        )
        assert np.allclose(target.given(torch.from_numpy(image)).numpy(), wanted)


def test_the_fitted_grid_reaches_further_by_a_slice_on_every_side() -> None:
    target = target_of(FIRST, 1.0, LIKE, 4.0)
    assert np.allclose(target.fitted.extent - LIKE.extent, [8.0, 8.0, 12.0])


def test_a_grid_of_too_many_voxels_is_refused() -> None:
    huge = Grid((900, 900, 900), np.diag([0.1, 0.1, 0.1, 1.0]))
    with pytest.raises(InputError, match="make a volume of"):
        target_of(FIRST, 1.0, huge, 4.0)
