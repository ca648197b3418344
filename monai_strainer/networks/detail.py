# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The detail prior: a residual U-Net that is told how an image was measured and says what the truth looked like.

A coordinate prior is smooth by nature and cannot know a new brain's folds. This network knows how folds look. It sees
a slice, two neighbours on either side, and the features that the coordinate prior's encoder has at these places of the
head; it is told the noise level and the operator, and gives the image and how sure it is of every pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["CONDITIONS", "DetailPrior", "sizes_of_detail"]

CONDITIONS = 10
"""Numbers that describe a measurement: see :func:`monai_strainer.fitting.showing.conditions`."""


class _Block(nn.Module):
    """``h + conv(relu((1 + a) conv(h) + b))`` where ``a`` and ``b`` follow from the conditions, channel by channel."""

    def __init__(self, channels: int, conditions: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.modulation = nn.Linear(conditions, 2 * channels)
        nn.init.kaiming_normal_(self.first.weight, nonlinearity="relu")
        nn.init.normal_(self.second.weight, std=0.1 * (2 / (9 * channels)) ** 0.5)  # a block starts as little more than
        for bias in (self.first.bias, self.second.bias, self.modulation.bias):  # the identity
            nn.init.zeros_(bias)  # type: ignore[arg-type]
        nn.init.normal_(self.modulation.weight, std=0.05)

    def forward(self, h: Tensor, told: Tensor) -> Tensor:
        scale, shift = self.modulation(told)[..., None, None].chunk(2, dim=1)  # (B, C, 1, 1) each
        return h + self.second(F.relu(torch.addcmul(shift, self.first(h), 1 + scale)))


class _Level(nn.ModuleList):
    """Blocks of one resolution, one after the other."""

    def forward(self, h: Tensor, told: Tensor) -> Tensor:
        for block in self:
            h = block(h, told)
        return h


class DetailPrior(nn.Module):
    """A residual U-Net from measured slices to the truth, on pixels folded two by two into channels.

    Args:
        slices: odd number of neighbouring slices it sees; the one in the middle is restored.
        channels: width of every level; each level has half the resolution of the one above.
        blocks: residual blocks of every level, on the way down and again on the way up.
        features: channels of the coordinate prior's features; 0 for a network that does without.

    Example:
        >>> net = DetailPrior(channels=(8, 8), blocks=1, features=4)
        >>> mean, log_std = net(torch.zeros(1, 7, 18, 20), torch.zeros(1, CONDITIONS), torch.zeros(1, 4, 5, 5))
        >>> mean.shape, log_std.shape
        (torch.Size([1, 1, 18, 20]), torch.Size([1, 1, 18, 20]))
    """

    def __init__(
        self, slices: int = 5, channels: Sequence[int] = (48, 96, 192), blocks: int = 2, features: int = 256
    ) -> None:
        super().__init__()
        if slices < 1 or slices % 2 == 0 or len(channels) < 2 or min(channels) < 1 or blocks < 1:
            raise ValueError(
                "a detail prior needs an odd number of slices, two levels, and a channel and a block at each"
            )
        self.slices, self.channels, self.blocks, self.features = slices, tuple(channels), blocks, features
        told, width = 64, self.channels[0]
        self.told = nn.Sequential(nn.Linear(CONDITIONS, told), nn.ReLU(), nn.Linear(told, told), nn.ReLU())
        self.stem = nn.Conv2d(4 * (slices + 2), width, 3, padding=1)
        self.marry = nn.Conv2d(features, self.channels[1], 1, bias=False) if features else None
        pairs = list(zip(self.channels[:-1], self.channels[1:]))
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairs)
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in reversed(pairs))
        self.encode = nn.ModuleList(_Level(_Block(c, told) for _ in range(blocks)) for c in self.channels)
        self.decode = nn.ModuleList(
            _Level(_Block(c, told) for _ in range(blocks)) for c in reversed(self.channels[:-1])
        )
        self.tail = nn.Conv2d(width, 8, 3, padding=1)
        nn.init.normal_(self.tail.weight, std=1e-3)
        nn.init.zeros_(self.tail.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor, conditions: Tensor, features: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Restore the slice in the middle.

        Args:
            image: ``(B, slices + 2, H, W)``: the slices at the resolution asked for, the noise level of every pixel,
                and how much of each pixel the operator left open.
            conditions: ``(B, CONDITIONS)``.
            features: ``(B, features, ceil(H / 4), ceil(W / 4))`` of the coordinate prior, or None to do without.

        Returns:
            the image ``(B, 1, H, W)`` and the logarithm of its standard deviation, float32.
        """
        height, width = image.shape[-2:]
        step = 2 ** len(self.channels)
        pad = (0, -width % step, 0, -height % step)
        told = self.told(conditions)
        middle = image[:, self.slices // 2 : self.slices // 2 + 1]
        folded = F.pixel_unshuffle(F.pad(image, pad, mode="replicate"), 2).contiguous(memory_format=torch.channels_last)
        with torch.autocast(image.device.type, enabled=False):  # intensities need more than eight bits
            h = self.stem(folded.float())
        skips = []
        for level, blocks in enumerate(self.encode):
            if level:
                skips.append(h)
                h = self.down[level - 1](h)
            if level == 1 and self.marry is not None and features is not None:
                rows, columns = h.shape[-2] - features.shape[-2], h.shape[-1] - features.shape[-1]
                h = h + self.marry(F.pad(features, (0, columns, 0, rows), mode="replicate"))
            h = blocks(h, told)
        for up, blocks in zip(self.up, self.decode):
            h = blocks(up(h) + skips.pop(), told)
        with torch.autocast(image.device.type, enabled=False):
            out = F.pixel_shuffle(self.tail(h.float()), 2)[..., :height, :width]  # (B, 2, H, W)
        return middle + out[:, :1], out[:, 1:] - 3.0  # deviations start at exp(-3), a twentieth of the range


def sizes_of_detail(network: DetailPrior) -> dict[str, Any]:
    """The arguments that make a detail prior of the same architecture."""
    return {
        "slices": network.slices,
        "channels": list(network.channels),
        "blocks": network.blocks,
        "features": network.features,
    }
