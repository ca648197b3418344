# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""How well the noise level of a real scan is read, and whether its standard error is right.

python benchmarks/noise.py FOLDER    # a BIDS folder with participants.tsv; its scans of the split "val" are measured

A real scan has noise of its own, so a level added to it is not its level. Three references: ``clean``, the scan after
non-local means in three dimensions; ``coarse``, the same averaged to twice the voxel size, where anatomy is sharper
than in most scans; ``own``, the scan itself, whose truth is the added level and its own estimate in quadrature, as
uncertain as that is. Noise is Rician, in fractions of the 99.9th percentile; background is noisy ("air") or cut to zero
("zeros"). Colours other than white are the same noise interpolated linearly by half a voxel, or zero-filled to 3/4 of
k-space.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from monai_strainer.io import read
from monai_strainer.physics import RicianNoise

LEVELS = (0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.09, 0.12)
HEIGHTS = (0.35, 0.5, 0.65)  # of single slices, in the head
OUT = Path(__file__).with_suffix(".csv")
CASE = ("reference", "colour", "background", "part", "level")
NUMBERS = ("truth", "truth_std", "sigma", "std")
COLUMNS = (*CASE, "scan", *NUMBERS, "source", "is_white")


def head(path: Path) -> Tensor:
    """(S, H, W) axial slices of the box around the head and 6 voxels more, the 99.9th percentile at 1."""
    volume = read(path)
    x = torch.from_numpy(np.ascontiguousarray(volume.slices(volume.grid.axis_of("axial"))))
    x = x / float(np.quantile(x[x > 0].numpy(), 0.999))
    inside = (x > 0).nonzero()
    low, high = (inside.amin(0) - 6).clamp_min(0).tolist(), (inside.amax(0) + 7).tolist()
    return x[tuple(slice(a, b) for a, b in zip(low, high))].contiguous()


def cleaned(x: Tensor, bandwidth: float = 0.03) -> Tensor:
    """Non-local means: 3x3x3 patches within 5x5x5 voxels, the head alone."""
    mask = (x > 0).float()
    total, weight = x.clone(), torch.ones_like(x)
    for shift in product(range(-2, 3), repeat=3):
        if shift == (0, 0, 0):
            continue
        other = torch.roll(x, shift, (0, 1, 2))
        apart = F.avg_pool3d((x - other).square()[None, None], 3, 1, 1)[0, 0]
        like = torch.exp(-(apart / bandwidth**2 - 2).clamp_min(0)) * torch.roll(mask, shift, (0, 1, 2))
        total, weight = total + like * other, weight + like
    return total / weight * mask


def coarser(x: Tensor) -> Tensor:
    """Twice the voxel size; blocks that are whole."""
    return F.avg_pool3d(x[None], 2)[0] * (F.avg_pool3d((x > 0).float()[None], 2)[0] > 0.99)


def drawn(shape: torch.Size, colour: str, generator: torch.Generator) -> Tensor:
    """Draw normal noise of unit standard deviation."""
    n = torch.randn(shape, generator=generator)
    if colour == "interpolated":
        return (n + n.roll(1, -1) + n.roll(1, -2) + n.roll((1, 1), (-2, -1))) / 2
    if colour == "zero-filled":
        kept = [torch.fft.fftfreq(k).abs() < 0.375 for k in shape[-2:]]
        n = torch.fft.ifft2(torch.fft.fft2(n) * kept[0][:, None] * kept[1]).real
        return n / n.std()
    return n


def cases(x: Tensor, colour: str, level: float, seed: int) -> Iterator[tuple[str, str, Tensor]]:
    """Background, part and data."""
    g = torch.Generator().manual_seed(seed)
    y = torch.hypot(x + level * drawn(x.shape, colour, g), level * drawn(x.shape, colour, g))
    for background, data in (("air", y), ("zeros", y * (x > 0))):
        yield background, "volume", data
        for height in HEIGHTS:
            yield background, "slice", data[int(height * len(x))]


def measured(scan: str, x: Tensor) -> Iterator[dict[str, object]]:
    """All rows of one scan; of the fine references every second slice."""
    clean = cleaned(x)
    references = {"clean": clean[::2], "coarse": coarser(clean), "own": x[::2]}
    white = [(name, "white", level) for name in references for level in LEVELS]
    coloured = [("clean", colour, level) for colour in ("interpolated", "zero-filled") for level in (0.01, 0.05)]
    for name, colour, level in white + coloured:
        own = RicianNoise.measure(references[name])
        for background, part, y in cases(references[name], colour, level, seed=round(level * 1000)):
            found = RicianNoise.measure(y)
            truth, own_error = level, 0.0
            if name == "own" and found.source == "head":  # the air of a stripped scan holds only what was added
                truth = float(np.hypot(level, own.sigma))
                own_error = own.std * own.sigma / truth
            numbers = [round(v, 6) for v in (truth, own_error, found.sigma, found.std)]
            case = (name, colour, background, part, level, scan)
            yield dict(zip(COLUMNS, (*case, *numbers, found.source, found.is_white)))


def table(rows: list[dict[str, object]]) -> str:
    """Markdown: per reference, colour, background, part and level, over scans and heights."""
    lines = ["| reference | noise | background | part | true % | read % | worst error | std | within 2 std | source |"]
    lines.append("| --- " * 10 + "|")
    keys = list(dict.fromkeys(tuple(row[c] for c in CASE) for row in rows))
    for key in keys:
        mine = [row for row in rows if tuple(row[c] for c in CASE) == key]
        truth, own_error, sigma, std = (np.array([row[c] for row in mine], dtype=float) for c in NUMBERS)
        sources = "/".join(sorted({str(row["source"]) for row in mine}))
        held, worst = np.mean(np.abs(sigma - truth) <= 2 * np.hypot(std, own_error)), np.max(np.abs(sigma / truth - 1))
        names = " | ".join(str(k) for k in key[:4])
        numbers = f"{100 * truth.mean():.2f} | {100 * sigma.mean():.2f} | {worst:.0%} | {100 * std.mean():.2f}"
        lines.append(f"| {names} | {numbers} | {held:.0%} | {sources} |")
    return "\n".join(lines)


def main(folder: Path) -> None:
    """Measure, keep the rows, print the table."""
    with (folder / "participants.tsv").open(newline="") as handle:
        names = [r["participant_id"] for r in csv.DictReader(handle, delimiter="\t") if r["split"] == "val"]
    rows = [row for name in names for row in measured(name, head(next((folder / name).rglob("*T1w.nii.gz"))))]
    with OUT.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(table(rows))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
