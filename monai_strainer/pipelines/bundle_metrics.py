# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Measure the detail network of a new prior on scans that did not train: the metrics of its bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..cohorts.read import read_heads
from ..physics import AcquisitionDistribution, Downsample, NoiseModel, RicianNoise, Separable
from ..pretraining.patches import MeasuredPatches
from ..priors.prior import Prior

__all__ = ["OneAcquisition", "measured"]

_SCANS, _GROUPS, _SIDE = 3, 24, 96


@dataclass(frozen=True)
class OneAcquisition(AcquisitionDistribution):
    """The same acquisition in every draw.

    Args:
        voxel: in-plane edge of a measured voxel over that of the result; 1 only adds noise.
        sigma: Rician noise level, the head being about ``[0, 1]``.

    Example:
        >>> operator, noise = OneAcquisition(voxel=2).draw(32, np.random.default_rng(0))
        >>> operator.shape_out
        (16, 16)
    """

    voxel: float = 1.0
    sigma: float = 0.03

    def draw(self, side: int, rng: np.random.Generator) -> tuple[Separable, NoiseModel]:
        """Return the one acquisition; nothing is drawn.

        Args:
            side: rows and columns of the images.
            rng: not used.
        """
        return Downsample((side, side), self.voxel), RicianNoise(self.sigma)


TASKS = {"noise_3_percent": OneAcquisition(), "in_plane_2x": OneAcquisition(voxel=2, sigma=0.003)}


@torch.no_grad()
def measured(prior: Prior, scans: Sequence[Path]) -> dict[str, float]:
    """Measure the detail network alone, without the correction by the measured data.

    Args:
        prior: with a detail network.
        scans: that did not train; the first three are used.

    Returns:
        mean PSNR in dB over patches, of every task: of what was measured (interpolated), and restored. Empty where
        there is no scan or no detail network.
    """
    if prior.detail is None or not scans:
        return {}
    heads, found = read_heads(list(scans)[:_SCANS], percentile=prior.percentile), {}
    detail, siren = prior.detail.eval(), prior.network if prior.detail.features else None
    for task, acquisition in TASKS.items():
        patches = MeasuredPatches(
            heads, _GROUPS, side=_SIDE, slices=detail.slices, neighbours=(0.0, 0.0), measurements=acquisition
        )
        before, after = [], []
        for k in range(len(patches)):
            group = patches[k]
            features = None if siren is None else siren(group["coords"], features=True)
            mean, _ = detail(group["image"], group["conditions"], features)
            before.append(_psnr(group["image"][:, detail.slices // 2 : detail.slices // 2 + 1], group["label"]))
            after.append(_psnr(mean, group["label"]))
        found[f"psnr_{task}_measured"] = round(float(np.mean(before)), 2)
        found[f"psnr_{task}_restored"] = round(float(np.mean(after)), 2)
    return found


def _psnr(image: Tensor, label: Tensor) -> float:
    return float(-10 * torch.log10((image - label).double().square().mean().clamp_min(1e-12)))
