# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The grid of a fusion keeps the field of view of the first stack; stacks elsewhere are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from phantoms import affine_of

from monai_strainer.errors import InputError
from monai_strainer.fitting.stack_registration import Stack
from monai_strainer.fusing.placing import isotropic, on_grid, require_overlap
from monai_strainer.geometry import Grid
from monai_strainer.volume import Volume

THICK = Grid((20, 24, 5), affine_of(np.diag([1.0, 1.0, 4.0])))


def test_isotropic_voxels_keep_the_field_of_view() -> None:
    fine = isotropic(THICK, 2.0)
    assert fine.shape == (10, 12, 10) and np.allclose(fine.spacing, 2)
    np.testing.assert_allclose(fine.corners(), THICK.corners(), atol=1e-9)
    with pytest.raises(InputError, match="make a volume of"):
        isotropic(THICK, 0.001)


def test_stacks_of_another_place_are_refused_by_number() -> None:
    here = Volume(np.zeros(THICK.shape), THICK)
    away = Grid(THICK.shape, affine_of(np.diag([1.0, 1.0, 4.0]), (300, 0, 0)))
    require_overlap([here, here])
    with pytest.raises(InputError, match="stack 2 has 0 %"):
        require_overlap([here, Volume(np.zeros(THICK.shape), away)])


def test_a_shift_of_the_stack_moves_its_image_and_its_border() -> None:
    data = np.zeros(THICK.shape, np.float32)
    data[8, 10, 2] = 1
    motion = np.array([0, 0, 0, 3.0, -2.0, 0])
    stack = Stack(torch.from_numpy(data), THICK, 2, 0.1, motion=motion)
    image, inside = on_grid(Volume(data, THICK), stack, THICK, order=1)
    assert np.argwhere(image.numpy() > 0.5).tolist() == [[11, 8, 2]]
    assert not inside[:3].any() and inside[3:, :22].all()
