# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Compare reconstructions of one slice in deepinv: pseudo-inverse, plug-and-play with two denoisers, and ``restore``.

python examples/deepinv/compare.py SCAN [SLICE]    # a scan with little noise, and a slice along its slice axis

The slice is measured with voxels twice as large, and with 2.5 times fewer k-space lines, both with 2 % Gaussian noise.
Needs the extra: pip install 'monai_strainer[deepinv]'.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import deepinv
import torch
from torch import Tensor

from monai_strainer import load_prior, read
from monai_strainer.adapters.deepinv import StrainerDenoiser, StrainerPhysics, StrainerReconstructor
from monai_strainer.physics import Downsample, GaussianNoise, KSpaceLines, Operator, random_lines

SIGMA = 0.02  # of the noise, the brightest voxel being 1


def operators(height: int, width: int) -> dict[str, Operator]:
    """Return the two acquisitions of an image of even sides."""
    return {
        "voxels twice as large": Downsample((height, width), 2),
        "2.5x fewer k-space lines": KSpaceLines((height, width), axis=1, kept=random_lines(width, 2.5, centre=0.16)),
    }


def methods() -> dict[str, Callable[[Tensor, StrainerPhysics], Tensor]]:
    """Return the reconstructions by name; each takes the data and the physics."""
    prior = load_prior()
    total_variation = deepinv.optim.DPIR(sigma=SIGMA, denoiser=deepinv.models.TVDenoiser())
    network = deepinv.optim.DPIR(sigma=SIGMA, denoiser=StrainerDenoiser(prior, mirrors=False))
    return {
        "pseudo-inverse": lambda y, physics: physics.A_dagger(y),
        "DPIR, total variation": total_variation,
        "DPIR, StrainerDenoiser": network,
        "StrainerReconstructor": StrainerReconstructor(prior),
        'StrainerReconstructor(method="coordinates")': StrainerReconstructor(prior, method="coordinates"),
    }


def main(argv: list[str]) -> None:
    """Print a table of PSNR and processor time."""
    torch.set_num_threads(1)
    scan = read(Path(argv[0]))
    slices = scan.slices(scan.slice_axis)
    image = torch.from_numpy(slices[int(argv[1]) if len(argv) > 1 else len(slices) // 2])
    x = image[None, None, : image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
    x = x / x.max()
    psnr = deepinv.loss.metric.PSNR()
    print("| measured with | reconstruction | PSNR | time |\n| --- | --- | ---: | ---: |")
    for name, operator in operators(*x.shape[2:]).items():
        physics = StrainerPhysics(operator, GaussianNoise(SIGMA))
        torch.manual_seed(0)
        y = physics(x)
        for method, reconstruct in methods().items():
            start = time.process_time()
            with torch.no_grad():
                found = reconstruct(y, physics)
            took = time.process_time() - start
            print(f"| {name} | {method} | {float(psnr(found, x)):.2f} dB | {took:.1f} s |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
