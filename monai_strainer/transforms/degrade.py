# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Lower the resolution by the operators that restoration inverts."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from copy import deepcopy
from typing import Any, Literal

import numpy as np
import torch
from monai.config import KeysCollection, NdarrayOrTensor
from monai.data import MetaTensor, get_track_meta
from monai.transforms import MapTransform, RandomizableTransform, Transform
from monai.utils import TransformBackends, convert_to_tensor

from ..errors import InputError, Limits
from ..physics import Downsample, KSpaceCrop
from ..volume import Volume
from .images import as_image, grid_of

__all__ = [
    "DegradeResolution",
    "DegradeResolutionD",
    "DegradeResolutionDict",
    "DegradeResolutiond",
    "Profile",
    "RandDegradeResolution",
    "RandDegradeResolutionD",
    "RandDegradeResolutionDict",
    "RandDegradeResolutiond",
    "checked_range",
]

Profile = Literal["box", "kspace"]
_AXES, _FACTORS = Limits(least=0, most=2), Limits(least=1)
_OPERATOR: dict[str, type[Downsample] | type[KSpaceCrop]] = {"box": Downsample, "kspace": KSpaceCrop}


class DegradeResolution(Transform):
    """Larger voxels on the same field of view; the affine keeps its edges, not its first voxel centre.

    ``n = max(1, round(N / factor))`` voxels share the extent of ``N``, so the spacing grows by ``N / n``.

    Not an ``InvertibleTransform``: what is averaged away does not come back. Spatial transforms that ran before it
    cannot be inverted through it either.

    Args:
        factor: one number or one per axis of ``spatial_axes``, 1 or more, whole or not.
        profile: "box" averages what lies in each new voxel; "kspace" keeps the middle of k-space, as MR
            does, and rings.
        spatial_axes: axes of the image (without channels) to degrade; by default those in-plane: all of a 2-D image,
            and all but the slice axis of a 3-D one. That is ``slice_axis`` of the meta data where the reader left it,
            else the axis that :class:`monai_strainer.Volume` would choose. Name the axes if an earlier transform
            turned the image.

    Raises:
        InputError: a factor below 1, a profile or an axis that does not exist, a number of factors that is not that of
            the axes, an image that is not channel-first 2-D or 3-D, an affine that is singular.

    Returns:
        MetaTensor float32.

    Example:
        >>> image = MetaTensor(torch.ones(1, 8, 8, 4), affine=torch.diag(torch.tensor([1.0, 1, 3, 1])))
        >>> low = DegradeResolution(2)(image)
        >>> low.shape, low.pixdim.tolist(), low.affine[:3, 3].tolist()
        (torch.Size([1, 4, 4, 4]), [2.0, 2.0, 3.0], [0.5, 0.5, 0.0])
    """

    backend = [TransformBackends.TORCH]  # noqa: RUF012 (MONAI's convention)

    def __init__(
        self, factor: float | Sequence[float], profile: Profile = "box", spatial_axes: Sequence[int] | None = None
    ) -> None:
        each = np.ravel(np.asarray(factor, dtype=object))
        self.factors = [_FACTORS.checked(one, "factor") for one in each]
        if not self.factors:
            raise InputError("there is no factor", "give one, or one per axis")
        if profile not in _OPERATOR:
            raise InputError(f"there is no profile called {profile!r}", 'choose "box" or "kspace"')
        self.profile, self.spatial_axes = profile, None
        if spatial_axes is not None:
            named = np.ravel(np.asarray(spatial_axes, dtype=object))
            self.spatial_axes = [int(_AXES.checked(k, "axis", whole=True)) for k in named]

    def __call__(self, img: NdarrayOrTensor) -> torch.Tensor:
        grid = grid_of(img)
        image = convert_to_tensor(as_image(img))
        axes = _in_plane(img) if self.spatial_axes is None else self.spatial_axes
        shape = tuple(image.shape[1:])
        if len(set(axes)) != len(axes) or not all(0 <= k < len(shape) for k in axes):
            raise InputError(f"axes {axes} of an image of {shape}", f"name each of 0 to {len(shape) - 1} at most once")
        if len(self.factors) not in (1, len(axes)):
            raise InputError(f"{len(self.factors)} factors for axes {axes}", "give one factor, or one per axis")
        factors = [1.0] * len(shape)
        for k, factor in zip(axes, self.factors * len(axes) if len(self.factors) == 1 else self.factors):
            factors[k] = factor
        operator = _OPERATOR[self.profile](shape, factors).to(image.device)
        low = operator(image)
        if not get_track_meta():
            return low
        coarse = grid.resize((*operator.shape_out, 1)[:3])
        if not isinstance(img, MetaTensor):
            return MetaTensor(low, affine=torch.from_numpy(coarse.affine.copy()))
        meta = deepcopy(img.meta)
        if "pixdim" in meta:  # of a NIfTI header; the first entry is not a length
            meta["pixdim"][1:4] = torch.from_numpy(coarse.spacing)
        out = MetaTensor(low, meta=meta, applied_operations=deepcopy(img.applied_operations))
        keep = [*range(img.affine.shape[-1] - 1), 3]  # a 2-D image may have a 3x3 affine
        out.affine = torch.from_numpy(coarse.affine[np.ix_(keep, keep)])
        return out


