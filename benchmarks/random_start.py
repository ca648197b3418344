# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Time fits of a clean slice from random weights until they are as good as siren-pytorch after 500 full steps.

python benchmarks/random_start.py SCAN.nii.gz [SCAN.nii.gz ...]

It writes benchmarks/random_start.csv and its table in docs/performance.md. Of every scan the middle slice, every
``--thin``-th row and column. The peer is siren-pytorch with its own Adam, at the best of several rates; the time of its
other rates does not count. Ours has a schedule that ends after a number of steps: the shortest of several that reaches
the peer's best PSNR counts. Every row changes one thing. Ratios are of processor time, which other programs on the
machine disturb less; seconds are shown as well.
"""

from __future__ import annotations

import argparse
import csv
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from siren_pytorch import SirenNet
from speed import LAYERS, slice_of
from tables import ROOT, fill
from timing import WIDTH
from torch import Tensor

from monai_strainer import load_prior
from monai_strainer.fitting.readout import solve_ridge, with_bias
from monai_strainer.networks import SineTape, Siren, SirenStack
from monai_strainer.optim.muon import optimisers
from monai_strainer.optim.schedules import falling, set_rate
from monai_strainer.storage.tables import write_csv

STEPS = 500  # of the peer
RATES = (5e-3, 1e-2)  # of the peer; 31.2 dB with 3e-4, 34.5 with 1e-3, 38.6 with 3e-3, 40.8 with 5e-3 on one slice
BUDGETS = (8, 10, 12, 15, 18, 22, 27, 33, 40, 60)  # of ours, in passes over all pixels


@dataclass(frozen=True)
class Idea:
    """How ours is fitted.

    Args:
        name: in the table.
        prior: start from the shipped prior, not from random weights.
        optimiser: of the hidden matrices, ``"muon"`` or ``"adam"``.
        rate: at the start.
        readout_rate: of everything else under Muon.
        last: fraction of the rates that is left after all steps.
        solve: start from the readout that fits best.
        solve_every: steps between two solves of the readout; 0 for none.
        omega: of all sine layers.
        first: factor of the first layer's weights.
        part: a step sees one of so many parts of the pixels, drawn at random; 1 for all of them.
        by_error: steps after which pixels are drawn in proportion to their error, measured again; 0 for never.
        half: products in bfloat16.
    """

    name: str
    prior: bool = False
    optimiser: str = "muon"
    rate: float = 1e-3
    readout_rate: float = 1e-3
    last: float = 0.03
    solve: bool = False
    solve_every: int = 0
    omega: float = 30.0
    first: float = 1.0
    part: int = 1
    by_error: int = 0
    half: bool = False


IDEAS = (
    Idea("Muon, all pixels, readout trained"),
    Idea("... Adam in place of Muon", optimiser="adam"),
    Idea("... readout solved at the start", solve=True, rate=2.5e-4),
    Idea("... readout solved in every fifth step", solve_every=5),
    Idea("... first layer twice as wide", first=2.0),
    Idea("... omega 60", omega=60.0),
    Idea("... half the rate", rate=5e-4),
    Idea("... rates stay as they are", last=1.0),
    Idea("... half of the pixels, at random", part=2, rate=5e-4),
    Idea("... half of the pixels, by their error", part=2, rate=5e-4, by_error=5),
    Idea("... products in bfloat16", half=True),
    Idea("the prior, readout solved", prior=True, solve=True, rate=1.5e-4, readout_rate=3e-4),
    Idea("the prior, readout solved, bfloat16", prior=True, solve=True, rate=1.5e-4, readout_rate=3e-4, half=True),
)


def psnr_of(loss: float) -> float:
    """PSNR in dB of a mean squared error in the network's units, ``[-1, 1]``."""
    return -10 * math.log10(max(loss, 1e-12) / 4)


def peer_fit(points: Tensor, values: Tensor, rate: float, seed: int) -> tuple[float, float, float]:
    """Best PSNR of siren-pytorch within 500 full steps of Adam; processor seconds and seconds."""
    torch.manual_seed(seed)
    places = points[0][:, points[0].std(0) > 0]  # two coordinates: the third is the same for the whole slice
    net = SirenNet(dim_in=places.shape[1], dim_hidden=WIDTH, dim_out=1, num_layers=LAYERS - 1, w0_initial=30.0)
    engine = torch.optim.Adam(net.parameters(), rate)
    began, clock, lowest = time.process_time(), time.perf_counter(), math.inf
    for _ in range(STEPS):
        engine.zero_grad()
        loss = (net(places) - values[0]).square().mean()
        loss.backward()
        engine.step()
        lowest = min(lowest, float(loss.detach()))
    return psnr_of(lowest), time.process_time() - began, time.perf_counter() - clock


def start_of(idea: Idea, points: Tensor, seed: int) -> tuple[SirenStack, Tensor]:
    """Build a network to begin with, and the coordinates that it takes."""
    if idea.prior:
        stack = SirenStack(load_prior().network, 1)
    else:
        points = points[..., points[0].std(0) > 0]
        torch.manual_seed(seed)
        siren = Siren(points.shape[-1], omega=idea.omega)
        with torch.no_grad():
            next(siren.encoder.parameters()).mul_(idea.first)
        stack = SirenStack(siren, 1)
    stack.tape = SineTape(idea.half)
    return stack, points


