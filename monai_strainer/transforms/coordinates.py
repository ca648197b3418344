# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Compute the head coordinates of every voxel, as an image that a coordinate network takes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection, NdarrayOrTensor
from monai.data import MetaTensor, get_track_meta
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends

from ..anatomy.foreground import foreground
from ..anatomy.head_frame import find_pose
from ..errors import InputError
from .images import as_image, grid_of

__all__ = ["AddHeadCoordinates", "AddHeadCoordinatesD", "AddHeadCoordinatesDict", "AddHeadCoordinatesd"]


class AddHeadCoordinates(Transform):
    """Head coordinates x, y, z of every voxel: the box around the head is ``[-1, 1]`` on each anatomical axis.

    The head is found in the first channel by :func:`monai_strainer.anatomy.foreground.foreground`, its box by
    :func:`monai_strainer.anatomy.head_frame.find_pose`, and the affine gives its orientation. The coordinates mean the
    same positions in every scan, and are those the prior was trained on if the scan holds a whole head.

    The image is read, not changed: there is nothing to invert.

    Raises:
        InputError: the image is not channel-first 3-D, holds values that are not finite, or shows no head.

    Returns:
        MetaTensor ``(3, X, Y, Z)`` float32 with the affine and meta data of the image, and no applied operations: what
        was done to the image was not done to these numbers.

    Example:
        >>> image = torch.zeros(1, 12, 12, 12)
        >>> image[:, 2:10, 2:10, 2:10] = 1
        >>> coords = AddHeadCoordinates()(image)
        >>> coords.shape, bool(coords[:, 6, 6, 6].abs().max() < 0.2)
        (torch.Size([3, 12, 12, 12]), True)
    """

    backend = [TransformBackends.TORCH]  # noqa: RUF012 (MONAI's convention)

    def __call__(self, img: NdarrayOrTensor) -> torch.Tensor:
        image = as_image(img)
        if image.ndim != 4:
            raise InputError(f"an image of shape {tuple(image.shape)} has no three axes", "pass (C, X, Y, Z)")
        grid = grid_of(img)
        data = torch.as_tensor(image[0]).detach().cpu().numpy()
        if np.ptp(data) == 0:
            raise InputError("the image is constant: it has no foreground", "check that the file holds an image")
        pose = find_pose(foreground(data), grid)
        coords = np.moveaxis(pose.coordinates(grid.shape, slice_axis=0), 0, 1)  # (X, 3, Y, Z) to (3, X, Y, Z)
        out = torch.from_numpy(np.ascontiguousarray(coords)).to(image.device)
        if not get_track_meta():
            return out
        return MetaTensor(out, meta=deepcopy(img.meta)) if isinstance(img, MetaTensor) else MetaTensor(out)


class AddHeadCoordinatesd(MapTransform):
    """Dictionary form of :class:`AddHeadCoordinates`; the images stay and coordinate images join them.

    Args:
        keys: images.
        output_postfix: the coordinates of ``image`` are put under ``image_coords``.
        allow_missing_keys: leave out keys that are not there.

    Example:
        >>> sorted(AddHeadCoordinatesd("image")({"image": torch.ones(1, 9, 9, 9).tril()}))
        ['image', 'image_coords']
    """

    backend = AddHeadCoordinates.backend

    def __init__(self, keys: KeysCollection, output_postfix: str = "coords", allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.add = AddHeadCoordinates()
        self.output_postfix = output_postfix

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[f"{key}_{self.output_postfix}"] = self.add(d[key])
        return d


AddHeadCoordinatesD = AddHeadCoordinatesDict = AddHeadCoordinatesd
