# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Fuse three simulated stacks of a head, and compare with one stack and with the average of three.

python benchmarks/stacks.py SCAN [SCAN ...] --out stacks.csv [--thickness 4,6] [--methods kriging,auto] [--edge 1]
python benchmarks/stacks.py --out stacks.csv --table

An isotropic scan is cut into an axial, a coronal and a sagittal stack; the second and the third have moved by a few
degrees and millimetres, and all have Rician noise of 2 % of the 99.9th percentile. The cut samples cubic splines twice
a voxel and averages through a slice: no operator of the package makes what the package undoes. `cubic` is the best of
the three stacks, `average` the mean of all three; both are given the true motions. `single` is the best of the three as
`restore` gives them. `kriging`, `network` and `auto` are `fuse`, which finds the motions; the method that `auto` takes
needs no run of its own, for it is the same computation. PSNR counts where the truth is not zero. `seconds` are of the
processor.
"""

from __future__ import annotations

import argparse
import csv
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from monai_strainer import Grid, Prior, Volume, fuse, load_prior, read, restore
from monai_strainer.physics import rigid_matrix

NOISE = 0.02
AXES = (2, 1, 0)
MOTIONS = ((0.0,) * 6, (2.0, -1.5, 3.0, 1.5, -2.0, 1.0), (-3.0, 2.0, 1.0, -1.0, 0.7, 2.0))  # degrees, mm
COLUMNS = ("scan", "thickness", "method", "psnr", "coverage90", "mm", "degrees", "chosen", "seconds")
Image = NDArray[np.float32]


def cut(truth: Volume, axis: int, thickness: int, motion: Sequence[float], sigma: float, seed: int) -> Volume:
    """Cut a moved stack of slices, so many voxels thick, and add Rician noise; only whole slices are cut."""
    shape = [n // thickness if k == axis else n for k, n in enumerate(truth.grid.shape)]
    whole = [thickness * n if k == axis else n for k, n in enumerate(shape)]
    stack = Grid((whole[0], whole[1], whole[2]), truth.grid.affine).resize(shape)
    fine = stack.refine([2 * thickness if k == axis else 1 for k in range(3)])
    matrix = np.linalg.inv(truth.grid.affine) @ rigid_matrix(motion, stack.corners().mean(0)) @ fine.affine
    values = ndimage.affine_transform(truth.data, matrix[:3, :3], matrix[:3, 3], output_shape=fine.shape, order=3)
    rest = [n for k, n in enumerate(shape) if k != axis]
    clean = np.moveaxis(np.moveaxis(values, axis, 0).reshape(shape[axis], -1, *rest).mean(1), 0, axis)
    noise = sigma * np.random.default_rng(seed).standard_normal((2, *clean.shape))
    return Volume(np.hypot(clean + noise[0], noise[1]), stack, slice_axis=axis)


def around(scan: Volume) -> Volume:
    """Return the box of what is not zero, with two voxels more on every side."""
    box = tuple(
        slice(max(0, one.start - 2), one.stop + 2) for one in ndimage.find_objects((scan.data > 0).astype(np.uint8))[0]
    )
    data, affine = scan.data[box], scan.grid.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [one.start for one in box]
    return Volume(data, Grid((data.shape[0], data.shape[1], data.shape[2]), affine))


def coarser(scan: Volume, edge: float) -> Volume:
    """Return a scan with voxels of so many mm: blurred by 0.4 of their edge, and sampled with cubic splines."""
    shape = [round(n * float(step) / edge) for n, step in zip(scan.grid.shape, scan.grid.spacing)]
    grid = scan.grid.resize(shape)
    fine = ndimage.gaussian_filter(scan.data, 0.4 * grid.spacing / scan.grid.spacing)
    matrix = np.linalg.inv(scan.grid.affine) @ grid.affine
    data = ndimage.affine_transform(fine, np.diag(matrix)[:3], matrix[:3, 3], output_shape=grid.shape, order=3)
    seen = ndimage.affine_transform(scan.data, np.diag(matrix)[:3], matrix[:3, 3], output_shape=grid.shape, order=0)
    return Volume(np.where(seen > 0, data, 0).clip(0), grid)


def placed(image: Volume, stack: Volume, motion: tuple[float, ...], target: Grid) -> Image:
    """Interpolate with cubic splines a volume that lies where a moved stack does."""
    moved = rigid_matrix(motion, stack.grid.corners().mean(0)) @ image.grid.affine
    matrix = np.linalg.inv(moved) @ target.affine
    out: Image = ndimage.affine_transform(
        image.data, matrix[:3, :3], matrix[:3, 3], output_shape=target.shape, order=3, mode="nearest"
    )
    return out


def run(method: str, stacks: list[Volume], truth: Volume, prior: Prior, thickness: int) -> dict[str, Any]:
    """Run one method; return its scores."""
    mask = truth.data > 0
    peak = float(np.percentile(truth.data[mask], 99.9))

    def psnr(image: Image) -> float:
        return float(-10 * np.log10(np.mean(np.square((image - truth.data)[mask] / peak, dtype=np.float64))))

    spacing = float(truth.grid.spacing.min())
    if method in ("cubic", "average", "single"):
        lying = []
        for one, motion in zip(stacks, MOTIONS):
            factors = [thickness if k == one.slice_axis else 1 for k in range(3)]
            image = restore(one, prior, factors).volume if method == "single" else one
            lying.append(placed(image, one, motion, truth.grid))
        return {"psnr": psnr(np.mean(lying, 0)) if method == "average" else max(psnr(image) for image in lying)}
    out = fuse(stacks, prior, spacing=spacing, method=method)
    held = np.abs(out.volume.data - truth.data)[mask] < 1.645 * out.std[mask]
    found = [np.subtract([*one.rotation, *one.shift], q) for one, q in zip(out.details.stacks, MOTIONS)]
    return {
        "psnr": psnr(out.volume.data),
        "coverage90": float(held.mean()),
        "degrees": max(float(np.linalg.norm(q[:3])) for q in found),
        "mm": max(float(np.linalg.norm(q[3:])) for q in found),
        "chosen": out.details.method,
    }


def benchmark(args: argparse.Namespace) -> None:
    """Make the rows that are missing."""
    done: set[tuple[str, ...]] = set()
    if args.out.exists():
        with args.out.open(newline="") as handle:
            done = {(row["scan"], row["thickness"], row["method"]) for row in csv.DictReader(handle)}
    else:
        args.out.write_text(",".join(COLUMNS) + "\n")
    prior = load_prior(args.prior)
    for path in args.scans:
        name, scan = path.name.split(".")[0], around(read(path))
        if args.edge is not None:
            scan = coarser(scan, args.edge)
        for thickness in map(int, args.thickness.split(",")):
            shape = [n - n % thickness for n in scan.grid.shape]
            truth = Volume(scan.data[: shape[0], : shape[1], : shape[2]], Grid(tuple(shape), scan.grid.affine))
            sigma = NOISE * float(np.percentile(truth.data[truth.data > 0], 99.9))
            seeds = [zlib.crc32(f"{name} {thickness} {axis}".encode()) for axis in AXES]
            stacks = [cut(truth, a, thickness, q, sigma, seed) for a, q, seed in zip(AXES, MOTIONS, seeds)]
            for method in args.methods.split(","):
                if (name, str(thickness), method) in done:
                    continue
                begin = time.process_time()
                scores = run(method, stacks, truth, prior, thickness)
                scores["seconds"] = round(time.process_time() - begin)
                scores = {key: round(v, 4) if isinstance(v, float) else v for key, v in scores.items()}
                for same in dict.fromkeys((method, scores.get("chosen", method))):
                    done.add((name, str(thickness), same))
                    with args.out.open("a", newline="") as handle:
                        head = {"scan": name, "thickness": thickness, "method": same}
                        csv.DictWriter(handle, COLUMNS).writerow(head | scores)


def table(path: Path) -> None:
    """Print a line for every scan and thickness, with what is gained over the best single stack and the average."""
    with path.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    print(f"| scan, slices in voxels | {' | '.join(methods)} | over single | over average | bars | alignment |")
    print(f"| --- | {' | '.join('---:' for _ in methods)} | ---: | ---: | ---: | --- |")
    for scan, thickness in dict.fromkeys((row["scan"], row["thickness"]) for row in rows):
        mine = {row["method"]: row for row in rows if (row["scan"], row["thickness"]) == (scan, thickness)}
        cells = [f"{float(mine[m]['psnr']):.2f}" if m in mine else "" for m in methods]
        last = next((mine[m] for m in ("auto", "network", "kriging") if m in mine), None)
        bars = f"{float(last['coverage90']):.2f}" if last else ""
        moved = f"{float(last['mm']):.3f} mm, {float(last['degrees']):.3f} degrees" if last else ""
        gains = [
            f"{float(last['psnr']) - float(mine[m]['psnr']):+.2f}" if last and m in mine else ""
            for m in ("single", "average")
        ]
        print(f"| {scan}, {thickness} | {' | '.join(cells)} | {' | '.join(gains)} | {bars} | {moved} |")


def main() -> None:
    """Run, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scans", type=Path, nargs="*", help="isotropic scans whose background is zero")
    parser.add_argument("--out", type=Path, required=True, help="rows as CSV")
    parser.add_argument("--thickness", default="4,6", help="of slices, in voxels")
    parser.add_argument("--methods", default="cubic,average,auto,kriging,network,single")
    parser.add_argument("--edge", type=float, metavar="MM", help="first make the voxels of the scans so wide")
    parser.add_argument("--prior", type=Path, default=None, help="a bundle's folder; the shipped one by default")
    parser.add_argument("--table", action="store_true", help="print the table")
    args = parser.parse_args()
    benchmark(args)
    if args.table:
        table(args.out)


if __name__ == "__main__":
    main()
