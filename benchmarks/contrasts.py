# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore a thick contrast with a sharp one of the same head, and measure what leaks from one to the other.

python benchmarks/contrasts.py --out contrasts.csv --thick FLAIR.nii.gz --sharp T1w.nii.gz [--thickness 5]
python benchmarks/contrasts.py --out contrasts.csv --table

Two isotropic scans of one head on one grid; the first is cut into axial slices, with Rician noise of 2 % of its 99.9th
percentile. PSNR counts from 4 voxels inside the edge of both: around a stripped head, the zeros of the sharp scan would
help more than its contrast. `mirrored` is the result with the sharp scan turned left to right, a contrast that does not
agree. Lesions are balls of radius 2, 3 and 5 voxels and of 30 % of the 99.9th percentile. `ghost`: lesions are in the
sharp scan alone, bright and dark; half the difference of the two results, averaged over a lesion, in per cent of its
contrast there. `in lesions`: root mean square error there, of the restoration alone and of the worse of the two
results, in per cent of the 99.9th percentile. `kept`: lesions are in the thick scan alone; the part of their contrast
that the results have.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from stacks import NOISE, cut

from monai_strainer import Grid, Volume, load_prior, read, restore
from monai_strainer.fusing.contrasts import sharpen
from monai_strainer.metrics import coverage, psnr

RADII = (2, 3, 5)
EACH = 10  # lesions of a radius
CONTRAST = 0.3
MARGIN = 4
COLUMNS = (
    "scan", "sharp", "thickness", "cubic", "alone", "with", "mirrored", "used", "agreement", "coverage90",
    "ghost_mean", "ghost_absolute", "ghost_p95", "lesions_alone", "lesions_with", "kept_alone", "kept_with",
)  # fmt: skip
Image = NDArray[np.float32]


def peak_of(scan: Volume) -> float:
    """Return the 99.9th percentile of what is not zero."""
    return float(np.percentile(scan.data[scan.data > 0], 99.9))


def lesions_in(where: NDArray[np.bool_]) -> tuple[Image, list[NDArray[np.bool_]]]:
    """Return balls with soft edges of amplitude 1 at random places, and the mask of each."""
    draw, index = np.random.default_rng(0), np.indices(where.shape)
    image, masks = np.zeros(where.shape, np.float32), []
    free = where.copy()
    for radius in RADII * EACH:
        places = np.argwhere(ndimage.binary_erosion(free, iterations=2))
        if not len(places):
            break
        centre = places[draw.integers(len(places))]
        distance = np.sqrt(sum((index[k] - centre[k]) ** 2 for k in range(3)))
        ball = np.clip(radius + 0.5 - distance, 0, 1)
        image += ball.astype(np.float32)
        masks.append(ball > 0.5)
        free &= distance > 2 * radius + 8
    return image, masks


def interpolated(one: Volume, grid: Grid) -> Image:
    """Interpolate with cubic splines."""
    matrix = np.linalg.inv(one.grid.affine) @ grid.affine
    out: Image = ndimage.affine_transform(
        one.data, matrix[:3, :3], matrix[:3, 3], output_shape=grid.shape, order=3, mode="nearest"
    )
    return out


