# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""How fast the parts are, as ratios within one run: to SIREN code as everyone writes it, and to this machine's ceiling.

python benchmarks/speed.py SCAN.nii.gz [--only fit pretraining ...]

It writes benchmarks/speed.csv and the table of docs/performance.md.

The peer is siren-pytorch from PyPI. Every ratio is the median of rounds in which peer and ours take turns, so that a
busy machine slows both. Floating point operations are counted as 6 per weight and point of a training step.
"""

from __future__ import annotations

import argparse
import csv
import math
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from siren_pytorch import SirenNet
from speed_table import ROOT, show
from timing import WIDTH, Ceiling, Row, ceilings, row, seconds
from torch import Tensor, nn
from waits import cohorts, heads, restores, startup

from monai_strainer import load_prior, read
from monai_strainer.anatomy.foreground import foreground, intensity_scale_of
from monai_strainer.anatomy.head_frame import find_pose
from monai_strainer.fitting.readout import solve_ridge, with_bias
from monai_strainer.networks import SineTape, Siren, SirenStack, StrainerNet, encoded
from monai_strainer.optim.muon import optimisers
from monai_strainer.optim.schedules import falling, set_rate
from monai_strainer.pretraining.encoder import images_of
from monai_strainer.storage.tables import write_csv

LAYERS, SHAPE = 6, (176, 208)
WEIGHTS = 2 * WIDTH + (LAYERS - 2) * WIDTH**2 + WIDTH
RATE, HEAD_RATE = 1.5e-4, 3e-4  # of Muon and of Adam beside it, where a clean image is to be fitted to the last bit
BUDGETS = (50, 75, 100, 150, 200, 300)


def peer_of(out_channels: int = 1) -> nn.Module:
    """siren-pytorch's network of the same size."""
    return SirenNet(dim_in=2, dim_hidden=WIDTH, dim_out=out_channels, num_layers=LAYERS - 1, w0_initial=30.0)  # type: ignore[no-any-return]


def stepping(parameters: Any, loss_of: Callable[[], Tensor]) -> Callable[[], float]:
    """Build a training step with Adam."""
    optimiser = torch.optim.Adam(parameters, 1e-4)

    def step() -> float:
        optimiser.zero_grad()
        loss = loss_of()
        loss.backward()
        optimiser.step()
        return float(loss.detach())

    return step


def fitting(count: int, copies: int = 1, half: bool = False) -> tuple[Callable[[], float], Callable[[], float]]:
    """Build a step of the peer and one of ours on the same random points; the peer fits one image after the other."""
    torch.manual_seed(0)
    points, values = torch.rand(copies, count, 2) * 2 - 1, torch.rand(copies, count, 1)
    peers = [peer_of() for _ in range(copies)]
    theirs = [
        stepping(p.parameters(), lambda p=p, k=k: (p(points[k]) - values[k]).square().mean())
        for k, p in enumerate(peers)
    ]
    stack = SirenStack(Siren(2), copies)
    stack.tape = SineTape(half)
    optimiser = torch.optim.Adam(stack.parameters(), 1e-4, fused=True)

    def ours() -> float:
        optimiser.zero_grad()
        total = 0.0
        for part, label in zip(points.split(4096, 1), values.split(4096, 1)):  # as in pretraining
            loss = (stack(part) - label).square().sum() / count
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        optimiser.step()
        return total

    return lambda: sum(step() for step in theirs), ours


def fit(rounds: int = 7) -> list[Row]:
    """Time a step of a clean fit: whole slice, random points, several slices at once."""
    rows = []
    for name, count, copies, times in (
        ("whole slice", SHAPE[0] * SHAPE[1], 1, rounds),
        ("4,096 points", 4096, 1, 6 * rounds),
        ("4,096 points of 4 slices", 4096, 4, 3 * rounds),
    ):
        for half in (False, True):
            top = Ceiling()
            theirs, ours = seconds(*fitting(count, copies, half), rounds=times)
            done = 6 * WEIGHTS * count * copies
            rows.append(
                row(
                    f"fit, {name}, {'bfloat16 products' if half else 'float32'}",
                    count * copies / ours,
                    "points/s",
                    peer=count * copies / theirs,
                    ratio=theirs / ours,
                    steps_per_second=1 / ours,
                    **top.shares(done / ours),
                )
            )
    return rows


def pretraining(rounds: int = 5) -> list[Row]:
    """Time a step of the paper's pretraining (10 images, whole slice)."""
    torch.manual_seed(0)
    count, heads = SHAPE[0] * SHAPE[1], 10
    points, values = torch.rand(1, count, 2) * 2 - 1, torch.rand(heads, count)
    peer = peer_of(heads)
    theirs = stepping(peer.parameters(), lambda: (peer(points[0]).T - values).square().mean(1).sum())
    rows = []
    for half in (False, True):
        shared, tape = StrainerNet(2, num_heads=heads), SineTape(half)
        optimiser = torch.optim.Adam(shared.parameters(), 1e-4, fused=True)

        def ours(shared: StrainerNet = shared, tape: SineTape = tape, optimiser: Any = optimiser) -> None:
            optimiser.zero_grad(set_to_none=True)
            for part, label in zip(points.split(4096, 1), values.split(4096, 1)):
                h = encoded(shared.encoder, part, tape)
                out = images_of(shared, h)[0].T
                loss = (out - label).square().mean(1).sum() * (label.shape[1] / count)
                loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()

        top = Ceiling()
        slow, fast = seconds(theirs, ours, rounds=rounds)
        shares = top.shares(6 * (WEIGHTS + 9 * WIDTH) * count / fast)
        name = f"pretraining as in the paper, 10 whole slices, {'bfloat16 products' if half else 'float32'}"
        rows.append(
            row(
                name,
                count / fast,
                "points/s",
                peer=count / slow,
                ratio=slow / fast,
                steps_per_second=1 / fast,
                **shares,
            )
        )
    return rows


