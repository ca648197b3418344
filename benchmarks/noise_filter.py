# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Count where a scanner's filter is found: in white noise, where there is none, and in filtered noise.

python benchmarks/noise_filter.py DATA [--split val] [--side 64]

Every volume of the benchmark of any scan, its middle slices, whole or cut to squares in the middle of the object, is
given noise as `any_scan_tasks.py` does it. Nothing is restored. Two numbers per task: scans in which a filter is found,
and all scans.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from any_scan_data import Scan, entries, load, middle, part
from any_scan_tasks import TASKS, Task, measure

from monai_strainer import Prior, Volume, load_prior
from monai_strainer.restoring.options import RestoreOptions
from monai_strainer.restoring.prepare import prepare

FILTERS = {
    "white, 1 %": Task(0.01),
    "white, 2 %": Task(0.02),
    "white, 3 %": Task(0.03),
    "filter of 1.2 voxels, 2 %": Task(0.02, colour="filtered", width=1.2),
    "filter of 1.2 voxels, 3 %": Task(0.03, colour="filtered", width=1.2),
    "filter of 1.5 voxels, 3 %": Task(0.03, colour="filtered", width=1.5),
}


def squares(scan: Scan, side: int) -> Scan:
    """Cut the planes of a scan to squares of ``side`` voxels in the middle of the object; 0 leaves them whole."""
    cut = [slice(0, n) for n in scan.mask.shape]
    for k, n in enumerate(scan.mask.shape):
        if k != scan.axis and 0 < side < n:
            centre = np.flatnonzero(scan.mask.any(tuple(j for j in range(3) if j != k))).mean()
            cut[k] = middle(n, side, float(centre))
    data = np.ascontiguousarray(scan.volume.data[tuple(cut)])
    volume = Volume(data, part(scan.volume.grid, cut), slice_axis=scan.axis)
    return replace(scan, volume=volume, mask=scan.mask[tuple(cut)])


def is_found(scan: Scan, name: str, prior: Prior) -> bool:
    """Measure a slab as the task says, and return whether a filter is found."""
    return prepare(measure(scan, name).low, prior, (1.0, 1.0, 1.0), RestoreOptions(), True).acquired.filter is not None


def main() -> None:
    """Print one line per task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="holds varied/manifest.tsv, oasis/ and dicom/structural/")
    parser.add_argument("--split", default="val", choices=("val", "train"))
    parser.add_argument("--side", type=int, default=0, help="of the squares, in voxels; 0 takes whole planes")
    args = parser.parse_args()
    prior, found = load_prior(), [entry for entry in entries(args.data, args.split) if not entry.is_resampled]
    TASKS.update(FILTERS)
    for name in FILTERS:
        with_filter = [entry.name for entry in found if is_found(squares(load(entry), args.side), name, prior)]
        named = f": {', '.join(with_filter)}" if name.startswith("white") and with_filter else ""
        print(f"{name}: {len(with_filter)} of {len(found)}{named}", flush=True)


if __name__ == "__main__":
    main()
