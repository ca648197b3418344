# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Supervised restorers from MONAI's blocks, and a training that ends when its processor time is spent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from monai.networks.nets import BasicUNet
from monai.networks.nets.swin_unetr import BasicLayer
from torch import Tensor, nn

from monai_strainer.optim.schedules import falling, set_rate
from monai_strainer.physics import AcquisitionDistribution, Downsample, Identity, NoiseModel, RicianNoise, Separable
from monai_strainer.pretraining.patches import CleanScan, MeasuredPatches

__all__ = ["NETWORKS", "Only", "Spent", "SwinRestorer", "UNet", "learn"]


def _silence(layer: nn.Conv2d) -> nn.Conv2d:
    """Set a last layer to zero, so that training starts from the input."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class UNet(nn.Module):
    """MONAI's BasicUNet on single slices, without normalisation; it predicts what is missing from its input."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        widths = (width, width, 2 * width, 4 * width, 8 * width, width)
        self.body = BasicUNet(2, 1, 1, widths, norm=None)
        _silence(self.body.final_conv)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, 1, H, W)`` to the same."""
        h, w = x.shape[-2:]
        padded = nn.functional.pad(x, (0, -w % 16, 0, -h % 16), mode="reflect")
        return x + self.body(padded)[..., :h, :w]


class SwinRestorer(nn.Module):
    """Blocks of MONAI's SwinUNETR between two convolutions, as in SwinIR; four pixels make a token."""

    def __init__(self, width: int = 48, stages: int = 3) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(4, width, 3, padding=1))
        self.body = nn.ModuleList(BasicLayer(width, 2, 4, (8, 8), [0.0, 0.0], mlp_ratio=2.0) for _ in range(stages))
        self.last = nn.Sequential(_silence(nn.Conv2d(width, 4, 3, padding=1)), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, 1, H, W)`` to the same."""
        h, w = x.shape[-2:]
        tokens = self.first(nn.functional.pad(x, (0, w % 2, 0, h % 2), mode="replicate"))
        for stage in self.body:
            tokens = tokens + stage(tokens)
        return x + self.last(tokens)[..., :h, :w]


NETWORKS = {"unet": UNet, "swin": SwinRestorer}


@dataclass(frozen=True)
class Only(AcquisitionDistribution):
    """Always the same measurement: an area average and Rician noise, as a fraction of the peak."""

    times: float = 2.0
    share: float = 0.003

    def draw(self, side: int, rng: np.random.Generator) -> tuple[Separable, NoiseModel]:
        """Return the operator on ``(side, side)`` images and its noise."""
        shape = (side, side)
        return Identity(shape) if self.times == 1 else Downsample(shape, self.times), RicianNoise(self.share)


@dataclass(frozen=True)
class Spent:
    """What a training took: gradient steps and seconds of the processor."""

    steps: int
    seconds: float


def _batches(patches: MeasuredPatches, groups: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield inputs and truths ``(B, 1, side, side)``, without end."""
    k = 0
    while True:
        batch = [patches[(k + j) % len(patches)] for j in range(groups)]
        k += groups
        yield torch.cat([part["image"][:, :1] for part in batch]), torch.cat([part["label"] for part in batch])


def learn(
    network: nn.Module,
    heads: list[CleanScan],
    measurements: AcquisitionDistribution,
    seconds: float,
    *,
    rate: float = 1e-3,
    groups: int = 2,
    side: int = 64,
    seed: int = 0,
) -> Spent:
    """Train in place with Adam on the squared error until the processor time is spent; the rate falls to nothing.

    Args:
        network: takes interpolated slices, gives restored ones.
        heads: clean ones.
        measurements: to learn to undo; the network does not know which.
        seconds: of this process, on all its threads together: other programs do not count.
        rate: at its highest, after a twentieth of the time.
        groups: measurements per step, of four patches each.
        side: of a patch.
        seed: of the draws.
    """
    patches = MeasuredPatches(
        heads, 2**20, patches=4, side=side, slices=1, neighbours=(1.0, 0.0), seed=seed, measurements=measurements
    )
    adam = torch.optim.Adam(network.parameters(), rate)
    start, step = time.process_time(), 0
    for image, label in _batches(patches, groups):
        share = (time.process_time() - start) / seconds
        if share >= 1 and step > 0:
            break
        set_rate(adam, rate * min(1.0, share / 0.05 + 1e-3) * falling(share, 1, 0.0))
        with torch.autocast("cpu", torch.bfloat16, enabled=torch.ops.mkldnn._is_mkldnn_bf16_supported()):
            out = network(image)
        loss = (out.float() - label).square().mean()
        adam.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 0.1)
        adam.step()
        step += 1
    network.eval()
    return Spent(step, time.process_time() - start)
