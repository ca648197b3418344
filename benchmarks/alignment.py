# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What alignment is worth: heads as they are and tilted, restored with the box's coordinates and with aligned ones.

python benchmarks/alignment.py DATASET [--scans 3]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import restoration
from scipy.ndimage import rotate

from monai_strainer import Volume, load_prior, read
from monai_strainer.anatomy.coarse_image import coarse_head
from monai_strainer.anatomy.foreground import foreground, intensity_scale_of
from monai_strainer.anatomy.head_frame import find_pose
from monai_strainer.cohorts.read import split_scans
from monai_strainer.priors.similarity import aligned


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--scans", type=int, default=3)
    parser.add_argument("--tasks", default="x2,x4,denoise9")
    args = parser.parse_args()
    prior = load_prior()
    print("| tilt | task | box, dB | aligned, dB | gain |\n| ---: | --- | ---: | ---: | ---: |")
    for degrees in (0, 8):
        found: dict[str, list[tuple[float, float]]] = {}
        for path in split_scans(args.dataset)[1][: args.scans]:
            scan = read(path)
            if degrees:
                tilted = rotate(scan.data, degrees, axes=(1, 2), reshape=False, order=3).clip(0)
                scan = Volume(tilted, scan.grid, slice_axis=scan.slice_axis)
            mask = foreground(scan.data)
            coarse = coarse_head(scan.data, find_pose(mask, scan.grid), intensity_scale_of(scan.data, mask))
            _, alignment = aligned(prior.network, coarse)
            for name in args.tasks.split(","):
                task, pair = restoration.TASKS[name], []
                for how in (None, alignment):
                    case = restoration.measure(scan, prior, task, 0, how)
                    rows = restoration.scored_rows(*restoration.networks(case, prior, "ours_told", task), case, task)
                    pair.append(float(np.mean([row["psnr_mask"] for row in rows])))
                found.setdefault(name, []).append((pair[0], pair[1]))
        for name, pairs in found.items():
            box, better = np.mean(pairs, axis=0)
            print(f"| {degrees} | {name} | {box:.2f} | {better:.2f} | {better - box:+.3f} |", flush=True)


if __name__ == "__main__":
    main()
