# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Estimate the noise level of an image with a small convolutional network.

Fine anatomy and noise look alike to a wavelet; a network that was trained on both separates them. It is
equivariant to units, ``s(a y + b) = a s(y)``: the image is divided by its own mean absolute high-pass.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["NoiseLevelNet", "high_pass", "mean_high_pass", "sizes_of_noise_level"]

FLOOR = 0.01  # of the mean absolute high-pass: below, a level is 0


def high_pass(image: Tensor) -> Tensor:
    """Subtract from each pixel of the image the mean of its four neighbours, ``(B, 1, H, W)``.

    Example:
        >>> high_pass(torch.ones(1, 1, 3, 3)).abs().max()
        tensor(0.)
    """
    kernel = image.new_tensor([[0, -0.25, 0], [-0.25, 1, -0.25], [0, -0.25, 0]])[None, None]
    return F.conv2d(F.pad(image, (1, 1, 1, 1), mode="replicate"), kernel)


def mean_high_pass(image: Tensor) -> Tensor:
    """Mean absolute high-pass ``(B,)`` of patches ``(B, 1, H, W)``; exact zeros, cut-away background, do not count."""
    present = (image != 0).to(image)
    return (high_pass(image) * present).abs().sum((1, 2, 3)) / present.sum((1, 2, 3)).clamp_min(1)


class NoiseLevelNet(nn.Module):
    """Five 3 x 3 convolutions weigh the pixels of a patch; the weighted power of the high-pass is its noise level.

        ``log s = log(sum_i w_i d_i^2 / (5/4)) / 2 + sum_i w_i c_i``

    with the high-pass ``d``, whose power is 5/4 of white noise's, weights ``w`` that sum to 1 and corrections ``c``,
    both of the network. An untrained network is right about pure noise; training finds the patches that are.

    Args:
        channels: width.
        layers: of convolution.

    Example:
        >>> net = NoiseLevelNet(channels=4, layers=2)
        >>> log_level, log_spread = net(torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(0)))
        >>> log_level.shape, log_spread.shape
        (torch.Size([2]), torch.Size([2]))
    """

    def __init__(self, channels: int = 32, layers: int = 5) -> None:
        super().__init__()
        if channels < 1 or layers < 2:
            raise ValueError("a noise level network needs a channel and two layers")
        self.channels, self.layers = channels, layers
        widths = [2, *[channels] * (layers - 1)]
        self.body = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths))
        self.tail = nn.Conv2d(channels, 3, 3, padding=1)
        for layer in self.body:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        nn.init.normal_(self.tail.weight, std=1e-2)
        nn.init.zeros_(self.tail.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Estimate the noise level of patches.

        Args:
            image: ``(B, 1, H, W)``. Exact zeros are background that was cut away and count for nothing.

        Returns:
            ``log(sigma + FLOOR h)`` and the logarithm of its own uncertainty (mean absolute error), ``(B,)`` each;
            ``h`` is the mean absolute high-pass.
        """
        present = (image != 0).to(image)
        detail = high_pass(image) * present
        count = present.sum((1, 2, 3), keepdim=True).clamp_min(1)
        unit = (detail.abs().sum((1, 2, 3), keepdim=True) / count).clamp_min(1e-20)
        middle = (image * present).sum((1, 2, 3), keepdim=True) / count
        h = torch.cat([detail / unit, torch.tanh((image - middle) / (10 * unit)) * present], dim=1)
        for layer in self.body:
            h = F.relu(layer(h))
        level, weight, spread = self.tail(h).flatten(2).unbind(1)  # (B, H W) each
        weight = torch.softmax(weight + (present.flatten(1) - 1) * 30, dim=1)
        power = (weight * (detail / unit).flatten(1).square()).sum(1) / 1.25
        log_level = (power + FLOOR**2).log() / 2 + (weight * level).sum(1) + unit.flatten().log()
        return log_level, (weight * spread).sum(1) - 2.0


def sizes_of_noise_level(network: NoiseLevelNet) -> dict[str, Any]:
    """Return the arguments that make a network of the same architecture."""
    return {"channels": network.channels, "layers": network.layers}