def run(thick: Volume, sharp: Volume, thickness: int) -> dict[str, float | bool]:
    """Measure one pair of scans."""
    prior, peak = load_prior(), peak_of(thick)
    factors = (1, 1, thickness)
    inner = ndimage.distance_transform_edt(np.pad((thick.data > 0) & (sharp.data > 0), 1))[1:-1, 1:-1, 1:-1] > MARGIN
    shape, masks = lesions_in(inner)
    there = np.any(masks, axis=0)

    def score(image: Image) -> float:
        return psnr(image, thick.data, data_range=peak, mask=inner)

    def rms(image: Image) -> float:
        return float(np.sqrt(np.mean(np.square((image - thick.data)[there] / peak))))

    def guided(data: Image, align: bool = False) -> Image:
        return sharpen(slices, alone, [Volume(np.maximum(data, 0), sharp.grid)], prior, align=align).volume.data

    slices = cut(thick, 2, thickness, (0.0,) * 6, NOISE * peak, seed=0)
    alone = restore(slices, prior, factors)
    out = sharpen(slices, alone, [sharp], prior)
    step = CONTRAST * peak_of(sharp) * shape
    bright, dark = guided(sharp.data + step), guided(sharp.data - step)
    ghosts = np.array([float((bright - dark)[one].mean()) / (2 * CONTRAST * peak) for one in masks])
    ill = cut(Volume(thick.data + CONTRAST * peak * shape, thick.grid), 2, thickness, (0.0,) * 6, NOISE * peak, seed=0)
    ill_alone = restore(ill, prior, factors)
    ill_with = sharpen(ill, ill_alone, [sharp], prior, align=False).volume.data
    kept = [float((a - b)[there].mean()) / (CONTRAST * peak * float(shape[there].mean())) for a, b in (
        (ill_alone.volume.data, alone.volume.data), (ill_with, out.volume.data)
    )]  # fmt: skip
    return {
        "cubic": score(interpolated(slices, thick.grid)),
        "alone": score(alone.volume.data),
        "with": score(out.volume.data),
        "mirrored": score(guided(sharp.data[::-1].copy(), align=True)),
        "used": out.details.used,
        "agreement": out.details.agreement,
        "coverage90": coverage(out.volume.data, thick.data, out.std, 0.9, inner),
        "ghost_mean": 100 * float(ghosts.mean()),
        "ghost_absolute": 100 * float(np.abs(ghosts).mean()),
        "ghost_p95": 100 * float(np.quantile(np.abs(ghosts), 0.95)),
        "lesions_alone": 100 * rms(alone.volume.data),
        "lesions_with": 100 * max(rms(bright), rms(dark)),
        "kept_alone": kept[0],
        "kept_with": kept[1],
    }


def cropped(scan: Volume, thickness: int, rows: tuple[int, int] | None) -> Volume:
    """Keep whole slices, and only some rows where they are given."""
    first, last = rows or (0, scan.grid.shape[1])
    data = scan.data[:, first:last, : scan.grid.shape[2] // thickness * thickness]
    affine = scan.grid.affine.copy()
    affine[:3, 3] += affine[:3, 1] * first
    return Volume(data, Grid((data.shape[0], data.shape[1], data.shape[2]), affine))


def table(path: Path) -> None:
    """Print a line for every row."""
    with path.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    print("| thick, sharp | cubic | alone | with | mirrored | bars | ghost: mean, absolute, 95 % | in lesions | kept |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | --- | --- | --- |")
    for row in rows:
        x = {name: float(row[name]) for name in COLUMNS[3:] if name != "used"}
        print(
            f"| {row['scan']} {row['thickness']}, {row['sharp']} | {x['cubic']:.2f} | {x['alone']:.2f} "
            f"| {x['with']:.2f} | {x['mirrored']:.2f} | {x['coverage90']:.2f} "
            f"| {x['ghost_mean']:+.1f}, {x['ghost_absolute']:.1f}, {x['ghost_p95']:.1f} "
            f"| {x['lesions_alone']:.1f}, {x['lesions_with']:.1f} | {x['kept_alone']:.2f}, {x['kept_with']:.2f} |"
        )


def main() -> None:
    """Measure, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="rows as CSV")
    parser.add_argument("--thick", type=Path, help="isotropic scan that is cut into axial slices")
    parser.add_argument("--sharp", type=Path, help="isotropic scan of another contrast, on the same grid")
    parser.add_argument("--thickness", type=int, default=5, help="of slices, in voxels")
    parser.add_argument("--rows", type=int, nargs=2, help="use only these rows, first and last + 1")
    parser.add_argument("--table", action="store_true", help="print the table")
    args = parser.parse_args()
    if args.thick is not None:
        rows = None if args.rows is None else (args.rows[0], args.rows[1])
        thick, sharp = (cropped(read(path), args.thickness, rows) for path in (args.thick, args.sharp))
        names = [path.name.split(".")[0] for path in (args.thick, args.sharp)]
        found = {key: round(value, 4) for key, value in run(thick, sharp, args.thickness).items()}
        is_new = not args.out.exists()
        with args.out.open("a", newline="") as handle:
            writer = csv.DictWriter(handle, COLUMNS)
            if is_new:
                writer.writeheader()
            writer.writerow({"scan": names[0], "sharp": names[1], "thickness": args.thickness} | found)
    if args.table:
        table(args.out)


if __name__ == "__main__":
    main()