@torch.no_grad()
def solve(stack: SirenStack, points: Tensor, values: Tensor) -> None:
    """Give the network the readout that fits best."""
    stack.set_readouts(solve_ridge(with_bias(stack.features(points).mT), values.mT, 1e-6))


def our_fit(idea: Idea, points: Tensor, values: Tensor, passes: int, seed: int) -> tuple[float, float, float]:
    """PSNR over all pixels after a schedule of ``passes`` over them; processor seconds and seconds."""
    began, clock = time.process_time(), time.perf_counter()
    stack, points = start_of(idea, points, seed)
    if idea.solve:
        solve(stack, points, values)
    engines = optimisers(stack, idea.optimiser, idea.rate, idea.readout_rate)
    rates = [float(engine.param_groups[0]["lr"]) for engine in engines]
    generator, count = torch.Generator().manual_seed(seed), points.shape[1]
    some = count // idea.part
    chances, steps = torch.ones(count), passes * count // some
    for step in range(steps):
        if idea.by_error and step and step % idea.by_error == 0:
            with torch.no_grad():
                chances = (stack(points) - values).abs().flatten() + 1e-3
        drawn = torch.multinomial(chances, some, generator=generator) if some < count else slice(None)
        for engine, full in zip(engines, rates):
            set_rate(engine, full * falling(step, steps, idea.last))
            engine.zero_grad()
        (stack(points[:, drawn]) - values[:, drawn]).square().mean().backward()  # type: ignore[no-untyped-call]
        for engine in engines:
            engine.step()
        if idea.solve_every and (step + 1) % idea.solve_every == 0:
            solve(stack, points, values)
    took = time.process_time() - began, time.perf_counter() - clock
    with torch.no_grad():
        return psnr_of(float((stack(points) - values).square().mean())), *took


def shortest(idea: Idea, points: Tensor, values: Tensor, target: float, seed: int) -> tuple[int, float, float, float]:
    """Return passes, PSNR, processor seconds and seconds of the shortest schedule that reaches a PSNR; 0: none."""
    best = (0, -math.inf, math.nan, math.nan)
    for passes in BUDGETS:
        psnr, processor, seconds = our_fit(idea, points, values, passes, seed)
        if psnr >= target:
            return passes, psnr, processor, seconds
        best = max(best, (0, psnr, processor, seconds), key=lambda one: one[1])
    return best


def measure(scans: Sequence[Path], thin: int) -> list[dict[str, Any]]:
    """Measure the peer at all its rates, then every idea, on every scan."""
    rows: list[dict[str, Any]] = []
    for seed, scan in enumerate(scans):
        points, values = slice_of(scan, thin)
        peers = {rate: peer_fit(points, values, rate, seed) for rate in RATES}
        best = max(peers, key=lambda rate: peers[rate][0])
        target, processor, seconds = peers[best]
        for rate, (psnr, *_) in peers.items():
            print(f"{scan.name}: siren-pytorch, Adam at {rate:g}: {psnr:.2f} dB", flush=True)
        one = {"scan": scan.name, "what": "siren-pytorch", "rate": best, "passes": STEPS}
        rows.append({**one, "psnr": target, "processor_seconds": processor, "seconds": seconds, "ratio": 1.0})
        for idea in IDEAS:
            passes, psnr, own, clock = shortest(idea, points, values, target, seed)
            ratio = processor / own if passes else math.nan
            print(f"{scan.name}: {idea.name}: {passes} passes, {psnr:.2f} dB, {ratio:.3g} times sooner", flush=True)
            one = {"scan": scan.name, "what": idea.name, "rate": idea.rate, "passes": passes, "psnr": psnr}
            rows.append({**one, "processor_seconds": own, "seconds": clock, "ratio": ratio})
    return rows


def table(rows: Sequence[dict[str, str]]) -> str:
    """Return means over the scans as Markdown, with the spread of the ratio."""
    lines = ["| fit | passes over the pixels | PSNR | sooner, processor time | sooner, clock |"]
    lines += ["| --- | ---: | ---: | ---: | ---: |"]
    peers = {row["scan"]: float(row["seconds"]) for row in rows if row["what"] == "siren-pytorch"}
    for what in dict.fromkeys(row["what"] for row in rows):
        some = [row for row in rows if row["what"] == what]
        psnr = statistics.mean(float(row["psnr"]) for row in some)
        passes = ", ".join(str(row["passes"]) for row in some)
        if any(int(row["passes"]) == 0 for row in some):
            lines.append(f"| {what} | not in {BUDGETS[-1]} ({passes}) | {psnr:.1f} | | |")
            continue
        ratios = [float(row["ratio"]) for row in some]
        clock = statistics.mean(peers[row["scan"]] / float(row["seconds"]) for row in some)
        spread = statistics.stdev(ratios) if len(ratios) > 1 else 0.0
        lines.append(
            f"| {what} | {passes} | {psnr:.1f} | {statistics.mean(ratios):.3g} +- {spread:.2g} | {clock:.3g} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, and write the rows and the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("scans", type=Path, nargs="+")
    parser.add_argument("--thin", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "random_start.csv")
    args = parser.parse_args()
    rows = measure(args.scans, args.thin)
    write_csv(rows, args.out, list(rows[0]))
    with args.out.open(newline="") as stream:
        fill(ROOT / "docs" / "performance.md", {"random start": table(list(csv.DictReader(stream)))})


if __name__ == "__main__":
    main()
