# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Divide intensities by the head's bright end: about [0, 1], zero stays zero; and multiply back."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection, NdarrayOrTensor
from monai.data import MetaTensor
from monai.transforms import InvertibleTransform, MapTransform
from monai.utils import TransformBackends, convert_to_tensor
from monai.utils.enums import TraceKeys

from ..anatomy.foreground import foreground, intensity_scale_of
from ..errors import InputError, Limits
from .images import as_image

__all__ = [
    "NormaliseForeground",
    "NormaliseForegroundD",
    "NormaliseForegroundDict",
    "NormaliseForegroundd",
    "foreground_scales",
]

# MONAI 1.6.1 lists its own tensors as safe to load but not the names its applied operations are kept under, so that
# PersistentDataset takes every cached image with an operation for corrupt and computes it again
torch.serialization.add_safe_globals([TraceKeys])


def foreground_scales(image: torch.Tensor, percentile: float = 99.5) -> list[float]:
    """Per channel the percentile of the foreground, by the rule that :func:`monai_strainer.restore` uses.

    Args:
        image: ``(C, X, Y)`` or ``(C, X, Y, Z)``.
        percentile: above 0, at most 100.

    Raises:
        InputError: another number of axes, values that are not finite, or a channel without a foreground.
    """
    data = convert_to_tensor(as_image(image)).detach().cpu().numpy()
    channels = data if data.ndim == 4 else data[..., None]  # a 2-D image is one slice thick
    return [intensity_scale_of(channel, foreground(channel), percentile) for channel in channels]


class NormaliseForeground(InvertibleTransform):
    """Divide each channel by a high percentile of its foreground; the inverse multiplies it back.

    ``y = x / percentile(x[foreground])``. Zero stays zero, so a magnitude image keeps its Rician noise.

    The scales are kept in the applied operation under ``scales``. An image of one channel may come back with more (a
    restored image and its standard deviation): they all get its scale.

    Args:
        percentile: above 0, at most 100; 99.5 is what the priors were trained with.

    Raises:
        InputError: a percentile out of range, an image that is not channel-first 2-D or 3-D, that holds values that
            are not finite, or a channel without a foreground; on the way back, another number of channels.

    Returns:
        MetaTensor float32 in the shape of the image.

    Example:
        >>> image = torch.zeros(1, 12, 12, 12)
        >>> image[:, 2:10, 2:10, 2:10] = 400
        >>> normalise = NormaliseForeground()
        >>> relative = normalise(image)
        >>> float(relative.max()), float(normalise.inverse(relative).max())
        (1.0, 400.0)
    """

    backend = [TransformBackends.TORCH]  # noqa: RUF012 (MONAI's convention)

    def __init__(self, percentile: float = 99.5) -> None:
        self.percentile = Limits(above=0, most=100).checked(percentile, "percentile")

    def __call__(self, img: NdarrayOrTensor) -> torch.Tensor:
        image = as_image(img)
        scales = foreground_scales(image, self.percentile)
        return self.push_transform(image / _over_channels(scales, image), extra_info={"scales": scales})

    def inverse(self, data: torch.Tensor) -> torch.Tensor:
        """Multiply by the recorded scales and take the operation off the list; ``data`` itself stays as it is."""
        if not isinstance(data, MetaTensor) or not data.applied_operations:
            raise InputError("the image holds no operation to undo", "pass the MetaTensor that the transform gave")
        out = data.clone()  # with a list of operations of its own
        scales = self.pop_transform(out)[TraceKeys.EXTRA_INFO]["scales"]
        return out * _over_channels([float(scale) for scale in scales], out)


class NormaliseForegroundd(MapTransform, InvertibleTransform):
    """Dictionary form of :class:`NormaliseForeground`.

    Args:
        keys: images.
        percentile: above 0, at most 100; 99.5 is what the priors were trained with.
        allow_missing_keys: leave out keys that are not there.

    Example:
        >>> relative = NormaliseForegroundd("image")({"image": 5 * torch.ones(1, 9, 9, 9).tril()})
        >>> float(relative["image"].max())
        1.0
    """

    backend = NormaliseForeground.backend

    def __init__(self, keys: KeysCollection, percentile: float = 99.5, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.normalise = NormaliseForeground(percentile)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.normalise(d[key])
        return d

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return the images in their own units again."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.normalise.inverse(d[key])
        return d


def _over_channels(scales: list[float], image: torch.Tensor) -> torch.Tensor:
    if len(scales) not in (1, len(image)):
        raise InputError(f"{len(scales)} scales for {len(image)} channels", "invert an image of as many channels")
    return torch.tensor(scales, dtype=image.dtype, device=image.device).reshape(-1, *[1] * (image.ndim - 1))


NormaliseForegroundD = NormaliseForegroundDict = NormaliseForegroundd
