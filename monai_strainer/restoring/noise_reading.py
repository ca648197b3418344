# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read the noise level of a scan with the noise level network, as one value, or as a map where it varies.

Every patch gives a level and its uncertainty; the scan's level is their weighted median. Under parallel imaging the
noise is stronger in the middle of the body: where a smooth surface explains the patches much better than one value,
that surface is the map.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..networks.noise_level import FLOOR, NoiseLevelNet, mean_high_pass
from .patches import FILLED, patches_of

__all__ = ["LARGE", "SMALL", "NoiseReading", "read_noise"]

LARGE, SMALL = 64, 32  # sides of patches, in voxels
_PATCHES = 512  # at most
_FLOOR = 0.02  # of sigma: what no reading can promise
_BETTER = 0.6  # fraction of the weighted variance of log levels that a map must explain
_UNEVEN = 1.6  # ratio of the map's extremes (5 and 95 %) from which it is used
_FEWEST = 24  # patches for a map
_TOGETHER = 3 * LARGE**2  # pixels that go through the network at once: their channels stay in a processor's cache
_LEVELS = 64  # distinct values below which noise and rounding cannot be separated


@dataclass(frozen=True, eq=False)
class NoiseReading:
    """A noise level and how sure it is, in the units of the data.

    Args:
        sigma: of the scan; 0 where there is none.
        std: standard error of it.
        map: (S, H, W) levels where the noise is uneven, else None.
        readable: False for rounded or constant data, of which no level can be read.
    """

    sigma: float
    std: float
    map: NDArray[np.float32] | None = None
    readable: bool = True


@dataclass(frozen=True)
class _Patches:
    level: NDArray[np.float64]  # (P,) sigma
    weight: NDArray[np.float64]  # (P,)
    position: NDArray[np.float64]  # (P, 3) slice, row, column of the middle in [-1, 1]


def read_noise(
    network: NoiseLevelNet,
    slices: NDArray[np.float32],
    signal: NDArray[np.bool_],
    side: int = SMALL,
    filled: float = FILLED,
) -> NoiseReading:
    """Read the noise level of a stack of slices.

    In large patches the smooth parts rule, and the level is 5 to 10 % too low; in small ones fine anatomy of a scan
    with little noise looks like noise.

    Args:
        network: that reads patches.
        slices: (S, H, W); exact zeros are background that was cut away.
        signal: (S, H, W) where the object is; patches of air alone are left out where there are others.
        side: of a patch, in voxels.
        filled: fraction of a patch that is signal, where there are such patches.
    """
    few = np.unique(slices[:: max(1, len(slices) // 8)])
    if len(few) < _LEVELS:
        return NoiseReading(0.0, 0.0, readable=False)
    patches = _read_patches(network, slices, signal, side, filled)
    if len(patches.level) == 0:
        return NoiseReading(0.0, 0.0, readable=False)
    sigma = _weighted_median(patches.level, patches.weight)
    if sigma <= 0:
        return NoiseReading(0.0, 0.0)
    log = np.log(np.maximum(patches.level, 0.05 * sigma))
    spread = 1.2533 * 1.4826 * _weighted_median(np.abs(log - math.log(sigma)), patches.weight)
    effective = patches.weight.sum() ** 2 / np.square(patches.weight).sum()
    std = sigma * math.hypot(spread / math.sqrt(max(effective, 1.0)), _FLOOR)
    return NoiseReading(sigma, std, _uneven(patches, log, slices.shape))


@torch.no_grad()
def _read_patches(
    network: NoiseLevelNet, slices: NDArray[np.float32], signal: NDArray[np.bool_], side: int, filled: float
) -> _Patches:
    device = next(network.parameters()).device
    levels, weights, positions = [], [], []
    for patches, middles in patches_of(slices, signal, side, _PATCHES, filled):
        image = patches.to(device)
        log_level, log_spread = _read(network, image)
        unit = mean_high_pass(image)
        levels.append((log_level.exp() - FLOOR * unit).clamp_min(0).double().cpu().numpy())
        weights.append(torch.exp(-2 * log_spread.clamp(-4, 2)).double().cpu().numpy())
        positions += [
            [2 * (middle + (k == 0) / 2) / n - 1 for k, (middle, n) in enumerate(zip(one, slices.shape))]
            for one in middles
        ]
    if not levels:
        return _Patches(np.empty(0), np.empty(0), np.empty((0, 3)))
    return _Patches(np.concatenate(levels), np.concatenate(weights), np.array(positions))


def _read(network: NoiseLevelNet, image: Tensor) -> tuple[Tensor, Tensor]:
    """Logarithms of the levels of patches (P, 1, H, W) and of their uncertainty, (P,) each."""
    if image.device.type != "cpu":
        found: tuple[Tensor, Tensor] = network(image)
        return found
    parts = [network(some) for some in image.split(max(1, _TOGETHER // image[0].numel()))]
    return torch.cat([level for level, _ in parts]), torch.cat([spread for _, spread in parts])


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(cumulative, cumulative[-1] / 2)])


def _uneven(patches: _Patches, log: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float32] | None:
    """Fit a map of levels, ``exp`` of a quadratic surface in the plane and a slope across slices, if it is needed."""
    if len(log) < _FEWEST:
        return None
    design, root = _surface(patches.position), np.sqrt(patches.weight)
    kept = np.ones(len(log), bool)
    for _ in range(3):  # patches full of texture read high: leave out what lies far off
        some = root * kept
        solution = np.linalg.lstsq(design * some[:, None], log * some, rcond=1e-6)[0]
        rest = log - design @ solution
        spread = 1.4826 * np.median(np.abs(rest[kept]))
        kept = np.abs(rest) < 3 * spread + 1e-3
    weight = patches.weight * kept
    centre = np.average(log, weights=weight)
    explained = 1 - np.average(rest**2, weights=weight) / max(np.average((log - centre) ** 2, weights=weight), 1e-12)
    if explained < _BETTER:
        return None
    axes = [2 * (np.arange(n) + 0.5) / n - 1 for n in shape]
    inside = [np.clip(a, patches.position[:, k].min(), patches.position[:, k].max()) for k, a in enumerate(axes)]
    q, r, c = np.ix_(*inside)
    w = solution
    surface = (w[0] + w[1] * q) + (w[2] * r + w[4] * r * r) + (w[3] + w[5] * r) * c + w[6] * c * c
    low, high = np.percentile(surface, [5, 95])
    return np.exp(surface).astype(np.float32) if math.exp(high - low) > _UNEVEN else None


def _surface(position: NDArray[np.float64]) -> NDArray[np.float64]:
    s, r, c = position.T
    return np.stack([np.ones_like(s), s, r, c, r * r, r * c, c * c], axis=1)
