# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Small lesions: how much of the contrast of a spot of 1 to 8 mm, or of a thin vessel, is left after restoration?

python -m experiments.small_lesions DATASET [--tasks denoise3,x2] [--methods ours,bm4d] [--scans 3]

Balls of 1, 2, 3, 5 and 8 mm and straight vessels of 1, 2 and 3 mm, dark and bright, are put at random places into the
middle slices of validation brains (`experiments/lesion_shapes.py`). The slab is measured with and without them, with
the same noise, and both are restored. Of a ball `L`, truth with less without,

    recovery = sum (restored with - restored without) L / sum L^2

Of a vessel it is the ratio of both sums along the centreline. `erased` is the share of structure that comes back where
it was taken out of the scan before it was measured. `false spots` counts, in 100 ml of a control without lesions, where
the restored image shows a spot of 2 mm of at least half their contrast. Every method but `ours` is given the noise
level. BM4D needs the package bm4d; its rows are left out without it. `--varied` names scans of the folder `varied`
beside the dataset: of them the controls alone are restored, to learn what giving back costs.
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

from experiments.lesion_shapes import BALLS, SIZES, Lesions, erased, false_spots, recovered, with_lesions
from experiments.results import Results, asked, markdown, newest, weights_of
from monai_strainer import Prior, Volume, load_prior, read, restore
from monai_strainer.anatomy.foreground import foreground
from monai_strainer.cohorts.read import split_scans
from monai_strainer.evaluation.baselines import back_projection, cubic
from monai_strainer.metrics import psnr
from monai_strainer.physics import Profile, RicianNoise, Separable

TASKS = {"denoise3": (0.03, 1), "denoise5": (0.05, 1), "denoise9": (0.09, 1), "x2": (0.0, 2)}
METHODS = {1: ("noisy", "bm4d", "ours", "ours, keep_lesions"), 2: ("cubic", "back_projection", "ours")}
COLOURS = {"ours": "C0", "ours, keep_lesions": "C4", "bm4d": "C1", "cubic": "C2", "back_projection": "C3"}
CONTROL = "controls unlike the cohort"
SLICES, WITHIN = 8, 0.03  # of a slab; the gate: what may be lost against the better of cubic and BM4D
Image = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Slab:
    """The middle slices of a scan, in all versions that are measured.

    Args:
        name: of the scan.
        scan: as it is.
        lesions: with dark and with bright lesions.
        erased: with structure taken out.
    """

    name: str
    scan: Volume
    lesions: dict[str, Lesions]
    erased: Lesions | None


