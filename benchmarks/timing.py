# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Taking time: works that take turns, rows of a table, and what the machine itself can do."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

WIDTH = 256
Row = dict[str, Any]


def seconds(*works: Callable[[], Any], rounds: int) -> list[float]:
    """Median seconds of each of several works that take turns."""
    for work in works:
        work()
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, took in zip(works, times):
            start = time.perf_counter()
            work()
            took.append(time.perf_counter() - start)
    return [statistics.median(took) for took in times]


def row(what: str, value: float, unit: str, **more: float) -> Row:
    """One line of the table; also shown."""
    made = {
        "what": what,
        "value": float(f"{value:.4g}"),
        "unit": unit,
        **{k: float(f"{v:.3g}") for k, v in more.items()},
    }
    print("  ".join(f"{key} {shown}" for key, shown in made.items() if key != "what").rjust(70), " ", what, flush=True)
    return made


def products(rounds: int) -> dict[str, float]:
    """Operations per second of products at the size of a tile, at this moment: a shared machine's speed wanders."""
    a, w, out = torch.randn(4096, WIDTH), torch.randn(WIDTH, WIDTH), torch.empty(4096, WIDTH)
    halves = [t.bfloat16() for t in (a, w, out)]
    pixels, kernel = a[None, None].permute(0, 3, 1, 2), w[:, :, None, None]
    took = seconds(
        lambda: torch.mm(a, w, out=out),
        lambda: torch.conv2d(pixels, kernel),
        lambda: torch.mm(halves[0], halves[1], out=halves[2]),
        rounds=rounds,
    )
    names = ("float32 (sgemm)", "float32 as a convolution of one pixel", "bfloat16")
    return {name: 2 * 4096 * WIDTH**2 / t for name, t in zip(names, took)}


def ceilings() -> list[Row]:
    """Measure what the machine can do: products at the size of a tile, and copies."""
    far, there = torch.empty(2**27), torch.empty(2**27)
    (copied,) = seconds(lambda: there.copy_(far), rounds=5)
    rows = [row(f"ceiling: product of {name}", speed / 1e9, "GFLOP/s") for name, speed in products(200).items()]
    return [*rows, row("ceiling: copy", 2 * far.numel() * 4 / copied / 1e9, "GB/s")]


class Ceiling:
    """The float32 ceilings around a measurement, and what share of them it reached."""

    def __init__(self) -> None:
        self.before = list(products(30).values())

    def shares(self, speed: float) -> dict[str, float]:
        """Of sgemm, and of the quickest product that PyTorch has, for a speed in operations per second."""
        sgemm, convolution = ((x + y) / 2 for x, y in list(zip(self.before, products(30).values()))[:2])
        return {"share_of_sgemm": speed / sgemm, "share_of_quickest_product": speed / max(sgemm, convolution)}