def _in_plane(img: NdarrayOrTensor) -> list[int]:
    if img.ndim == 3:
        return [0, 1]
    known = img.meta.get("slice_axis", -1) if isinstance(img, MetaTensor) else -1
    grid = grid_of(img)
    axis = Volume(np.empty(grid.shape, np.float32), grid, slice_axis=known).slice_axis
    return [k for k in range(3) if k != axis]


class RandDegradeResolution(RandomizableTransform):
    """:class:`DegradeResolution` by a factor drawn evenly from a range; images left out keep their shape.

    Args:
        factors: lowest and highest factor, 1 or more.
        prob: how often an image is degraded.
        profile, spatial_axes: as in :class:`DegradeResolution`.

    Raises:
        InputError: a range that starts below 1 or does not rise; and as :class:`DegradeResolution`.

    Example:
        >>> degrade = RandDegradeResolution((2, 4), prob=1.0).set_random_state(seed=0)
        >>> degrade(torch.ones(1, 16, 16)).shape
        torch.Size([1, 5, 5])
    """

    backend = DegradeResolution.backend

    def __init__(
        self,
        factors: tuple[float, float],
        prob: float = 0.1,
        profile: Profile = "box",
        spatial_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(prob)
        self.factors = checked_range(factors, _FACTORS, "factors")
        self.profile, self.spatial_axes = profile, spatial_axes
        self.degrade = DegradeResolution(self.factors[0], profile, spatial_axes)

    def randomize(self, data: Any = None) -> None:
        """Draw whether, and by which factor."""
        super().randomize(None)
        self.degrade = DegradeResolution(self.R.uniform(*self.factors), self.profile, self.spatial_axes)

    def __call__(self, img: NdarrayOrTensor, randomize: bool = True) -> torch.Tensor:
        """Degrade an image, or return it as it is.

        Args:
            img: channel-first image.
            randomize: draw again; False repeats the last draw.
        """
        if randomize:
            self.randomize()
        return self.degrade(img) if self._do_transform else as_image(img)


class DegradeResolutiond(MapTransform):
    """Dictionary form of :class:`DegradeResolution`.

    Args:
        keys, allow_missing_keys: as in MONAI's ``MapTransform``.
        factor, profile, spatial_axes: see :class:`DegradeResolution`.

    Example:
        >>> DegradeResolutiond("image", factor=2)({"image": torch.ones(1, 8, 8)})["image"].shape
        torch.Size([1, 4, 4])
    """

    backend = DegradeResolution.backend

    def __init__(
        self,
        keys: KeysCollection,
        factor: float | Sequence[float],
        profile: Profile = "box",
        spatial_axes: Sequence[int] | None = None,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.degrade = DegradeResolution(factor, profile, spatial_axes)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.degrade(d[key])
        return d


class RandDegradeResolutiond(RandomizableTransform, MapTransform):
    """Dictionary form of :class:`RandDegradeResolution`; all keys share the draw.

    Args:
        keys, allow_missing_keys: as in MONAI's ``MapTransform``.
        factors, prob, profile, spatial_axes: see :class:`RandDegradeResolution`.

    Example:
        >>> degrade = RandDegradeResolutiond("image", factors=(2, 4), prob=1.0).set_random_state(seed=0)
        >>> degrade({"image": torch.ones(1, 16, 16)})["image"].shape
        torch.Size([1, 5, 5])
    """

    backend = RandDegradeResolution.backend

    def __init__(
        self,
        keys: KeysCollection,
        factors: tuple[float, float],
        prob: float = 0.1,
        profile: Profile = "box",
        spatial_axes: Sequence[int] | None = None,
        allow_missing_keys: bool = False,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        self.degrade = RandDegradeResolution(factors, prob, profile, spatial_axes)

    def randomize(self, data: Any = None) -> None:
        """Draw once for all keys, from the random state of this transform."""
        self.degrade.R = self.R
        self.degrade.randomize()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        self.randomize()
        for key in self.key_iterator(d):
            d[key] = self.degrade(d[key], randomize=False)
        return d


def checked_range(ends: tuple[float, float], limits: Limits, what: str) -> tuple[float, float]:
    """Return a range to draw from, as floats.

    Args:
        ends: lowest and highest value.
        limits: of both.
        what: is drawn, for the message.

    Raises:
        InputError: no two numbers, one outside of the limits, or a range that falls.
    """
    if isinstance(ends, str) or np.shape(ends) != (2,):
        raise InputError(f"{what} {ends!r} are no range", "give the lowest and the highest value")
    low, high = (limits.checked(value, what) for value in ends)
    if low > high:
        raise InputError(f"{what} from {low:g} to {high:g}", "give a range that rises")
    return low, high


DegradeResolutionD = DegradeResolutionDict = DegradeResolutiond
RandDegradeResolutionD = RandDegradeResolutionDict = RandDegradeResolutiond
