# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Real noise: what do denoisers remove from scans as they come, to which no noise was added and which have no truth?

python -m experiments.real_noise DATASET [--volumes structural,mrgd_T1Gd] [--methods 'ours;ours, air']

Middle slabs of 8 slices of the folders `varied` (split `val`) and `dicom/structural` beside the dataset, and of its own
validation brains. `ours` is `restore` with its defaults. ND-SAFIR and BM4D are given the level that it estimates; ANTs'
DenoiseImage finds its own. `experiments/without_truth.py` defines what is measured. No risk is measured on zero-filled
scans: the recorrupted images would have noise where the scan has none. `crop` is what `restore` does to zero-filled
scans before it denoises, and nothing else: to the acquired k-space and back. Where the air around the object holds
Rayleigh noise, methods are also given its level (`ours, air`). Packages that are missing are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks import rivals
from benchmarks.any_scan_data import Entry, entries, load, middle, part
from experiments.results import Results, asked, markdown, newest, weights_of
from experiments.without_truth import (
    CLASSES,
    MIX,
    air_noise,
    bright,
    edge_correlation,
    flat_tissue,
    high_pass,
    recorrupted_risk,
)
from monai_strainer import Prior, RestoreOptions, Volume, load_prior, restore
from monai_strainer.cohorts.read import split_scans
from monai_strainer.physics import RicianNoise
from monai_strainer.restoring.prepare import Prepared, prepare

METHODS = ("input", "ours", "crop", "ndsafir", "ants", "bm4d")
IN_AIR = ("ours, air", "ndsafir, air", "bm4d, air")
COLOURS = {"ours": "C0", "crop": "C4", "ndsafir": "C2", "ants": "C3", "bm4d": "C1"}
SLICES, MARGIN = 8, 16  # of the slab; voxels around the object that rivals see
Image = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Slab:
    """The middle slices of a scan.

    Args:
        entry: its name and group.
        scan: with its grid.
        y: (S, H, W), the same data.
        inside: (S, H, W) where the object is.
        ready: what `restore` finds before it restores: noise level, acquired grid.
    """

    entry: Entry
    scan: Volume
    y: Image
    inside: NDArray[np.bool_]
    ready: Prepared

    @property
    def sigma(self) -> float:
        """Estimated level of the noise, in the units of the scan; the root mean square of a map."""
        sigma, h = self.ready.level.relative * self.ready.intensity_scale, self.ready.acquired.filter
        return sigma if h is None else h.shaped_level(self.scan.grid.shape, sigma)

    @property
    def is_undone(self) -> bool:
        """Whether `restore` undoes zero-filling or a filter: what it is given is not what it denoises."""
        return bool(self.ready.acquired.filled) or self.ready.acquired.filter is not None

    @property
    def level(self) -> float | Image:
        """The same, or (S, H, W) where it is a map."""
        found = self.ready.level.level
        if isinstance(found, float) or np.ndim(found) == 0 or self.is_undone:
            return self.sigma
        return np.moveaxis(np.asarray(found, np.float32), self.scan.slice_axis, 0) * np.float32(
            self.ready.intensity_scale
        )


def found(dataset: Path, is_tiny: bool) -> list[Entry]:
    """List the scans; none that was resampled, whose noise cannot be separated from anatomy."""
    if is_tiny:
        return [Entry("one", path, "in the cohort", "T1w") for path in split_scans(dataset)[1][:1]]
    return [entry for entry in entries(dataset.parent) if not entry.is_resampled]


def slab(entry: Entry, prior: Prior) -> Slab:
    """Cut the middle slices of a scan, and read their noise level as `restore` does."""
    whole = load(entry)
    axis, cut = whole.axis, [slice(0, n) for n in whole.volume.data.shape]
    n = whole.volume.data.shape[axis]
    cut[axis] = middle(n, min(n, SLICES))
    data = np.ascontiguousarray(whole.volume.data[tuple(cut)])
    scan = Volume(data, part(whole.volume.grid, cut), slice_axis=axis)
    y, inside = (np.ascontiguousarray(np.moveaxis(v, axis, 0)) for v in (data, whole.mask[tuple(cut)]))
    return Slab(entry, scan, y, inside, prepare(scan, prior, (1.0, 1.0, 1.0), RestoreOptions(), True))


def applies(method: str, one: Slab) -> bool:
    """Whether a method has something to do on a slab."""
    if method in IN_AIR:
        return air_noise(one.y, one.inside) is not None
    return method != "crop" or bool(one.ready.acquired.filled)


