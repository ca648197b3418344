# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Judge a fusion of real stacks, of which no truth is known: fuse all but one, and predict that one.

python benchmarks/stacks_left_out.py A.nii.gz B.nii.gz [C.nii.gz] [--spacing 1] [--method auto] [--part 110] [--slices]

Every stack is left out once; with `--slices`, for which two stacks are enough, every second slice of every stack. What
is left out is aligned with the first of the others, and `fuse` makes one volume of these. `error`
is the root mean square difference between the stack's voxels and what its operator measures in that volume, after a
smooth gain and in percent of the stack's 99th percentile; `linear` and `cubic` are the same for the mean of the others,
interpolated with splines of order 1 and 3. `noise` is what was read off the stack, `expected` the standard deviation of
the result. `tried`: by method, the error of the two stacks predicted from each other, over the variance of their noise,
by which `auto` chooses. Voxels count where all stacks reach.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from monai_strainer import FuseOptions, Grid, InputError, Volume, fuse, load_prior, read
from monai_strainer.fitting.stack_registration import Stack, align_stacks
from monai_strainer.fitting.stack_shading import evened
from monai_strainer.fusing.placing import isotropic, on_grid
from monai_strainer.fusing.stacks import prepared_stacks


def error_of(image: NDArray[np.float32], grid: Grid, stack: Stack, reached: NDArray[np.bool_]) -> float:
    """Return the root mean square error of a stack that is measured in an image, over its 99th percentile."""
    operator = stack.operator(grid)
    counted = operator.A(torch.from_numpy(reached.astype(np.float32))) > 0.95
    shown = operator.A(torch.from_numpy(image))[counted]
    wanted: Tensor = stack.y[counted]
    gain = float((shown * wanted).sum() / shown.square().sum())
    return float((wanted - gain * shown).square().mean().sqrt() / torch.quantile(wanted[::7].flatten(), 0.99))


def middle(scan: Volume, edge: float) -> Volume:
    """Return the middle of a stack in its plane, so many mm wide; all slices."""
    part, affine = [], scan.grid.affine.copy()
    for k, (n, step) in enumerate(zip(scan.grid.shape, scan.grid.spacing)):
        kept = n if k == scan.slice_axis else min(n, round(edge / float(step)))
        part.append(slice((n - kept) // 2, (n - kept) // 2 + kept))
    affine[:3, 3] += affine[:3, :3] @ [one.start for one in part]
    data = np.ascontiguousarray(scan.data[tuple(part)])
    grid = Grid((data.shape[0], data.shape[1], data.shape[2]), affine)
    return Volume(data, grid, None, scan.slice_axis, scan.thickness)


def every_second(scan: Volume, start: int) -> Volume:
    """Return every second slice of a stack; the slices stay as thick as they are."""
    step = float(scan.grid.spacing[scan.slice_axis])
    part = tuple(slice(start, None, 2) if k == scan.slice_axis else slice(None) for k in range(3))
    affine = scan.grid.affine.copy()
    affine[:3, 3] += start * affine[:3, scan.slice_axis]
    affine[:3, scan.slice_axis] *= 2
    data = np.ascontiguousarray(scan.data[part])
    grid = Grid((data.shape[0], data.shape[1], data.shape[2]), affine)
    return Volume(data, grid, None, scan.slice_axis, scan.thickness or step)


def left_out(scans: Sequence[Volume], k: int, slices: bool) -> tuple[list[Volume], Volume]:
    """Return the stacks that are fused, and what is left out of stack k."""
    if not slices:
        return [scan for j, scan in enumerate(scans) if j != k], scans[k]
    return [every_second(scan, 0) if j == k else scan for j, scan in enumerate(scans)], every_second(scans[k], 1)


def main() -> None:
    """Print a line for every stack that is left out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stacks", type=Path, nargs="+")
    parser.add_argument("--spacing", type=float, default=1.0)
    parser.add_argument("--method", default="auto")
    parser.add_argument("--part", type=float, metavar="MM", help="use only the middle of every stack, so many mm wide")
    parser.add_argument("--slices", action="store_true", help="leave out every second slice of a stack, not all of it")
    args = parser.parse_args()
    scans, prior = [read(path) for path in args.stacks], load_prior()
    if args.part is not None:
        scans = [middle(scan, args.part) for scan in scans]
    options = FuseOptions(spacing=args.spacing, method=args.method)
    print("| left out | noise, % | linear, % | cubic, % | error, % | expected, % | method | tried | alignment |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | --- | --- | --- |")
    for k, path in enumerate(args.stacks):
        others, alone = left_out(scans, k, args.slices)
        given = prepared_stacks([*others, alone], prior, options)
        grid = isotropic(others[0].grid, args.spacing)
        aligned = align_stacks([one.stack for one in given], others[0].grid)
        words = ", ".join(f"{'' if one.converged else 'not '}converged ({one.likeness:.2f})" for one in aligned[1:])
        mine = evened(aligned[-1].stack, aligned[0].stack, grid)
        mine = replace(mine, y=mine.y * (1 if mine.trusted is None else mine.trusted))
        noise = 100 * given[-1].stack.sigma / float(torch.quantile(given[-1].stack.y.flatten()[::31], 0.99))
        try:
            out = fuse(others, prior, options=options)
        except InputError as error:
            print(f"| {path.name} | {noise:.1f} | | | | | {error} | | {words} |", flush=True)
            continue
        means, seen = [], np.ones(grid.shape, bool)
        for order in (1, 3):
            images = []
            for scan, one in zip(others, out.details.stacks):
                moved = np.array([*one.rotation, *one.shift])
                image, inside = on_grid(scan, scan.grid, moved, grid, order)
                images.append(image.numpy() / np.float32(one.gain))
                seen &= inside
            means.append(np.mean(images, 0))
        if mine.trusted is not None:
            reached, _ = on_grid(Volume(mine.trusted.numpy(), mine.grid), mine.grid, mine.motion, grid, order=0)
            seen &= reached.numpy() > 0.5
        errors = [100 * error_of(x, grid, mine, seen) for x in (*means, out.volume.data)]
        bright = float(torch.quantile(mine.y.flatten()[::31], 0.99)) / mine.gain * given[0].scale
        expected = 100 * float(np.sqrt(np.mean(np.square(out.std[seen])))) / bright
        numbers = [f"{x:.1f}" for x in (noise, *errors, expected)]
        tried = ", ".join(f"{name} {value:.0f}" for name, value in out.details.predicted.items())
        row = (path.name, *numbers, out.details.method, tried, words)
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
