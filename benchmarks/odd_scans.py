# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Judge the default restoration of scans as people have them, each beside its own input: no result may be worse.

python benchmarks/odd_scans.py DATA --out rows.csv [--split train] [--side 64] [--only rotated JPEG] [--native]
python benchmarks/odd_scans.py DATA --out rows.csv --table        # prints the table of the rows that are there

Of every volume of the benchmark of any scan 6 slices in the middle, on half of the in-plane matrix where that leaves 96
voxels or more (means of 2 x 2 voxels: half of the scan's own noise; `--native` takes the whole matrix), cut to squares
in the middle of the object. A PSNR counts noise of the truth as anatomy: where there is more than 0.6 %, BM4D takes it
off first. `odd_scans_kinds.py` says what is done to the scans. PSNR counts within the object's mask. With `--scale 2`
the kinds that leave the truth as it is, or measure a part of it, are made of means of 2 x 2 voxels, restored at twice
the matrix, and judged beside cubic interpolation. A row that the file holds already is not made again.
"""

from __future__ import annotations

import argparse
import csv
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from any_scan_data import Entry, Scan, entries, load, middle, part
from noise_filter import squares
from numpy.typing import NDArray
from odd_scans_kinds import KINDS, Kind, Odd, Slab
from tables import known

from monai_strainer import Grid, Prior, Volume, load_prior, restore
from monai_strainer.evaluation.baselines import cubic
from monai_strainer.evaluation.scores import scores_of

SLICES = 6
SMALLEST = 96  # voxels of a plane that was halved
MOST_OWN = 0.006  # noise of a scan's own that is left, of the 99th percentile
WORSE = 0.05  # dB that count as worse
COLUMNS = ("kind", "scan", "side", "native", "scale", "input", "result", "gain", "notes")


def means(image: NDArray[Any], axes: Sequence[int]) -> NDArray[Any]:
    """Return the means of two voxels side by side along every axis; one that is left over is left out."""
    for k in axes:
        even, odd = (np.take(image, range(first, image.shape[k] // 2 * 2, 2), k) for first in (0, 1))
        image = (even + odd) / 2
    return image


def halved(scan: Scan) -> Scan:
    """Return the slab on half of its in-plane matrix, where that is large enough."""
    planes = [k for k in range(3) if k != scan.axis]
    if min(scan.mask.shape[k] for k in planes) < 2 * SMALLEST:
        return scan
    data, mask = means(scan.volume.data, planes), means(scan.mask.astype(np.float32), planes)
    a, b, c = data.shape
    volume = Volume(np.ascontiguousarray(data), scan.volume.grid.resize((a, b, c)), slice_axis=scan.axis)
    entry = replace(scan.entry, own_noise=scan.entry.own_noise and scan.entry.own_noise / 2)
    return replace(scan, entry=entry, volume=volume, mask=mask > 0.5)


@cache
def slab_of(entry: Entry, side: int, native: bool) -> tuple[Slab, Grid]:
    """Return the slices of a volume and their grid, slices first; BM4D takes off noise of their own."""
    scan = squares(load(entry) if native else halved(load(entry)), side)
    cut = [slice(0, n) for n in scan.mask.shape]
    cut[scan.axis] = middle(scan.mask.shape[scan.axis], SLICES)
    image, mask = (np.moveaxis(a[tuple(cut)], scan.axis, 0) for a in (scan.volume.data.astype(float), scan.mask))
    own, bright = scan.entry.own_noise or 0.0, float(np.percentile(image[mask], 99))
    if own > MOST_OWN:
        from bm4d import bm4d

        image = np.maximum(bm4d(np.moveaxis(image, 0, -1) / bright, own), 0) * bright
        image = np.moveaxis(image, -1, 0)
    spacing = part(scan.volume.grid, cut).spacing
    order = [scan.axis, *(k for k in range(3) if k != scan.axis)]
    return Slab(image, mask), Grid(image.shape, np.diag([*spacing[order], 1.0]))


def coarser(slab: Slab) -> Slab:
    """Return a slab with means of 2 x 2 voxels."""
    return Slab(means(slab.image, (1, 2)), means(slab.mask.astype(float), (1, 2)) > 0.5)


def odd_of(make: Kind, slab: Slab, rng: np.random.Generator, scale: int) -> Odd | None:
    """Make a scan of a kind, on half of the matrix for a scale of 2; None where the kind changes the truth then."""
    if scale == 1:
        return make(slab, rng)
    low = coarser(slab)
    odd = make(low, rng)
    if odd.truth is not low.image and not odd.is_part:
        return None
    fine = (slice(None), *(slice(0, scale * n) for n in low.image.shape[1:]))
    return Odd(odd.measured, slab.image[fine], slab.mask[fine])


def gain(odd: Odd, spacing: NDArray[np.float64], prior: Prior, scale: int) -> tuple[float, float, tuple[str, ...]]:
    """Return PSNR of the input (its cubic interpolation) and of its restoration, and what the restoration says."""
    data, truth = odd.measured.astype(np.float32), odd.truth.astype(np.float32)
    a, b, c = data.shape
    out = restore(Volume(data, Grid((a, b, c), np.diag([*spacing, 1.0])), slice_axis=0), prior, scale)
    inside = truth[odd.mask]
    peak = float(np.percentile(inside, 99.9) - min(0.0, float(np.percentile(inside, 0.1))))
    before, after = (
        scores_of(image, truth, odd.mask, peak, None)["psnr_mask"]
        for image in (data if scale == 1 else cubic(data, truth.shape[1:]), out.volume.data)
    )
    assert before is not None and after is not None
    return before, after, tuple(out.report.get("notes", ()))


def rows_of(found: list[Entry], args: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Make the rows that are missing, kind by kind."""
    done = {tuple(row[name] for name in COLUMNS[:5]) for row in known(args.out)}
    prior, how = load_prior(), (str(args.side), str(args.native), str(args.scale))
    for kind, make in KINDS.items():
        if args.only and not any(word in kind for word in args.only):
            continue
        for entry in found:
            if (kind, entry.name, *how) in done:
                continue
            slab, grid = slab_of(entry, args.side, args.native)
            rng = np.random.default_rng(zlib.crc32(f"{kind} {entry.name}".encode()))
            odd = odd_of(make, slab, rng, args.scale)
            if odd is None:
                break
            spacing = grid.spacing * np.array(grid.shape) / np.array(odd.measured.shape)
            before, after, notes = gain(odd, spacing, prior, args.scale)
            print(f"{kind}: {entry.name}: {before:.2f} {after:.2f} {after - before:+.2f}", flush=True)
            scores = (round(one, 3) for one in (before, after, after - before))
            yield dict(zip(COLUMNS, (kind, entry.name, *how, *scores, "; ".join(notes))))


def table(rows: list[dict[str, str]]) -> str:
    """Return one line per kind as Markdown: mean and least gain, and scans that get worse."""
    lines = [
        "| kind | scans | input, dB | gain, mean | least gain | worse |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for kind in dict.fromkeys(row["kind"] for row in rows):
        some = [row for row in rows if row["kind"] == kind]
        gains, before = [float(row["gain"]) for row in some], np.mean([float(row["input"]) for row in some])
        worse = sum(one < -WORSE for one in gains)
        lines.append(f"| {kind} | {len(some)} | {before:.1f} | {np.mean(gains):+.2f} | {min(gains):+.2f} | {worse} |")
    return "\n".join(lines)


def main() -> None:
    """Make the rows that are missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="holds varied/manifest.tsv, oasis/ and dicom/structural/")
    parser.add_argument("--out", type=Path, required=True, help="rows as CSV")
    parser.add_argument("--split", default="val", choices=("val", "train"))
    parser.add_argument("--side", type=int, default=128, help="of the squares, in voxels")
    parser.add_argument("--native", action="store_true", help="every scan, on its own matrix")
    parser.add_argument("--scale", type=int, default=1, choices=(1, 2), help="2 restores a scan on half of the matrix")
    parser.add_argument("--only", nargs="+", default=[], help="kinds whose name has one of these words")
    parser.add_argument("--scans", nargs="+", default=[], help="volumes whose name has one of these words")
    parser.add_argument("--table", action="store_true", help="print the table alone")
    args = parser.parse_args()
    if not args.table:
        found = [entry for entry in entries(args.data, args.split) if not entry.is_resampled]
        found = [entry for entry in found if not args.scans or any(word in entry.name for word in args.scans)]
        for row in rows_of(found, args):
            is_new = not args.out.exists()
            with args.out.open("a", newline="") as stream:
                writer = csv.DictWriter(stream, COLUMNS)
                if is_new:
                    writer.writeheader()
                writer.writerow(row)
    print(table(known(args.out)))


if __name__ == "__main__":
    main()
