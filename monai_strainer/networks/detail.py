# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Estimate an image and its standard deviation from measured slices and a description of the acquisition: a U-Net.

A coordinate prior is smooth by nature and cannot know a new brain's folds. This network knows how folds look. It sees
a slice, two neighbours on either side, and the features that the coordinate prior's encoder has at these positions of
the head; it takes the noise level and the operator, and gives the image and the standard deviation of every pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .file_names import name_in_files
from .precision import autocast_on

__all__ = ["CONDITIONS", "DetailPrior", "sizes_of_detail"]

CONDITIONS = 10
"""Numbers that describe a measurement: see :func:`monai_strainer.fitting.detail_inputs.conditions`."""


class _Block(nn.Module):
    """``h + conv(relu((1 + a) conv(h) + b))`` where ``a`` and ``b`` follow from the conditions, channel by channel.

    Without biases ``b`` is 0 as well, so that the block commutes with a change of scale.
    """

    def __init__(self, channels: int, conditions: int, bias: bool = True) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=bias)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=bias)
        self.modulation = nn.Linear(conditions, 2 * channels if bias else channels)
        nn.init.kaiming_normal_(self.first.weight, nonlinearity="relu")
        nn.init.normal_(self.second.weight, std=0.1 * (2 / (9 * channels)) ** 0.5)  # a block starts as little more than
        for offset in (self.first.bias, self.second.bias, self.modulation.bias):  # the identity
            if offset is not None:
                nn.init.zeros_(offset)
        nn.init.normal_(self.modulation.weight, std=0.05)

    def forward(self, h: Tensor, conditioning: Tensor) -> Tensor:
        changes = self.modulation(conditioning)[..., None, None]  # (B, 2 C or C, 1, 1)
        if not (self.training or torch.is_grad_enabled()):
            return self._in_place(h, changes)
        if self.first.bias is None:
            return h + self.second(F.relu(self.first(h) * (1 + changes)))
        gain, shift = changes.chunk(2, dim=1)
        return h + self.second(F.relu(torch.addcmul(shift, self.first(h), 1 + gain)))

    def _in_place(self, h: Tensor, changes: Tensor) -> Tensor:
        """Do the same without arrays between, which memory would have to carry; ``h`` changes."""
        inner = self.first(h)
        if self.first.bias is None:
            inner.mul_((1 + changes).to(inner.dtype))
        else:
            gain, shift = changes.chunk(2, dim=1)
            inner.mul_((1 + gain).to(inner.dtype)).add_(shift)
        return h.add_(self.second(inner.relu_()))


class _Stage(nn.ModuleList):
    """The blocks of one resolution, one after the other."""

    def forward(self, h: Tensor, conditioning: Tensor) -> Tensor:
        for block in self:
            h = block(h, conditioning)
        return h


