# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""How fast an accelerator is: refinement, the paper's pretraining, and restore of a whole volume.

python benchmarks/accelerator.py [--device cuda]

The volume is the template of the demonstration. It writes benchmarks/accelerator.csv and its table in
docs/performance.md, with the name of the device. The peer is siren-pytorch on the same device; `launched piece by
piece` is our own step without its record. `--tiny` goes through all of it in seconds, on any device, and writes
nothing.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from siren_pytorch import SirenNet
from speed_table import ROOT, page
from tables import fill
from timing import WIDTH, Row, row

from monai_strainer import load_prior, restore
from monai_strainer.anatomy.aligned_slices import AlignedSlices
from monai_strainer.fitting import FitOptions, refine
from monai_strainer.geometry import centres
from monai_strainer.networks import Siren
from monai_strainer.optim import cuda_graphs as recorded
from monai_strainer.physics import GaussianNoise, Identity, Measurement
from monai_strainer.pipelines.demo import template
from monai_strainer.pretraining.encoder import PAPER, pretrain
from monai_strainer.pretraining.run import Run
from monai_strainer.storage.tables import write_csv

SIDE, LAYERS = 178, 6


def spent(work: Callable[[], Any], device: torch.device) -> float:
    """Seconds until a device has done its work."""
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def plain(points: torch.Tensor, values: torch.Tensor, width: int, steps: int) -> None:
    """Train the peer network, with every step as everyone writes it."""
    images = values.shape[-1]
    peer = SirenNet(dim_in=2, dim_hidden=width, dim_out=images, num_layers=LAYERS - 1, w0_initial=30.0).to(points)
    optimiser = torch.optim.Adam(peer.parameters(), 1e-4)
    for _ in range(steps):
        optimiser.zero_grad()
        (peer(points) - values).square().mean().backward()
        optimiser.step()


def fits(device: torch.device, side: int, width: int, steps: int) -> list[Row]:
    """Measure the steps per second of a refinement that sees the whole slice in every step."""
    axis = torch.from_numpy(centres(side).astype(np.float32))
    coords = torch.stack(torch.meshgrid(axis, axis, indexing="ij"))[None].to(device)
    image = torch.rand(1, side, side, generator=torch.Generator().manual_seed(0)).to(device)
    siren = Siren(2, hidden_channels=width).to(device)
    given = FitOptions(points=side * side, every=steps + 1, allow_no_network=False)

    def ours(count: int, optimiser: str) -> float:
        noise = GaussianNoise(0.01).to(device)
        work = replace(given, steps=count, optimiser=optimiser)
        return spent(lambda: refine(siren, coords, Measurement(Identity((side, side)), image, noise), work), device)

    points, rows = coords.flatten(2)[0].T.contiguous(), []
    for count in (10, steps):  # the first to warm up
        slow = spent(lambda count=count: plain(points, image.reshape(-1, 1), width, count), device)
    rows.append(row(f"fit of {side} x {side}, siren-pytorch, float32", steps / slow, "steps/s"))
    for optimiser in ("adam", "muon"):
        for name, before in (("recorded", recorded.BEFORE), ("launched piece by piece", 10**9)):
            with patch.object(recorded, "BEFORE", before):
                few, many = (ours(count, optimiser) for count in (10, 10 + steps))
            name_of_row = f"refinement of {side} x {side}, {optimiser}, {name}"
            rows.append(row(name_of_row, steps / (many - few), "steps/s", ratio_to_peer=slow / (many - few)))
    return rows


def pretrainings(device: torch.device, side: int, width: int, steps: int) -> list[Row]:
    """STRAINER-10 as in the paper, which states 24 s for 5,000 steps."""
    images = np.random.default_rng(0).random((10, 1, side, side)).astype(np.float16)
    slices = AlignedSlices(images, tuple(centres(n).astype(np.float32) for n in (1, side, side)))  # type: ignore[arg-type]
    recipe, network = replace(PAPER, steps=steps), Siren(2, hidden_channels=width)
    pretrain(slices, replace(recipe, steps=8), network=network, run=Run(device=device))
    fast = spent(lambda: pretrain(slices, recipe, network=network, run=Run(device=device)), device)
    points = torch.rand(side * side, 2, device=device) * 2 - 1
    values, few = torch.rand(side * side, 10, device=device), max(1, steps // 10)
    slow = spent(lambda: plain(points, values, width, few), device) * steps / few
    return [row(f"pretraining as in the paper, {steps:,} steps", fast, "s", ratio_to_peer=slow / fast)]


def volumes(device: torch.device, levels: int) -> list[Row]:
    """Time the default restoration of a volume, without reading and writing."""
    volume, prior, rows = template(), load_prior(), []
    axis = volume.slice_axis
    n = volume.data.shape[axis]
    data = np.take(volume.data, (np.arange(levels) + (n - levels) // 2) % n, axis)
    shape = (data.shape[0], data.shape[1], data.shape[2])
    made = replace(volume, data=np.ascontiguousarray(data), grid=replace(volume.grid, shape=shape))
    for scale in (1, 2):
        restore(made, prior, scale, device=device)  # libraries choose their ways
        seconds = spent(lambda scale=scale: restore(made, prior, scale, device=device), device)
        rows.append(row(f"restore, default, x{scale}, {' x '.join(map(str, shape))}", seconds, "s"))
    return rows


def main() -> None:
    """Measure, and write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", type=torch.device, default="cuda")
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    side, width, steps, paper, levels = (12, 16, 4, 10, 3) if args.tiny else (SIDE, WIDTH, 2000, 5000, 160)
    rows = fits(args.device, side, width, steps)
    rows += pretrainings(args.device, side, width, paper)
    rows += volumes(args.device, levels)
    is_cuda = args.device.type == "cuda"
    if is_cuda:
        rows.append(row("most memory held", torch.cuda.max_memory_allocated(args.device) / 2**30, "GiB"))
    if args.tiny:
        return
    device = torch.cuda.get_device_name(args.device) if is_cuda else platform.machine()
    stamped = [{**made, "machine": f"{device}, torch {torch.__version__}"} for made in rows]
    columns = list(dict.fromkeys(key for made in stamped for key in made))
    write_csv(stamped, ROOT / "benchmarks" / "accelerator.csv", columns)
    fill(ROOT / "docs" / "performance.md", {"accelerator": f"{stamped[0]['machine']}:\n\n{page(stamped)}"})


if __name__ == "__main__":
    main()
