# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Tell from an image whether its voxels are truncated k-space or area averages, with a small convolutional network.

Truncated k-space rings beside edges: the finest differences change their sign from voxel to voxel. An area average does
not, and its finest differences are weaker. Both show in the autocorrelation of second differences along an axis. The
network is equivariant to units: the image is divided by its own mean absolute high-pass.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .noise_level import high_pass, mean_high_pass

__all__ = ["TruncationNet", "sizes_of_truncation"]

_ALONG, _BESIDE = 7, 3  # voxels that an autocorrelation is averaged over, along its axis and across it
_LEAST = 0.01  # added to a power before it divides
_AIR = 30.0  # taken from the logarithm of the weight of exact zeros


class TruncationNet(nn.Module):
    """Estimate the log odds that an image is truncated k-space, from local autocorrelations.

    With ``d`` the second difference along an axis, the network sees ``log <d_i d_i>`` and ``<d_i d_{i+k}> / <d_i d_i>``
    for ``k`` up to ``lags`` along both axes, and the logarithm of the high-pass power. Convolutions make evidence and
    weight of every voxel of these; the log odds are the weighted mean of the evidence.

    Args:
        channels: width.
        lags: of the autocorrelation, in voxels.
        layers: of convolution.

    Raises:
        ValueError: an argument below 1.

    Example:
        >>> net = TruncationNet(channels=4)
        >>> net(torch.rand(2, 1, 24, 24, generator=torch.Generator().manual_seed(0))).shape
        torch.Size([2])
    """

    def __init__(self, channels: int = 24, lags: int = 4, layers: int = 3) -> None:
        super().__init__()
        if min(channels, lags, layers) < 1:
            raise ValueError("a truncation network needs a channel, a lag and a layer")
        self.channels, self.lags, self.layers = channels, lags, layers
        widths = [2 * (lags + 1) + 1, *[channels] * layers]
        self.body = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths))
        self.tail = nn.Conv2d(channels, 2, 1)
        for layer in self.body:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        nn.init.normal_(self.tail.weight, std=1e-2)
        nn.init.zeros_(self.tail.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> Tensor:
        """Estimate the log odds of patches.

        Args:
            image: ``(B, 1, H, W)``. Exact zeros are background that was cut away and count for nothing.

        Returns:
            ``(B,)`` log odds of truncated k-space over an area average, for equal prior odds.
        """
        present = (image != 0).to(image)
        unit = mean_high_pass(image).clamp_min(1e-20)[:, None, None, None]
        detail = high_pass(image) * present / unit
        seen = [(F.avg_pool2d(detail.square(), 3, 1, 1) + 1e-3).log()]
        seen.append(self._correlations(image / unit, present))
        seen.append(self._correlations(image.mT / unit, present.mT).mT)
        h = torch.cat(seen, dim=1)
        for layer in self.body:
            h = F.leaky_relu(layer(h), 0.1)
        evidence, weight = self.tail(h).flatten(2).unbind(1)  # (B, H W) each
        weight = torch.softmax(weight + (present.flatten(1) - 1) * _AIR, dim=1)
        return (weight * evidence).sum(1)

    def _correlations(self, image: Tensor, present: Tensor) -> Tensor:
        """Local power and autocorrelations ``(B, lags + 1, H, W)`` of second differences along the rows' axis."""
        long = F.pad(image, (0, 0, 1, 1), mode="replicate")
        d = (long[:, :, :-2] - 2 * long[:, :, 1:-1] + long[:, :, 2:]) * present
        power = self._local(d.square()) + _LEAST
        found = [power.log()]
        for lag in range(1, self.lags + 1):
            product = torch.zeros_like(d)  # all of it where the image is not longer than the lag
            product[:, :, lag // 2 : d.shape[2] - (lag - lag // 2)] = d[:, :, lag:] * d[:, :, :-lag]
            found.append(self._local(product) / power)
        return torch.cat(found, dim=1)

    @staticmethod
    def _local(image: Tensor) -> Tensor:
        return F.avg_pool2d(image, (_ALONG, _BESIDE), 1, (_ALONG // 2, _BESIDE // 2))


def sizes_of_truncation(network: TruncationNet) -> dict[str, Any]:
    """Return the arguments that make a network of the same architecture."""
    return {"channels": network.channels, "lags": network.lags, "layers": network.layers}
