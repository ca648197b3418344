# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Add Rician noise relative to the head's bright end, the same for a test set or new at every call."""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Mapping
from copy import deepcopy
from typing import Any

import torch
from monai.config import KeysCollection, NdarrayOrTensor
from monai.data import MetaTensor
from monai.transforms import MapTransform, RandomizableTransform, Transform
from monai.utils import TransformBackends, convert_to_tensor

from ..errors import Limits
from ..physics import RicianNoise
from .degrade import checked_range
from .images import as_image
from .normalise import foreground_scales

__all__ = [
    "AddRicianNoise",
    "AddRicianNoiseD",
    "AddRicianNoiseDict",
    "AddRicianNoised",
    "RandRicianNoiseSim",
    "RandRicianNoiseSimD",
    "RandRicianNoiseSimDict",
    "RandRicianNoiseSimd",
]


_LEVELS = Limits(least=0, most=1)  # of the bright end; more is a level in percent, or in the units of the image
_SEEDS = Limits(least=-(2**63), most=2**63 - 1)


class AddRicianNoise(Transform):
    """Rician noise of a fixed level, the same whenever it meets the same image: for test sets and caches.

    ``y = |x + sigma s (n1 + i n2)|`` with ``s`` the 99.5th percentile of the channel's foreground. The generator is
    seeded with ``seed`` and the image's own bytes, so different images get independent noise.

    Not an ``InvertibleTransform``: noise does not come off. For training see :class:`RandRicianNoiseSim`. MONAI's
    ``RandRicianNoise`` measures its level in image units or standard deviations of the whole image, air included.

    Args:
        sigma: standard deviation of the real and the imaginary noise, relative to ``s``; 0.05 is 5 %.
        seed: another one gives other noise.

    Raises:
        InputError: a sigma below 0 or above 1, an image that is not channel-first 2-D or 3-D, values that are not
            finite, or a channel without a foreground.

    Returns:
        MetaTensor float32 in the shape of the image.

    Example:
        >>> image = torch.zeros(1, 32, 32)
        >>> image[:, 8:24, 8:24] = 400
        >>> round(float(AddRicianNoise(0.05)(image)[:, 8:24, 8:24].std()) / 400, 2)
        0.05
    """

    backend = [TransformBackends.TORCH]  # noqa: RUF012

    def __init__(self, sigma: float, seed: int = 0) -> None:
        self.sigma = _LEVELS.checked(sigma, "relative noise level")
        self.seed = int(_SEEDS.checked(seed, "seed", whole=True))

    def __call__(self, img: NdarrayOrTensor) -> torch.Tensor:
        image = as_image(img)
        content = convert_to_tensor(image).detach().cpu().numpy().tobytes()
        return _with_noise(image, self.sigma, zlib.crc32(content, self.seed & 0xFFFFFFFF))


class RandRicianNoiseSim(RandomizableTransform):
    """Rician noise of a level drawn evenly from a range, new at every call; the model of :class:`AddRicianNoise`.

    Args:
        sigmas: lowest and highest standard deviation, relative to the bright end of the foreground.
        prob: how often an image gets noise.

    Raises:
        InputError: a range that leaves 0 to 1 or does not rise; and as :class:`AddRicianNoise`.

    Example:
        >>> noisy = RandRicianNoiseSim((0.01, 0.1), prob=1.0).set_random_state(seed=0)
        >>> noisy(torch.ones(1, 16, 16).tril()).shape
        torch.Size([1, 16, 16])
    """

    backend = AddRicianNoise.backend

    def __init__(self, sigmas: tuple[float, float], prob: float = 0.1) -> None:
        super().__init__(prob)
        self.sigmas = checked_range(sigmas, _LEVELS, "relative noise levels")
        self.sigma, self.seed = self.sigmas[0], 0

    def randomize(self, data: Any = None) -> None:
        """Draw whether, how strong, and the seed of the noise itself."""
        super().randomize(None)
        self.sigma, self.seed = float(self.R.uniform(*self.sigmas)), int(self.R.randint(2**31))

    def __call__(self, img: NdarrayOrTensor, randomize: bool = True) -> torch.Tensor:
        """Add noise to an image, or return it as it is.

        Args:
            img: channel-first image.
            randomize: draw again; False repeats the last draw.
        """
        if randomize:
            self.randomize()
        image = as_image(img)
        return _with_noise(image, self.sigma, self.seed) if self._do_transform else image


class AddRicianNoised(MapTransform):
    """Dictionary form of :class:`AddRicianNoise`; the noise differs from key to key, also over equal images.

    Args:
        keys, allow_missing_keys: as in MONAI's ``MapTransform``.
        sigma: see :class:`AddRicianNoise`.
        seed: of the first key; the next keys have the next numbers.

    Example:
        >>> AddRicianNoised("image", sigma=0.05)({"image": torch.ones(1, 8, 8).tril()})["image"].shape
        torch.Size([1, 8, 8])
    """

    backend = AddRicianNoise.backend

    def __init__(self, keys: KeysCollection, sigma: float, seed: int = 0, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.add = [AddRicianNoise(sigma, seed + number) for number in range(len(self.keys))]

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        for key, add in self.key_iterator(d, self.add):
            d[key] = add(d[key])
        return d


class RandRicianNoiseSimd(RandomizableTransform, MapTransform):
    """Dictionary form of :class:`RandRicianNoiseSim`; all keys share the level, each has noise of its own.

    Args:
        keys, allow_missing_keys: as in MONAI's ``MapTransform``.
        sigmas, prob: see :class:`RandRicianNoiseSim`.

    Example:
        >>> noisy = RandRicianNoiseSimd("image", sigmas=(0.01, 0.1), prob=1.0).set_random_state(seed=0)
        >>> noisy({"image": torch.ones(1, 8, 8).tril()})["image"].shape
        torch.Size([1, 8, 8])
    """

    backend = RandRicianNoiseSim.backend

    def __init__(
        self, keys: KeysCollection, sigmas: tuple[float, float], prob: float = 0.1, allow_missing_keys: bool = False
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        self.add = RandRicianNoiseSim(sigmas, prob)

    def randomize(self, data: Any = None) -> None:
        """Draw whether and how strong once for all keys, from the random state of this transform."""
        self.add.R = self.R
        self.add.randomize()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        self.randomize()
        for key, number in self.key_iterator(d, range(len(self.keys))):
            d[key] = as_image(d[key])
            if self.add._do_transform:
                d[key] = _with_noise(d[key], self.add.sigma, self.add.seed + number)
        return d


def _with_noise(image: torch.Tensor, sigma: float, seed: int) -> torch.Tensor:
    """Return an image with Rician noise of ``sigma`` relative to each channel's foreground."""
    scales = torch.tensor(foreground_scales(image), device=image.device)
    noise = RicianNoise(sigma * scales.reshape(-1, *[1] * (image.ndim - 1)))
    generator = torch.Generator(image.device).manual_seed(seed)
    noisy = noise.sample(convert_to_tensor(image), generator)
    return (
        MetaTensor(noisy, meta=deepcopy(image.meta), applied_operations=deepcopy(image.applied_operations))
        if isinstance(image, MetaTensor)
        else noisy
    )


AddRicianNoiseD = AddRicianNoiseDict = AddRicianNoised
RandRicianNoiseSimD = RandRicianNoiseSimDict = RandRicianNoiseSimd