def slabs(dataset: Path, count: int, varied: Sequence[str], seed: int) -> Iterator[Slab]:
    """Yield the middle slices of scans, cropped in-plane to sides that divide by 4; of those of `varied` controls."""
    brains = [(path.parent.parent.name, path) for path in split_scans(dataset)[1][:count]]
    others = [(name, dataset.parent / "varied" / f"{name}.nii.gz") for name in varied]
    for name, path in [*brains, *others]:
        scan = read(path)
        axis, middle = scan.slice_axis, scan.grid.shape[scan.slice_axis] // 2
        cut = [slice(n // 4 * 4) for n in scan.grid.shape]
        cut[axis] = slice(middle - SLICES // 2, middle + SLICES // 2)
        data = np.ascontiguousarray(np.maximum(scan.data[tuple(cut)], 0))
        slab = Volume(data, replace(scan.grid, shape=data.shape), slice_axis=axis)
        is_control = name in varied
        both = {} if is_control else {key: with_lesions(slab, k, seed) for key, k in (("dark", -1), ("bright", 1))}
        yield Slab(name, slab, both, None if is_control else erased(slab, seed))


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
    if method == "noisy":
        return y
    if method == "bm4d":
        from benchmarks.rivals import bm4d

        return np.moveaxis(bm4d(slices, sigma), 0, axis)
    if method == "cubic":
        return np.moveaxis(cubic(slices, fine), 0, axis)
    if method == "back_projection":
        operator: Separable = Profile()(fine, slices.shape[1:])
        return np.moveaxis(back_projection(operator, slices), 0, axis)
    return restore(low, prior, factor, keep_lesions=method == "ours, keep_lesions").volume.data


def rows_of(slab: Slab, task: str, method: str, prior: Prior) -> Iterator[dict[str, Any]]:
    """Yield a row for dark and one for bright lesions, with what is known of the control; or one of the control."""
    bright = float(np.percentile(slab.scan.data, 99))
    control = restored(method, slab.scan, task, prior, bright)
    head = foreground(slab.scan.data)
    peak = float(np.percentile(slab.scan.data[head], 99.9))
    same = {
        "psnr": psnr(control, slab.scan.data, data_range=peak, mask=head),
        "false": false_spots(control - slab.scan.data, slab.scan),
    }
    if slab.erased is None:
        yield {"sign": CONTROL, **same}
    else:
        gone = restored(method, slab.erased.scan, task, prior, bright)
        same |= recovered(slab.erased, gone - slab.erased.scan.data)
    for sign, made in slab.lesions.items():
        change = restored(method, made.changed, task, prior, bright) - control
        yield {"sign": sign, **recovered(made, change), **same}


def means(rows: Sequence[dict[str, str]], names: Sequence[str]) -> list[float | None]:
    """Return the mean of some columns over rows, where they have numbers."""
    found = [[float(row[name]) for row in rows if row.get(name)] for name in names]
    return [float(np.mean(values)) if values else None for values in found]


def missed(table: dict[tuple[str, str, str], list[float | None]]) -> list[list[str]]:
    """Return a line per task and method of ours: the sizes that keep too little beside the better rival."""
    lines: dict[tuple[str, str], list[str]] = {}
    for (task, sign, method), values in table.items():
        rivals = [table[task, sign, other] for other in ("bm4d", "cubic") if (task, sign, other) in table]
        if method.startswith("ours") and rivals:
            found = lines.setdefault((task, method), [])
            for k, size in enumerate(SIZES):
                best = max((line[k] or 0.0 for line in rivals), default=0.0)
                if values[k] is not None and values[k] < best - WITHIN:
                    found.append(f"{sign} {size} {values[k] - best:+.2f}")
    return [[f"{task}, {method}", "; ".join(found) or "none"] for (task, method), found in lines.items()]


def show(results: Results) -> None:
    """Recovery per task, method and size, the mean of scans; then the gate."""
    rows = newest(results.rows(), ("task", "sign", "method"))
    order = list(dict.fromkeys((*METHODS[1], *METHODS[2])))
    cases = {(row["task"], row["sign"], row["method"]) for row in rows}
    table, lines = {}, []
    for task, sign, method in sorted(cases, key=lambda c: (list(TASKS).index(c[0]), c[1], order.index(c[2]))):
        some = [row for row in rows if (row["task"], row["sign"], row["method"]) == (task, sign, method)]
        table[task, sign, method] = means(some, SIZES)
        last = means(some, ("erased", "false", "psnr"))
        lines.append([f"{task}, {sign}, {method}", *table[task, sign, method], *last])
    columns = ["task, lesion, method", *SIZES, "erased", "false spots", "PSNR"]
    gate = [["task, method", f"more than {WITHIN} below the better of BM4D and cubic"], ["---", "---"], *missed(table)]
    text = "\n".join(f"| {' | '.join(line)} |" for line in gate)
    draw(results, table)
    results.show(f"{markdown(columns, lines)}\n\n{text}", results.figure())


def draw(results: Results, table: dict[tuple[str, str, str], list[float | None]]) -> None:
    """One panel per task: the contrast that is left, by size."""
    tasks = [task for task in TASKS if any(task == name for name, _, _ in table)]
    shown, grid = plt.subplots(
        1, len(tasks), figsize=(2 + 3.5 * len(tasks), 3.8), layout="constrained", sharey=True, squeeze=False
    )
    axes = grid[0]
    for ax, task in zip(axes, tasks):
        for (name, sign, method), values in table.items():
            if name == task and method in COLOURS:
                style = "-" if sign == "bright" else "--"
                heights = [np.nan if v is None else v for v in values]
                for part, label in ((slice(len(BALLS)), f"{method}, {sign}"), (slice(len(BALLS), None), None)):
                    ax.plot(SIZES[part], heights[part], style, color=COLOURS[method], label=label)
        ax.set_title(task, fontsize=10)
        ax.axhline(1, color="black", linewidth=0.6)
        ax.tick_params(axis="x", labelrotation=60)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("contrast that is left")
    lines = {line.get_label(): line for ax in axes for line in ax.lines if not str(line.get_label()).startswith("_")}
    shown.legend(lines.values(), lines.keys(), frameon=False, fontsize=8, loc="outside right upper")
    shown.savefig(results.figure(), dpi=130)
    plt.close(shown)


def main(argv: Sequence[str] | None = None) -> None:
    """Make the rows that are missing, then the tables and the figure."""
    more = {
        "tasks": {"default": ",".join(TASKS), "help": "with commas (default: all)"},
        "methods": {"default": "", "help": "with semicolons (default: all that are installed)"},
        "scans": {"type": int, "default": 3, "help": "validation brains"},
        "varied": {"default": "", "help": "controls, with commas"},
    }
    key = ("scan", "task", "sign", "method", "prior")
    args, results = asked("small_lesions", __doc__, key, argv, **more)
    if args.show:
        show(results)
        return
    prior = load_prior()
    varied = args.varied.split(",") if args.varied else []
    for slab in slabs(args.dataset, 1 if args.tiny else args.scans, varied, args.seed):
        for task in ("denoise5", "x2") if args.tiny else args.tasks.split(","):
            wanted = args.methods.split(";") if args.methods else METHODS[TASKS[task][1]]
            for method in [m for m in METHODS[TASKS[task][1]] if m in wanted and (m != "bm4d" or find_spec("bm4d"))]:
                weights = weights_of(prior) if method.startswith("ours") else ""
                case = {"scan": slab.name, "task": task, "method": method, "prior": weights}
                if list(results.missing([{**case, "sign": sign} for sign in slab.lesions or (CONTROL,)])):
                    for row in rows_of(slab, task, method, prior):
                        results.add({**case, **row})
    show(results)


if __name__ == "__main__":
    main()
