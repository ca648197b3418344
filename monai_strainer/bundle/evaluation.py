# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Give evaluate.json of the bundle what it needs: a degraded scan beside its truth, and SSIM slice by slice."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.handlers import IgniteMetricHandler
from monai.metrics import CumulativeIterationMetric
from monai.transforms import MapTransform
from monai.utils import TransformBackends
from torch import Tensor

from ..anatomy.foreground import foreground
from ..geometry import Grid
from ..io import read
from ..metrics import ssim
from ..physics import Downsample, RicianNoise

__all__ = ["LoadDegradedScanD", "LoadDegradedScanDict", "LoadDegradedScand", "SliceSSIM"]


class LoadDegradedScand(MapTransform):
    """Read a scan, keep a slab of its slices as the truth, and make the measurement from it.

    Intensities are divided by the 99.9th percentile of the head, so that a data range of 1 fits every scan.

    Args:
        keys: entry with the path; becomes the measurement.
        label_key: entry that becomes the truth.
        scale: in-plane factor of the box average; 1 leaves only the noise.
        noise: Rician sigma, the head being about ``[0, 1]``.
        levels: lower end and upper end of the slab as fractions of the head's height, and the number of slices in it.
        seed: of the noise; every scan draws the same.
        allow_missing_keys: as in MONAI's ``MapTransform``.
    """

    backend = [TransformBackends.TORCH]  # noqa: RUF012

    def __init__(
        self,
        keys: KeysCollection,
        label_key: str = "label",
        scale: float = 2.0,
        noise: float = 0.003,
        levels: Sequence[float] = (0.45, 0.55, 3),
        seed: int = 0,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.label_key, self.scale, self.noise, self.levels, self.seed = label_key, scale, noise, levels, seed

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[key], d[self.label_key] = self._pair(str(d[key]))
        return d

    def _pair(self, path: str) -> tuple[MetaTensor, MetaTensor]:
        scan = read(path)
        mask, axis = foreground(scan.data), scan.slice_axis
        heights = np.flatnonzero(mask.any(tuple(k for k in range(3) if k != axis)))
        low, high, count = self.levels
        middle = heights[0] + (low + high) / 2 * (heights[-1] - heights[0])
        first = max(0, round(middle - count / 2))
        slab = slice(first, first + int(count))
        images = scan.slices(axis)[slab] / np.percentile(scan.data[mask], 99.9)  # (S, H, W)
        images = images[:, : _regained(images.shape[1], self.scale), : _regained(images.shape[2], self.scale)]
        affine = scan.grid.affine.copy()
        affine[:3, 3] += affine[:3, axis] * first
        truth = np.moveaxis(images, 0, axis)
        grid = Grid(truth.shape, affine)
        x = torch.from_numpy(np.ascontiguousarray(images))
        operator = Downsample((x.shape[1], x.shape[2]), self.scale)
        y = RicianNoise(self.noise).sample(operator.A(x), torch.Generator().manual_seed(self.seed))
        measured = np.moveaxis(y.numpy(), 0, axis)
        meta = {"filename_or_obj": path, "slice_axis": axis}
        coarse = grid.resize(measured.shape)
        return _tensor(measured, coarse, meta), _tensor(truth, grid, meta)


def _regained(size: int, factor: float) -> int:
    """Return the largest number of pixels that averaging by a factor and refining by it again give back."""
    while round(round(size / factor) * factor) != size:
        size -= 1
    return size


def _tensor(data: np.ndarray, grid: Grid, meta: dict[str, Any]) -> MetaTensor:
    image = torch.from_numpy(np.ascontiguousarray(data, dtype=np.float32))[None]
    return MetaTensor(image, affine=torch.from_numpy(grid.affine.copy()), meta=dict(meta))


class _SliceSSIM(CumulativeIterationMetric):
    """Mean SSIM over the slices of every case, data range 1."""

    def _compute_tensor(self, y_pred: Tensor, y: Tensor | None = None, **kwargs: Any) -> Tensor:  # type: ignore[override]
        assert y is not None
        values = []
        for out, truth in zip(y_pred.detach().cpu().numpy(), y.detach().cpu().numpy()):
            axis = int(np.argmin(truth[0].shape))
            values.append(ssim(np.moveaxis(out[0], axis, 0), np.moveaxis(truth[0], axis, 0), data_range=1.0))
        return torch.tensor(values)[:, None]

    def aggregate(self, *args: Any, **kwargs: Any) -> Tensor:
        """Mean over cases."""
        return self.get_buffer().mean()  # type: ignore[union-attr]


class SliceSSIM(IgniteMetricHandler):
    """Ignite handler for SSIM slice by slice.

    Args:
        output_transform: takes ``(prediction, truth)`` out of the engine's output.
    """

    def __init__(self, output_transform: Callable[..., Any] = lambda x: x) -> None:
        super().__init__(metric_fn=_SliceSSIM(), output_transform=output_transform, save_details=True)


LoadDegradedScanD = LoadDegradedScanDict = LoadDegradedScand