def slice_of(scan: Path, thin: int = 1) -> tuple[Tensor, Tensor]:
    """Coordinates ``(1, N, 3)`` and values ``(1, N, 1)`` in [-1, 1] of every ``thin``-th pixel of the middle slice."""
    volume, prior = read(scan), load_prior()
    mask = foreground(volume.data)
    pose, level = find_pose(mask, volume.grid), volume.data.shape[2] // 2
    coords = torch.from_numpy(pose.coordinates(volume.data.shape, 2, slice(level, level + 1)))  # (1, 3, H, W)
    image = volume.slices(2)[level] / intensity_scale_of(volume.data, mask, prior.percentile)  # (H, W)
    coords, image = coords[..., ::thin, ::thin], image[::thin, ::thin]
    return coords.flatten(2).mT.contiguous(), 2 * torch.from_numpy(np.ascontiguousarray(image)).float().reshape(
        1, -1, 1
    ) - 1


def fast_fit(points: Tensor, values: Tensor, half: bool, steps: int, enough: float = math.inf) -> tuple[float, float]:
    """Our clean fit from the prior: solved head, Muon. PSNR in dB after ``steps`` or once it suffices, and seconds."""
    start = time.perf_counter()
    prior = load_prior().network
    stack = SirenStack(prior, 1)
    stack.tape = SineTape(half)
    with torch.no_grad():
        f = torch.cat([part for part in with_bias(stack.features(points).mT).split(8192, 2)], 2)
        stack.set_readouts(solve_ridge(f, values.mT, 1e-6))
    engines = optimisers(stack, "muon", RATE, HEAD_RATE)
    rates = [float(engine.param_groups[0]["lr"]) for engine in engines]
    psnr = 0.0
    for step in range(steps):
        for engine, full in zip(engines, rates):
            set_rate(engine, full * falling(step, steps, 0.03))
            engine.zero_grad()
        loss = (stack(points) - values).square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        for engine in engines:
            engine.step()
        psnr = -10 * math.log10(float(loss.detach()) / 4)
        if psnr >= enough:
            break
    return psnr, time.perf_counter() - start


def race(scan: Path, steps: int = 2000) -> list[Row]:
    """Time a clean fit of one slice, until it reaches a cold SIREN's PSNR after 2,000 steps; and what bfloat16 costs.

    Every other row and column of the slice: the cold network alone takes half an hour on all of them.
    """
    points, values = slice_of(scan, thin=2)
    torch.manual_seed(0)
    peer = SirenNet(dim_in=3, dim_hidden=WIDTH, dim_out=1, num_layers=LAYERS - 1, w0_initial=30.0)
    step = stepping(peer.parameters(), lambda: (peer(points[0]) - values[0]).square().mean())
    start = time.perf_counter()
    for _ in range(steps):
        loss = step()
    slow, target = time.perf_counter() - start, -10 * math.log10(loss / 4)
    rows = [row(f"clean fit, siren-pytorch, {steps:,} steps", slow, "s", psnr=target)]
    for half in (False, True):
        name = f"clean fit, ours, {'bfloat16 products' if half else 'float32'}"
        for budget in BUDGETS:  # the shortest schedule that gets there
            psnr, fast = fast_fit(points, values, half, budget, target)
            if psnr >= target:
                break
        rows.append(row(f"{name}, until there", fast, "s", psnr=psnr, ratio=slow / fast))
        psnr, took = fast_fit(points, values, half, 100)
        rows.append(row(f"{name}, 100 steps", took, "s", psnr=psnr))
    return rows


PARTS: dict[str, Callable[[Path], list[Row]]] = {
    "ceilings": lambda scan: ceilings(),
    "fit": lambda scan: fit(),
    "pretraining": lambda scan: pretraining(),
    "race": race,
    "cohorts": lambda scan: cohorts(),
    "heads": heads,
    "startup": lambda scan: startup(),
    "restores": restores,
}


def main() -> None:
    """Measure, and write down: parts measured now replace their former rows in the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scan", type=Path)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "speed.csv")
    parser.add_argument("--only", nargs="*", default=list(PARTS), choices=list(PARTS))
    args = parser.parse_args()
    former: list[dict[str, Any]] = []
    if args.out.exists():
        with args.out.open(newline="") as stream:
            former = [made for made in csv.DictReader(stream) if made["part"] not in args.only]
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    rows = former
    for name in sorted(args.only, key="restores".__ne__):  # first: a child's peak memory counts what its parent had
        rows += [{"part": name, **made, "machine": machine} for made in PARTS[name](args.scan)]
    rows.sort(key=lambda made: list(PARTS).index(made["part"]))
    write_csv(rows, args.out, list(dict.fromkeys(key for made in rows for key in made)))
    show(args.out)


if __name__ == "__main__":
    main()