def denoised(method: str, one: Slab, prior: Prior, y: Image, sigma: float) -> Image:
    """Denoise slices ``(S, H, W)`` on the slab's grid; rivals see the box of the object with a margin."""
    axis, (name, _, at) = one.scan.slice_axis, method.partition(", ")
    if name == "input":
        return RicianNoise(sigma).debias(torch.from_numpy(y)).numpy()
    if name == "ours":
        given = Volume(np.ascontiguousarray(np.moveaxis(y, 0, axis)), one.scan.grid, slice_axis=axis)
        known: dict[str, Any] = {"sigma": sigma} if at else {}
        return np.moveaxis(restore(given, prior, **known).volume.data, axis, 0)
    if name == "crop":
        acquired = one.ready.acquired
        return np.moveaxis(acquired.on_wanted_grid(acquired.volume.data, True), axis, 0)
    box = ndimage.find_objects(one.inside.any(0).astype(int))[0]
    where = (slice(None), *(slice(max(0, s.start - MARGIN), s.stop + MARGIN) for s in box))
    out, call = y.copy(), {"ndsafir": rivals.ndsafir, "ants": rivals.ants, "bm4d": rivals.bm4d}[name]
    out[where] = call(np.ascontiguousarray(y[where]), sigma)
    return out


def measured(method: str, one: Slab, prior: Prior) -> dict[str, Any]:
    """Return what is known of a method on a slab."""
    y, sigma, in_air = one.y, one.sigma, air_noise(one.y, one.inside)
    top = float(np.percentile(y[one.inside], 99))
    judged = bright(y, sigma, one.inside)
    run: Callable[..., Image] = partial(denoised, method, one, prior)
    row: dict[str, Any] = {}
    if method == "input":
        result, row = y, noise_of(one, in_air, top)
    elif method in IN_AIR:
        assert in_air is not None
        result = run(y, in_air[0])
    else:
        result = run(y, sigma)
    row["removed"] = 100 * float(np.sqrt(np.square(result - y)[judged].mean())) / top
    for name, where in flat_tissue(y, one.inside).items():
        row[f"high_pass_{name}"] = 100 * high_pass(result, where) / top
    edges = edge_correlation(y, result, judged)
    if edges is not None:
        row["edges"] = edges
    if sigma > 0 and not one.is_undone and method not in IN_AIR:
        more = float(np.hypot(1, MIX))  # of the recorrupted images
        row["risk"] = recorrupted_risk(lambda moved: run(moved, more * sigma), y, one.level, judged)
    return row


def noise_of(one: Slab, in_air: tuple[float, float] | None, top: float) -> dict[str, Any]:
    """Return what is known of the noise of a slab; levels in percent of the 99th percentile of the object, `top`."""
    reading = one.ready.level.reading
    row = {
        "level": 100 * one.sigma / top,
        "wavelet": 100 * (one.sigma if reading.wavelet is None else reading.wavelet) / top,
        "is_white": bool(reading.is_white) and one.ready.acquired.filter is None,
        "is_uneven": bool(reading.uneven),
        "is_zero_filled": bool(one.ready.acquired.filled),
    }
    return row if in_air is None else {**row, "air": 100 * in_air[0] / top, "air_correlation": in_air[1]}


def number(row: dict[str, str], name: str) -> float | None:
    """Return a number of a row, if it is there."""
    return float(row[name]) if row.get(name) else None


def left(row: dict[str, str], before: dict[str, str]) -> float | None:
    """Return the high-pass deviation of a result over that of its input, the mean of the classes."""
    pairs = [(number(row, f"high_pass_{name}"), number(before, f"high_pass_{name}")) for name in CLASSES]
    ratios = [a / b for a, b in pairs if a is not None and b]
    return float(np.mean(ratios)) if ratios else None


def noise_kind(row: dict[str, str]) -> str:
    """Say of what kind the noise of a scan is."""
    if row["is_zero_filled"] == "True":
        return "zero-filled"
    shared = number(row, "air_correlation")
    is_white = row["is_white"] == "True" and (shared is None or shared < 0.2)
    words = ["white" if is_white else "correlated"] + ["uneven"] * (row["is_uneven"] == "True")
    return ", ".join(words)


