# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Take an image as MONAI passes it, channels first, and find where its voxels are; refuse what is no such image."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from monai.config import NdarrayOrTensor
from monai.data import MetaTensor, get_track_meta, to_affine_nd
from monai.utils import convert_to_tensor

from ..errors import InputError
from ..geometry import Grid

__all__ = ["as_image", "grid_of"]


def as_image(img: NdarrayOrTensor) -> torch.Tensor:
    """Return an image as float32, with its meta data where MONAI keeps track of them.

    Args:
        img: ``(C, X, Y)`` or ``(C, X, Y, Z)``, real and finite.

    Returns:
        MetaTensor, or tensor where the tracking is off.

    Raises:
        InputError: no array, another number of axes, no voxels, values that are complex or not finite.

    Example:
        >>> as_image(np.ones((1, 4, 5), np.int16)).dtype
        torch.float32
    """
    _refuse_other(img)
    image = convert_to_tensor(img, dtype=torch.float32, track_meta=get_track_meta())
    if not bool(torch.isfinite(image).all()):
        raise InputError("the image holds values that are not finite", "repair or mask the scan first")
    return image


def grid_of(image: NdarrayOrTensor) -> Grid:
    """Where the voxels of a channel-first image are; a 2-D image is one slice thick.

    What is no MetaTensor lies at its voxel indices.

    Args:
        image: ``(C, X, Y)`` or ``(C, X, Y, Z)``.

    Raises:
        InputError: no image, see :func:`as_image`, or an affine that is not finite and invertible.

    Example:
        >>> grid_of(MetaTensor(torch.zeros(1, 4, 5))).shape
        (4, 5, 1)
    """
    _refuse_other(image)
    affine = image.affine.detach().cpu().numpy() if isinstance(image, MetaTensor) else np.eye(4)
    if affine.shape == (3, 3):
        affine = to_affine_nd(3, affine)
    x, y, z = (*image.shape[1:], 1)[:3]
    return Grid((x, y, z), affine)


def _refuse_other(img: Any) -> None:
    """Refuse what is no real array of a channel-first image."""
    if not isinstance(img, torch.Tensor | np.ndarray):
        raise InputError(f"an image of type {type(img).__name__}", "pass a tensor or an array, channels first")
    if img.ndim not in (3, 4) or 0 in img.shape:
        raise InputError(f"an image of shape {tuple(img.shape)}", "pass one image, channels first, with 2 or 3 axes")
    is_number = isinstance(img, torch.Tensor) or img.dtype.kind in "biuf"
    if not is_number or (isinstance(img, torch.Tensor) and img.is_complex()):
        raise InputError(f"an image of {img.dtype} values", "pass real numbers, such as the magnitude")
