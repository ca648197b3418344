# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Head coordinates are those of the pose, in any order of the axes."""

from __future__ import annotations

import monai.transforms as monai_transforms
import numpy as np
import torch
from monai.data import MetaTensor

from monai_strainer.anatomy.foreground import foreground
from monai_strainer.anatomy.head_frame import find_pose
from monai_strainer.transforms import (
    AddHeadCoordinates,
    NormaliseForeground,
)
from monai_strainer.volume import Volume


def test_coordinates_are_those_of_the_pose(image: MetaTensor, phantom: Volume) -> None:
    coords = AddHeadCoordinates()(image)
    pose = find_pose(foreground(phantom.data), phantom.grid)
    for axis in range(3):
        by_slice = np.moveaxis(coords.numpy(), axis + 1, 0)  # (S, 3, H, W)
        np.testing.assert_array_equal(by_slice, pose.coordinates(phantom.grid.shape, axis))
    torch.testing.assert_close(coords.affine, image.affine)


def test_coordinates_do_not_depend_on_the_order_of_the_axes(image: MetaTensor) -> None:
    turned = monai_transforms.Orientation("PSL", labels=None)(image)
    back = monai_transforms.Orientation("RAS", labels=None)
    straight = AddHeadCoordinates()(back(image)).as_tensor()
    torch.testing.assert_close(back(AddHeadCoordinates()(turned)).as_tensor(), straight, atol=1e-5, rtol=0)


def test_coordinates_carry_no_operation_of_the_image(image: MetaTensor) -> None:
    assert AddHeadCoordinates()(NormaliseForeground()(image)).applied_operations == []
