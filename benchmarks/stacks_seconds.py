# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Take time and memory of a fusion: three stacks of 256 x 256 x 30 voxels of one head, with the default options.

OMP_NUM_THREADS=1 python benchmarks/stacks_seconds.py SCAN.nii.gz [--method auto]

The stacks are axial, coronal and sagittal, of 0.9 x 0.9 x 6 mm, moved and noisy as in `stacks.py`; the result has
voxels of 1 mm. `processor` is the time of all threads, which other work on a shared machine changes little; `wall` is
what a clock says; `memory` is the peak of the whole process.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from stacks import AXES, MOTIONS, NOISE

from monai_strainer import Grid, Volume, fuse, load_prior, read
from monai_strainer.physics import rigid_matrix

IN_PLANE, STEP = (256, 0.9), (30, 6.0)  # voxels and their edge in mm


def stack_of(truth: Volume, axis: int, motion: tuple[float, ...], sigma: float, seed: int) -> Volume:
    """Sample a stack about the middle of a scan, with cubic splines, twice through a slice."""
    count = [STEP if k == axis else IN_PLANE for k in range(3)]
    middle = truth.grid.corners().mean(0)
    cosines = truth.grid.affine[:3, :3] / truth.grid.spacing
    affine = np.eye(4)
    affine[:3, :3] = cosines * [edge for _, edge in count]
    affine[:3, 3] = middle - affine[:3, :3] @ [(n - 1) / 2 for n, _ in count]
    stack = Grid((count[0][0], count[1][0], count[2][0]), affine)
    fine = stack.refine([6 if k == axis else 1 for k in range(3)])
    matrix = np.linalg.inv(truth.grid.affine) @ rigid_matrix(motion, middle) @ fine.affine
    values: NDArray[np.float32] = ndimage.affine_transform(
        truth.data, matrix[:3, :3], matrix[:3, 3], output_shape=fine.shape, order=1
    )
    thick = np.moveaxis(values, axis, 0).reshape(stack.shape[axis], 6, *(IN_PLANE[0],) * 2).mean(1)
    noise = sigma * np.random.default_rng(seed).standard_normal((2, *thick.shape))
    return Volume(np.moveaxis(np.hypot(thick + noise[0], noise[1]), 0, axis), stack, slice_axis=axis)


def main() -> None:
    """Fuse, and print a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scan", type=Path, help="isotropic scan whose background is zero")
    parser.add_argument("--method", default="auto")
    args = parser.parse_args()
    truth = read(args.scan)
    sigma = NOISE * float(np.percentile(truth.data[truth.data > 0], 99.9))
    stacks = [stack_of(truth, axis, motion, sigma, axis) for axis, motion in zip(AXES, MOTIONS)]
    prior = load_prior()
    start = time.process_time(), time.perf_counter()
    out = fuse(stacks, prior, method=args.method)
    spent = time.process_time() - start[0], time.perf_counter() - start[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "darwin" else 1024) / 1024
    shape = " x ".join(map(str, out.volume.grid.shape))
    print(f"{args.method}: {out.details.method}, {shape} voxels, processor {spent[0]:.0f} s, wall {spent[1]:.0f} s, "
          f"memory {peak:.2f} GiB")  # fmt: skip


if __name__ == "__main__":
    main()
