# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Time fits of a clean slice from random weights until they are as good as siren-pytorch after 500 full steps.

python benchmarks/random_start.py SCAN.nii.gz [SCAN.nii.gz ...] [--minutes 15] [--only "half the rate" "the prior"]

It writes benchmarks/random_start.csv after every row, and the table in docs/performance.md at the end; rows that are
there with the same ``--thin`` are not measured again, so that a run that was stopped goes on. Of every scan the middle
slice, every ``--thin``-th row and column. The peer is siren-pytorch with its own Adam, at the best of several rates;
its other rates do not count. Ours has a schedule that ends after a number of steps: the shortest of several that
reaches the peer's best PSNR counts. Every row changes one thing. Ratios are of processor time, which other programs
disturb less; seconds are shown as well.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from siren_pytorch import SirenNet
from speed import LAYERS, slice_of
from tables import ROOT, fill, known
from timing import WIDTH
from torch import Tensor

from monai_strainer import load_prior
from monai_strainer.fitting.readout import solve_ridge, with_bias
from monai_strainer.networks import SineTape, Siren, SirenStack
from monai_strainer.optim.muon import optimisers
from monai_strainer.optim.schedules import falling, set_rate
from monai_strainer.storage.tables import write_csv

PEER = "siren-pytorch"
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


def measure(scans: Sequence[Path], args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Measure the peer at all its rates, then every idea, on every scan; rows that are known are passed over."""
    ideas = [idea for idea in IDEAS if not args.only or any(word in idea.name for word in args.only)]
    for seed, scan in enumerate(scans):
        points, values = slice_of(scan, args.thin)
        done = {
            row["what"]: row for row in known(args.out) if (row["scan"], row["thin"]) == (scan.name, str(args.thin))
        }
        for rate in RATES:
            what = f"{PEER} at {rate:g}"
            if what not in done:
                psnr, *took = peer_fit(points, values, rate, seed)
                done[what] = _row(scan, args.thin, what, STEPS, psnr, *took, took[0])
                yield done[what]
        best = max((row for what, row in done.items() if what.startswith(PEER)), key=lambda row: float(row["psnr"]))
        for idea in ideas:
            if idea.name not in done:
                passes, psnr, *took = shortest(idea, points, values, float(best["psnr"]), seed)
                yield _row(scan, args.thin, idea.name, passes, psnr, *took, float(best["processor_seconds"]))


def _row(
    scan: Path, thin: int, what: str, passes: int, psnr: float, processor: float, seconds: float, peer: float
) -> dict[str, Any]:
    """One row; its ratio is to the processor time of the peer."""
    ratio = peer / processor if passes else math.nan
    print(f"{scan.name}: {what}: {passes} passes, {psnr:.2f} dB, {ratio:.3g} times sooner", flush=True)
    one = {"scan": scan.name, "thin": thin, "what": what, "passes": passes, "psnr": psnr}
    return {**one, "processor_seconds": processor, "seconds": seconds, "ratio": ratio}


def table(rows: Sequence[dict[str, str]]) -> str:
    """Return means over the scans as Markdown, with the spread of the ratio."""
    lines = ["| fit | passes over the pixels | PSNR | sooner, processor time | sooner, clock |"]
    lines += ["| --- | ---: | ---: | ---: | ---: |"]
    peers: dict[str, dict[str, str]] = {}
    for row in rows:
        if row["what"].startswith(PEER) and float(row["psnr"]) > float(
            peers.get(row["scan"], {"psnr": "-inf"})["psnr"]
        ):
            peers[row["scan"]] = row
    for what in dict.fromkeys(row["what"] for row in rows):
        some = [row for row in rows if row["what"] == what]
        psnr = statistics.mean(float(row["psnr"]) for row in some)
        passes = ", ".join(str(row["passes"]) for row in some)
        if len(some) < len(peers):
            continue
        if what.startswith(PEER):
            lines.append(f"| {what} | {STEPS} | {psnr:.1f} | | |")
            continue
        if any(int(row["passes"]) == 0 for row in some):
            lines.append(f"| {what} | not in {BUDGETS[-1]} ({passes}) | {psnr:.1f} | | |")
            continue
        ratios = [float(row["ratio"]) for row in some]
        clock = statistics.mean(float(peers[row["scan"]]["seconds"]) / float(row["seconds"]) for row in some)
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
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="begin no row after so many; run again to go on"
    )
    parser.add_argument("--only", nargs="+", default=[], help="rows whose name has one of these words")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "random_start.csv")
    args = parser.parse_args()
    began = time.monotonic()
    for row in measure(args.scans, args):
        rows = [*known(args.out), row]
        write_csv(rows, args.out, list(row))
        if time.monotonic() - began > 60 * args.minutes:
            return
    fill(ROOT / "docs" / "performance.md", {"random start": table(known(args.out))})


if __name__ == "__main__":
    main()
