# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Count where a scanner's filter is found: in white noise, where there is none, and in filtered noise.

python benchmarks/noise_filter.py DATA [--split val] [--side 64]

Every volume of the any-scan benchmark, its middle five slices, whole or cut to squares in the middle of the object.
Nothing is restored: `plan` says what `restore` would do. Two numbers per task: scans in which a filter is found, and
all scans. Noise is Rician, its level a fraction of the 99th percentile within the object's mask; filtered noise has
that level after the filter, which the image passes as well.
"""

from __future__ import annotations

import argparse
import zlib
from pathlib import Path

import numpy as np
import torch
from any_scan_data import Entry, entries, load, middle, part
from any_scan_tasks import Task, coloured
from numpy.typing import NDArray

from monai_strainer import Prior, Volume, load_prior
from monai_strainer.restoring.restore import plan

SLICES = 5
TASKS = {
    "white, 1 %": Task(0.01),
    "white, 2 %": Task(0.02),
    "white, 3 %": Task(0.03),
    "filter of 1.2 voxels, 2 %": Task(0.02, colour="filtered", width=1.2),
    "filter of 1.2 voxels, 3 %": Task(0.03, colour="filtered", width=1.2),
    "filter of 1.5 voxels, 3 %": Task(0.03, colour="filtered", width=1.5),
}


def cut_of(mask: NDArray[np.bool_], axis: int, side: int) -> list[slice]:
    """Return the middle slices, and squares of ``side`` voxels in the middle of the object; 0 takes whole planes."""
    cut = []
    for k, n in enumerate(mask.shape):
        if k == axis:
            cut.append(middle(n, min(n, SLICES)))
        elif side == 0 or n <= side:
            cut.append(slice(0, n))
        else:
            centre = int(np.flatnonzero(mask.any(tuple(j for j in range(3) if j != k))).mean())
            low = min(max(0, centre - side // 2), n - side)
            cut.append(slice(low, low + side))
    return cut


def is_found(entry: Entry, name: str, side: int, prior: Prior) -> bool:
    """Measure a slab as the task says, and return whether a filter is found."""
    scan, task = load(entry), TASKS[name]
    axis, cut = scan.axis, cut_of(scan.mask, scan.axis, side)
    truth = torch.from_numpy(np.ascontiguousarray(scan.volume.data[tuple(cut)]))
    sigma = task.noise * float(np.percentile(scan.volume.data[scan.mask], 99))
    generator = torch.Generator().manual_seed(zlib.crc32(f"{name} {entry.name}".encode()))
    noise = [sigma * torch.randn(truth.shape, generator=generator) for _ in range(2)]
    if task.colour != "white":
        truth, noise = coloured(truth, noise, task, axis)
    noisy = torch.hypot(truth + noise[0], noise[1]).numpy()
    notes = plan(Volume(noisy, part(scan.volume.grid, cut), slice_axis=axis), prior).notes
    return any("filtered again" in note for note in notes)


def main() -> None:
    """Print one line per task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="holds varied/manifest.tsv, oasis/ and dicom/structural/")
    parser.add_argument("--split", default="val", choices=("val", "train"))
    parser.add_argument("--side", type=int, default=0, help="of the squares, in voxels; 0 takes whole planes")
    args = parser.parse_args()
    prior, found = load_prior(), [entry for entry in entries(args.data, args.split) if not entry.is_resampled]
    for name in TASKS:
        with_filter = [entry.name for entry in found if is_found(entry, name, args.side, prior)]
        named = f": {', '.join(with_filter)}" if name.startswith("white") and with_filter else ""
        print(f"{name}: {len(with_filter)} of {len(found)}{named}", flush=True)


if __name__ == "__main__":
    main()
