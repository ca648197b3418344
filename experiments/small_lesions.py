# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Small lesions: how much of the contrast of a spot of 1 to 8 mm, or of a thin vessel, is left after restoration?

python -m experiments.small_lesions DATASET

Balls of 1, 2, 3, 5 and 8 mm and straight vessels of 1 mm, dark and bright, are put at random places into the middle
slices of validation brains and, where the folder `dicom/structural` is beside the dataset, of a whole head. The slab is
measured with and without them, with the same noise, and both are restored. Of a lesion `L`, truth with less without,

    recovery = sum (restored with - restored without) L / sum L^2

Every method but `ours` is given the noise level. BM4D needs the package bm4d; its rows are left out without it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from experiments.results import Results, asked, markdown
from monai_strainer import Prior, Volume, load_prior, read, restore
from monai_strainer.anatomy.foreground import foreground
from monai_strainer.cohorts.read import split_scans
from monai_strainer.evaluation.baselines import back_projection, cubic
from monai_strainer.metrics import psnr
from monai_strainer.physics import Profile, RicianNoise, Separable

SIZES = ("1 mm", "2 mm", "3 mm", "5 mm", "8 mm", "vessel")
TASKS = {"denoise3": (0.03, 1), "denoise5": (0.05, 1), "denoise9": (0.09, 1), "x2": (0.0, 2)}
METHODS = {
    1: ("bm4d", "ours", "ours, informed", "ours, keep_lesions"),
    2: ("cubic", "back_projection", "ours", "ours, informed"),
}
COLOURS = {"ours": "C0", "ours, keep_lesions": "C4", "bm4d": "C1", "cubic": "C2", "back_projection": "C3"}
EACH, SLICES, FINE, CONTRAST = 4, 8, 5, 0.3
Image = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Lesions:
    """A slab, and the same slab with lesions.

    Args:
        scan: without lesions.
        changed: with all of them.
        parts: size, and where the lesion is, of every one.
    """

    scan: Volume
    changed: Volume
    parts: list[tuple[str, tuple[slice, ...]]]