class DetailPrior(nn.Module):
    """A residual U-Net from measured slices to the truth, on pixels folded two by two into channels.

    Args:
        slices: odd number of neighbouring slices it sees; the one in the middle is restored.
        channels: width of every stage; each stage has half the resolution of the one above.
        blocks: residual blocks of every stage, on the way down and again on the way up.
        features: channels of the coordinate prior's features; 0 for a network that does without.
        equivariant: no biases, and the input brought to mean 0 and spread 1. Then ``f(a y + b, a sigma) = a f(y, sigma)
            + b`` for Gaussian noise and ``f(a y, a sigma) = a f(y, sigma)`` for Rician noise, for every ``a > 0`` and
            ``b``: no unit, offset or bright tissue lies outside the range of the training.

    Source: Mohan et al., Robust and interpretable blind image denoising via bias-free CNNs, ICLR 2020; Herbreteau et
        al., Normalization-equivariant neural networks, NeurIPS 2023.

    Example:
        >>> net = DetailPrior(channels=(8, 8), blocks=1, features=4)
        >>> mean, log_std = net(torch.zeros(1, 7, 18, 20), torch.zeros(1, CONDITIONS), torch.zeros(1, 4, 5, 5))
        >>> mean.shape, log_std.shape
        (torch.Size([1, 1, 18, 20]), torch.Size([1, 1, 18, 20]))
    """

    def __init__(
        self,
        slices: int = 5,
        channels: Sequence[int] = (48, 96, 192),
        blocks: int = 2,
        features: int = 256,
        equivariant: bool = False,
    ) -> None:
        super().__init__()
        if slices < 1 or slices % 2 == 0 or len(channels) < 2 or min(channels) < 1 or blocks < 1:
            raise ValueError(
                "a detail prior needs an odd number of slices, two stages, and a channel and a block at each"
            )
        self.slices, self.channels, self.blocks, self.features = slices, tuple(channels), blocks, features
        self.equivariant, bias = equivariant, not equivariant
        inner, width = 64, self.channels[0]
        self.conditioning = nn.Sequential(nn.Linear(CONDITIONS, inner), nn.ReLU(), nn.Linear(inner, inner), nn.ReLU())
        self.stem = nn.Conv2d(4 * (slices + 2 + equivariant), width, 3, padding=1, bias=bias)
        self.feature_projection = nn.Conv2d(features, self.channels[1], 1, bias=False) if features else None
        pairs = list(zip(self.channels[:-1], self.channels[1:]))
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2, bias=bias) for a, b in pairs)
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2, bias=bias) for a, b in reversed(pairs))
        self.encode = nn.ModuleList(_Stage(_Block(c, inner, bias) for _ in range(blocks)) for c in self.channels)
        self.decode = nn.ModuleList(
            _Stage(_Block(c, inner, bias) for _ in range(blocks)) for c in reversed(self.channels[:-1])
        )
        self.tail = nn.Conv2d(width, 8, 3, padding=1, bias=bias)
        self.deviation = nn.Linear(inner, 1) if equivariant else None  # adds to its logarithm
        name_in_files(self, {"conditioning": "told", "feature_projection": "marry", "deviation": "level"})
        nn.init.normal_(self.tail.weight, std=1e-3)
        if self.tail.bias is not None:
            nn.init.zeros_(self.tail.bias)

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
        spread = image.new_ones(image.shape[0], 1, 1, 1)
        middle = image[:, self.slices // 2 : self.slices // 2 + 1]
        if self.equivariant:
            image, conditions, spread = self._normalised(image, conditions)
        height, width = image.shape[-2:]
        step = 2 ** len(self.channels)
        pad = (0, -width % step, 0, -height % step)
        conditioning = self.conditioning(conditions)
        folded = F.pixel_unshuffle(F.pad(image, pad, mode="replicate"), 2).contiguous(memory_format=torch.channels_last)
        with autocast_on(image.device, False):  # intensities need more than eight bits
            h = self.stem(folded.float())
        h = h.to(self._kept_in(image.device))
        skips = []
        for stage, blocks in enumerate(self.encode):
            if stage:
                skips.append(h)
                h = self.down[stage - 1](h)
            if stage == 1 and self.feature_projection is not None and features is not None:
                rows, columns = h.shape[-2] - features.shape[-2], h.shape[-1] - features.shape[-1]
                h = h + self.feature_projection(F.pad(features, (0, columns, 0, rows), mode="replicate"))
            h = blocks(h, conditioning)
        for up, blocks in zip(self.up, self.decode):
            h = blocks(up(h) + skips.pop(), conditioning)
        with autocast_on(image.device, False):
            out = F.pixel_shuffle(self.tail(h.float()), 2)[..., :height, :width]  # (B, 2, H, W)
            log_std = out[:, 1:] - 3.0  # deviations start at exp(-3), a twentieth of the range
            if self.deviation is not None:  # limits in units of the spread, whatever the scan's unit
                log_std = (log_std + self.deviation(conditioning.float())[..., None, None]).clamp(-9, 2)
        return middle + spread * out[:, :1], log_std + spread.log()

    def _kept_in(self, device: torch.device) -> torch.dtype:
        """Return the type of what blocks add to: in training float32, else that of their products."""
        is_rough = torch.amp.is_autocast_available(device.type) and torch.is_autocast_enabled(device.type)
        return torch.get_autocast_dtype(device.type) if is_rough and not self.training else torch.float32

    def _normalised(self, image: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Slices of mean 0 and spread 1, noise in units of the spread, what Rician noise adds to a pixel; the spread.

        The spread is ``sqrt(var(y) + mean(sigma^2))`` of the middle slice, so that air alone has one too.
        """
        slices, sigma, fraction = image.split([self.slices, 1, 1], dim=1)
        sigma = sigma / 10  # as :func:`monai_strainer.fitting.detail_inputs.show` shows it
        middle = slices[:, self.slices // 2 : self.slices // 2 + 1]
        level = sigma.square().mean((2, 3), keepdim=True).sqrt()
        spread = (middle.var((2, 3), correction=0, keepdim=True) + level.square()).sqrt().clamp_min(1e-12)
        is_rician, spacing_ratio = conditions[:, 8, None, None, None], conditions[:, 9, None, None, None]
        visible = torch.ones_like(slices[:1, :, :1, :1])
        visible[:, : self.slices // 2], visible[:, self.slices // 2 + 1 :] = 0, 0
        visible = torch.maximum(visible.expand(slices.shape[0], -1, 1, 1), (spacing_ratio > 0).to(slices))
        added = is_rician * (middle - (middle.square() - sigma.square()).clamp_min(0).sqrt())
        shown = (slices - middle.mean((2, 3), keepdim=True)) / spread * visible
        relative = (level / spread).flatten(1)  # (B, 1)
        numbers = torch.cat([3 * relative, (relative + 1e-3).log10() / 2 + 1.2], dim=1)
        conditions = torch.cat([conditions[:, :6], numbers, conditions[:, 8:]], dim=1)
        return torch.cat([shown, 5 * sigma / spread, fraction, added / spread], dim=1), conditions, spread


def sizes_of_detail(network: DetailPrior) -> dict[str, Any]:
    """Return the arguments that make a detail prior of the same architecture."""
    return {
        "slices": network.slices,
        "channels": list(network.channels),
        "blocks": network.blocks,
        "features": network.features,
        **({"equivariant": True} if network.equivariant else {}),
    }