def show(results: Results) -> None:
    """Four tables: noise of every scan, what methods removed, what is left, and both at the level of the air."""
    rows = {(row["scan"], row["method"]): row for row in newest(results.rows(), ("scan", "method"))}
    scans = [scan for scan, method in rows if method == "input"]
    others = [m for m in METHODS if m != "input" and any((scan, m) in rows for scan in scans)]
    lines = []
    for scan in scans:
        row = rows[scan, "input"]
        numbers = [number(row, name) for name in ("level", "wavelet", "air", "air_correlation")]
        lines.append([scan, row["group"], noise_kind(row), *numbers])
    text = [markdown(["scan", "group", "its noise", "level, %", "wavelet, %", "air, %", "r in air"], lines)]
    text.append(markdown(*table(rows, scans, others, ("risk", "edges", "removed"))))
    lines = [[scan, *(classes(rows.get((scan, m), {})) for m in ("input", *others))] for scan in scans]
    text.append(markdown(["high-pass deviation, %", "input", *others], lines))
    aired = [scan for scan in scans if any((scan, m) in rows for m in IN_AIR)]
    if aired:
        text.append(markdown(*table(rows, aired, IN_AIR, ("edges", "removed", "left"))))
    draw(results, rows, scans, others)
    results.show("\n\n".join(text), results.figure())


def table(
    rows: dict[tuple[str, str], dict[str, str]], scans: list[str], methods: Sequence[str], names: Sequence[str]
) -> tuple[list[str], list[list[Any]]]:
    """Return head and lines of a table: a line per scan, some figures of some methods."""
    lines: list[list[Any]] = []
    for scan in scans:
        found = [rows.get((scan, m), {}) for m in methods]
        lines.append([scan])
        for name in names:
            lines[-1] += [left(row, rows[scan, "input"]) if name == "left" else number(row, name) for row in found]
    return ["scan", *(f"{name}, {m}" for name in names for m in methods)], lines


def classes(row: dict[str, str]) -> str | None:
    """Return the high-pass deviations of the three classes in one cell."""
    values = [number(row, f"high_pass_{name}") for name in CLASSES]
    return " / ".join(f"{v:.2f}" for v in values if v is not None) or None


def draw(results: Results, rows: dict[tuple[str, str], dict[str, str]], scans: list[str], others: list[str]) -> None:
    """Three panels, a line per scan: risk, edges in what was removed, and noise that is left in flat tissue."""
    shown, axes = plt.subplots(1, 3, figsize=(13, 1.6 + 0.3 * len(scans)), layout="constrained", sharey=True)
    for method in others:
        for ax, name in zip(axes, ("risk", "edges", "left")):
            points = []
            for k, scan in enumerate(scans):
                row = rows.get((scan, method), {})
                value = left(row, rows[scan, "input"]) if name == "left" else number(row, name)
                points += [(value, k)] if value is not None else []
            ax.plot(*zip(*points) if points else ([], []), "o", color=COLOURS[method], label=method, alpha=0.8)
    titles = (
        "risk over that of the input",
        "correlation of what was removed with edges",
        "high-pass deviation that is left",
    )
    for ax, title, line in zip(axes, titles, (1.0, 0.0, 1.0)):
        ax.set_title(title, fontsize=10)
        ax.set_xscale("log" if ax is axes[0] else "linear")
        ax.axvline(line, color="black", linewidth=0.6)
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(axis="y", linewidth=0.3)
    axes[0].set_yticks(range(len(scans)), [f"{scan} ({noise_kind(rows[scan, 'input'])})" for scan in scans], fontsize=8)
    axes[0].invert_yaxis()
    axes[0].legend(frameon=False, fontsize=8)
    shown.savefig(results.figure(), dpi=110)
    plt.close(shown)


def main(argv: Sequence[str] | None = None) -> None:
    """Make the rows that are missing, then the tables and the figure."""
    more = {"volumes": {"default": ""}, "methods": {"default": ";".join((*METHODS, *IN_AIR))}}
    args, results = asked("real_noise", __doc__, ("scan", "method", "prior"), argv, **more)
    if args.show:
        show(results)
        return
    prior = load_prior()
    names = [m.partition(", ") for m in args.methods.split(";")]
    methods = ["".join(m) for m in names if m[0] in ("input", "ours", "crop") or find_spec(m[0])]
    weights = weights_of(prior)
    for entry in found(args.dataset, args.tiny):
        if args.volumes and entry.name not in args.volumes.split(","):
            continue
        one = None
        of_ours = {m: weights if m.startswith("ours") else "" for m in methods}
        here = {"scan": entry.name, "group": entry.group}
        for row in results.missing([{**here, "method": m, "prior": of_ours[m]} for m in methods]):
            one = one or slab(entry, prior)
            if not applies(row["method"], one):
                continue
            results.add({**row, **measured(row["method"], one, prior)})
    show(results)


if __name__ == "__main__":
    main()