def slabs(dataset: Path, few: bool) -> Iterator[tuple[str, Volume]]:
    """Yield the middle slices of every scan, cropped in-plane to even sides."""
    paths = [(path.parent.parent.name, path) for path in split_scans(dataset)[1][: 1 if few else 3]]
    head = dataset.parent / "dicom" / "structural"
    if head.is_dir() and not few:
        paths.append(("structural", head))
    for name, path in paths:
        scan = read(path)
        axis, middle = scan.slice_axis, scan.grid.shape[scan.slice_axis] // 2
        cut = [slice(n // 4 * 4) for n in scan.grid.shape]
        cut[axis] = slice(middle - SLICES // 2, middle + SLICES // 2)
        data = np.ascontiguousarray(np.maximum(scan.data[tuple(cut)], 0))
        yield name, Volume(data, replace(scan.grid, shape=data.shape), slice_axis=axis)


def profile(size: str, spacing: NDArray[np.float64], axis: int) -> Image:
    """Return the fraction of every voxel that a ball, or a vessel within the plane, fills."""
    length = 20.0 if size == "vessel" else float(size.split()[0])
    radius = 0.5 if size == "vessel" else length / 2
    along = next(k for k in range(3) if k != axis)
    reach = [length / 2 if size != "vessel" or k == along else radius for k in range(3)]
    half = [int(np.ceil(r / s)) + 1 for r, s in zip(reach, spacing)]
    place = np.meshgrid(*(_fine(n) * s for n, s in zip(half, spacing)), indexing="ij", sparse=True)
    across = sum(p**2 for k, p in enumerate(place) if size != "vessel" or k != along)
    inside = (across <= radius**2) & (np.abs(place[along]) <= length / 2)
    shape = [m for n in half for m in (2 * n + 1, FINE)]
    fraction: Image = inside.reshape(shape).mean((1, 3, 5)).astype(np.float32)
    return fraction


def _fine(half: int) -> NDArray[np.float64]:
    """Positions within voxels ``-half .. half``, ``FINE`` in each."""
    return (np.arange((2 * half + 1) * FINE) + 0.5) / FINE - half - 0.5


def with_lesions(scan: Volume, sign: int, seed: int) -> Lesions:
    """Put lesions at random places of the object, apart from one another."""
    rng, spacing = np.random.default_rng(seed), scan.grid.spacing
    head = foreground(scan.data)
    deep = ndimage.distance_transform_edt(head, spacing)
    free, changed = deep > 3, scan.data.copy()
    height = sign * CONTRAST * float(np.percentile(scan.data[head], 90))
    parts = []
    for size in reversed(SIZES):
        shape = profile(size, spacing, scan.slice_axis)
        reach = [n // 2 for n in shape.shape]
        for _ in range(EACH):
            room = np.zeros_like(free)
            inner = tuple(slice(min(r, n // 2), max(n - r, n // 2 + 1)) for r, n in zip(reach, free.shape))
            room[inner] = free[inner]
            places = np.argwhere(room)
            if not len(places):
                break
            middle = places[rng.integers(len(places))]
            where = tuple(slice(max(0, m - r), m + r + 1) for m, r in zip(middle, reach))
            some = tuple(slice(max(0, r - m), min(2 * r + 1, n - m + r)) for m, r, n in zip(middle, reach, free.shape))
            changed[where] = np.maximum(changed[where] + height * shape[some], 0)
            parts.append((size, where))
            gap = [int(np.ceil(4 / s)) for s in spacing]
            free[tuple(slice(max(0, w.start - g), w.stop + g) for w, g in zip(where, gap))] = False
    return Lesions(scan, replace(scan, data=changed), parts)


def restored(method: str, truth: Volume, task: str, prior: Prior, bright: float) -> Image:
    """Measure a slab as the task says, with noise relative to `bright`, and restore it."""
    fraction, factor = TASKS[task]
    axis, sigma = truth.slice_axis, fraction * bright
    shape = [n if k == axis else n // factor for k, n in enumerate(truth.grid.shape)]
    clean = Profile()(truth.grid.shape, shape).A(torch.from_numpy(truth.data))
    generator = torch.Generator().manual_seed(zlib.crc32(task.encode()))
    y = RicianNoise(sigma).sample(clean, generator).numpy() if sigma else clean.numpy()
    low = Volume(y, truth.grid.resize(shape), slice_axis=axis)
    slices = low.slices(axis)
    fine = [factor * n for n in slices.shape[1:]]
    if method == "bm4d":
        from benchmarks.rivals import bm4d

        return np.moveaxis(bm4d(slices, sigma), 0, axis)
    if method == "cubic":
        return np.moveaxis(cubic(slices, fine), 0, axis)
    if method == "back_projection":
        operator: Separable = Profile()(fine, slices.shape[1:])
        return np.moveaxis(back_projection(operator, slices), 0, axis)
    known: dict[str, Any] = {}
    if method == "ours, keep_lesions":
        known = {"keep_lesions": True}
    elif method != "ours":
        known = {"sigma": sigma} if factor == 1 else {"operator": Profile()}
    return restore(low, prior, factor, **known).volume.data


def recoveries(made: Lesions, method: str, task: str, prior: Prior) -> dict[str, float]:
    """Return the mean recovery of every size, and the PSNR in dB of the slab without lesions."""
    lesion = made.changed.data - made.scan.data
    bright = float(np.percentile(made.scan.data, 99))
    one, two = (restored(method, truth, task, prior, bright) for truth in (made.changed, made.scan))
    change = one - two
    found: dict[str, list[float]] = {size: [] for size in SIZES}
    for size, where in made.parts:
        power = float(np.square(lesion[where]).sum())
        if power > 0:
            found[size].append(float((change[where] * lesion[where]).sum()) / power)
    head = foreground(made.scan.data)
    peak = float(np.percentile(made.scan.data[head], 99.9))
    means = {size: float(np.mean(values)) for size, values in found.items() if values}
    return {**means, "psnr": psnr(two, made.scan.data, data_range=peak, mask=head)}


def show(results: Results) -> None:
    """Recovery per task, method and size, the mean of scans."""
    rows = results.rows()
    lines, cases = [], list(dict.fromkeys((row["task"], row["sign"], row["method"]) for row in rows))
    for task, sign, method in sorted(cases, key=lambda case: (list(TASKS).index(case[0]), case[1])):
        some = [row for row in rows if (row["task"], row["sign"], row["method"]) == (task, sign, method)]
        means = [[float(row[size]) for row in some if row.get(size)] for size in SIZES]
        psnrs = [float(row["psnr"]) for row in some if row.get("psnr")]
        quality = float(np.mean(psnrs)) if psnrs else None
        lines.append([f"{task}, {sign}, {method}", *(float(np.mean(m)) if m else None for m in means), quality])
    shown, axes = plt.subplots(1, len(TASKS), figsize=(13, 3.6), layout="constrained", sharey=True)
    for ax, task in zip(axes, TASKS):
        for line in lines:
            name, sign, method = str(line[0]).split(", ", 2)
            if name == task and method != "ours, informed":  # which is the same
                style = "-" if sign == "bright" else "--"
                values = [np.nan if v is None else v for v in line[1:-1]]
                ax.plot(SIZES, values, style, color=COLOURS[method], label=f"{method}, {sign}")
        ax.set_title(task, fontsize=10)
        ax.axhline(1, color="black", linewidth=0.6)
        ax.tick_params(axis="x", labelrotation=45)
        ax.spines[["top", "right"]].set_visible(False)
        if ax.lines[1:]:
            ax.legend(frameon=False, fontsize=7)
    axes[0].set_ylabel("contrast that is left")
    shown.savefig(results.figure(), dpi=130)
    plt.close(shown)
    results.show(markdown(["task, lesion, method", *SIZES, "PSNR"], lines), results.figure())


def main(argv: Sequence[str] | None = None) -> None:
    """Make the rows that are missing, then the table and the figure."""
    args, results = asked("small_lesions", __doc__, ("scan", "task", "sign", "method"), argv)
    if args.show:
        show(results)
        return
    prior = load_prior()
    for name, scan in slabs(args.dataset, args.tiny):
        for sign, seed in (("dark", -1), ("bright", 1)):
            made = with_lesions(scan, seed, args.seed)
            for task in ("x2",) if args.tiny else TASKS:
                methods = [m for m in METHODS[TASKS[task][1]] if m != "bm4d" or find_spec("bm4d")]
                cases = [{"scan": name, "task": task, "sign": sign, "method": m} for m in methods]
                for row in results.missing(cases):
                    results.add({**row, **recoveries(made, row["method"], task, prior)})
    show(results)


if __name__ == "__main__":
    main()
