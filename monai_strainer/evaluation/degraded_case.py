# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Make test cases of a clean head: its mask and range for scores, reference slices, and their simulated measurement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..anatomy.foreground import foreground, intensity_scale_of
from ..anatomy.head_frame import Pose, find_pose
from ..physics import Downsample, GaussianNoise, Identity, NoiseModel, Operator, RicianNoise
from ..priors.prior import Prior
from ..volume import Volume

__all__ = ["Case", "CleanHead", "clean_head", "degrade"]


@dataclass(frozen=True, eq=False)
class CleanHead:
    """A whole head without added noise, and what tasks and scores need to know of it.

    Args:
        mask: (X, Y, Z), true in the head.
        pose: where it lies.
        unit: intensity that stands for 1.
        peak: 99.9th percentile of the head, over ``unit``.
    """

    mask: NDArray[np.bool_]
    pose: Pose
    unit: float
    peak: float

    def indices(self, axis: int, levels: Sequence[float], margin: int = 0) -> list[int]:
        """Return the slices at given heights.

        Args:
            axis: array axis across the slices.
            levels: 0 at the bottom of the head, 1 at its top.
            margin: slices that lie beyond the outermost ones at least.
        """
        n, sign = self.mask.shape[axis], self.pose.axes[axis][1]
        heights = [self.pose.centre[axis] + sign * (2 * level - 1) * self.pose.half[axis] for level in levels]
        return [min(n - 1 - margin, max(margin, int((height + 1) / 2 * n))) for height in heights]  # of [-1, 1]


def clean_head(scan: Volume, percentile: float) -> CleanHead:
    """Find the head of a clean scan.

    Args:
        scan: whole and clean.
        percentile: of the head that stands for 1.
    """
    mask = foreground(scan.data)
    unit = intensity_scale_of(scan.data, mask, percentile)
    return CleanHead(mask, find_pose(mask, scan.grid), unit, float(np.percentile(scan.data[mask], 99.9)) / unit)


@dataclass(frozen=True, eq=False)
class Case:
    """The slices of one scan, measured; intensities are divided as the prior wants them.

    Args:
        operator: ``A`` on ``(H, W)``.
        noise: of the data.
        y: ``(S, h, w)`` data.
        coords: ``(S, d, H, W)`` head coordinates.
        truth: ``(S, H, W)``.
        mask: ``(S, H, W)``, true in the head.
        peak: 99.9th percentile of the head.
    """

    operator: Operator
    noise: NoiseModel
    y: Tensor  # (S, h, w)
    coords: Tensor  # (S, d, H, W)
    truth: NDArray[np.float32]  # (S, H, W)
    mask: NDArray[np.bool_]
    peak: float


def degrade(
    scan: Volume,
    prior: Prior,
    factor: float,
    noise_fraction: float,
    levels: Sequence[float],
    seed: int = 0,
    device: str | torch.device = "cpu",
) -> Case:
    """Cut slices out of a clean head and measure them.

    Args:
        scan: whole and clean.
        prior: says which plane is cut and which intensity stands for 1.
        factor: of the area average, in-plane.
        noise_fraction: Rician sigma as a fraction of the peak; 0 adds no noise.
        levels: heights of the slices in the head, 0 at the bottom and 1 at the top.
        seed: of the noise.
        device: where the data go.
    """
    axis, head = scan.grid.axis_of(prior.plane), clean_head(scan, prior.percentile)
    index = head.indices(axis, levels)
    h, w = (max(1, n // 4 * 4) for k, n in enumerate(scan.grid.shape) if k != axis)  # the factors are to be whole
    truth = scan.slices(axis)[index, :h, :w] / np.float32(head.unit)
    mask = np.moveaxis(head.mask, axis, 0)[index, :h, :w]
    parts = [head.pose.coordinates(scan.grid.shape, axis, slice(k, k + 1)) for k in index]
    coords = np.concatenate(parts)[:, : prior.network.spatial_dims, :h, :w]
    x = torch.from_numpy(np.ascontiguousarray(truth))
    operator: Operator = Identity((h, w)) if factor == 1 else Downsample((h, w), factor)
    noise: NoiseModel = GaussianNoise(1e-3)  # of a clean slice: rounding
    if noise_fraction:
        noise = RicianNoise(noise_fraction * head.peak)
    y = noise.sample(operator.A(x), torch.Generator().manual_seed(seed)) if noise_fraction else operator.A(x)
    at = torch.from_numpy(np.ascontiguousarray(coords)).to(device)
    return Case(operator.to(device), noise.to(device), y.to(device), at, truth, mask, head.peak)
