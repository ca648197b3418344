# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Fuse three stacks as people have them: corners of k-space empty, partial Fourier, JPEG, black and white voxels.

python benchmarks/stacks_odd.py SCAN [SCAN ...] [--side 80] [--thickness 4] [--only JPEG]

The middle of an isotropic scan is cut into stacks as `stacks.py` does, and every stack is made a scan of one kind of
`odd_scans_kinds.py`, with 3 % of noise. `cubic` is the best of the three stacks, `average` the mean of all three; both
are given the true motions, `fuse` finds them. PSNR in dB counts in the object, 8 voxels from the border and more.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odd_scans_kinds import KINDS, Kind, Slab
from stacks import AXES, MOTIONS, cut, placed

from monai_strainer import Volume, fuse, load_prior, read

CHOSEN = ("white noise, 3 %", "corners of k-space empty", "partial Fourier", "JPEG", "black and white voxels")
MARGIN = 8  # voxels at the border that do not count: the stacks have moved
DARK = 0.1  # of the bright end: less is air


def middle(scan: Volume, side: int) -> Volume:
    """Return the cube in the middle of a scan."""
    size = [min(n, side) // 4 * 4 for n in scan.grid.shape]
    start = [(n - m) // 2 for n, m in zip(scan.grid.shape, size)]
    box = tuple(slice(a, a + m) for a, m in zip(start, size))
    return Volume(np.ascontiguousarray(scan.data[box]), scan.grid.part(start, size))


def stack_of(kind: Kind, truth: Volume, number: int, thickness: int) -> Volume:
    """Cut a moved stack, and make it a scan of a kind."""
    axis = AXES[number]
    clean = cut(truth, axis, thickness, MOTIONS[number], 0.0, number)
    image = np.moveaxis(clean.data, axis, 0).astype(float)
    slab = Slab(image, image > DARK * np.percentile(image, 99))
    measured = kind(slab, np.random.default_rng(number)).measured.astype(np.float32)
    return Volume(np.ascontiguousarray(np.moveaxis(measured, 0, axis)), clean.grid, slice_axis=axis)


def row(name: str, truth: Volume, thickness: int) -> str:
    """Return the scores of one kind as a line of a table."""
    stacks = [stack_of(KINDS[name], truth, number, thickness) for number in range(3)]
    bright = float(np.percentile(truth.data[truth.data > 0], 99))
    counted = np.zeros(truth.grid.shape, bool)
    inner = (slice(MARGIN, -MARGIN),) * 3
    counted[inner] = truth.data[inner] > DARK * bright

    def psnr(image: NDArray[np.float32]) -> float:
        error = np.square((image - truth.data)[counted] / bright, dtype=np.float64)
        return float(-10 * np.log10(error.mean()))

    lying = [placed(one, one, motion, truth.grid) for one, motion in zip(stacks, MOTIONS)]
    out = fuse(stacks, load_prior(), spacing=float(truth.grid.spacing.min()))
    level = 100 * np.mean([one.sigma for one in out.details.stacks]) / bright
    best = max(psnr(image) for image in lying)
    scores = f"{best:.2f} | {psnr(np.mean(lying, 0)):.2f} | {psnr(out.volume.data):.2f}"
    return f"| {name} | {scores} | {out.details.method} | {level:.1f} |"


def main() -> None:
    """Print one table per scan."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scans", type=Path, nargs="+", help="isotropic, with an object that fills the middle")
    parser.add_argument("--side", type=int, default=80, help="of the cube that is cut out, in voxels")
    parser.add_argument("--thickness", type=int, default=4, help="of the slices, in voxels")
    parser.add_argument("--only", nargs="+", default=[""], help="kinds whose name has one of these words")
    args = parser.parse_args()
    for path in args.scans:
        truth = middle(read(path), args.side)
        print(f"\n{path.name.partition('.')[0]}\n")
        print("| kind | cubic | average | fuse | method | noise read, % |\n| --- | ---: | ---: | ---: | --- | ---: |")
        for name in CHOSEN:
            if any(word in name for word in args.only):
                print(row(name, truth, args.thickness), flush=True)


if __name__ == "__main__":
    main()
