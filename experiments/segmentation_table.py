# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What the rows of the segmentation experiment say: means over people, intervals, the gate, and a figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt
import numpy as np

from experiments.results import Results, markdown, newest
from experiments.segmentation_methods import COHORT, TASKS
from experiments.tissue_segmenters import TISSUES

Row = dict[str, str]
METHODS = ("input", "cubic", "ants", "bm4d", "ndsafir", "back_projection", "ours", COHORT)
COLOURS = dict(zip(METHODS, ("0.6", "0.4", "C1", "C2", "C4", "C3", "C0", "C9")))
NAMED = {
    "thresholds": "fixed thresholds",
    "atropos": "Atropos",
    "atropos_forced": "Atropos, 10 updates",
    "hmrf": "HMRF",
    "mixture": "mixture",
    "mixture_kept": "mixture, kept",
}
GAIN, WITHIN, DRAWS = 0.01, 1.0, 4000  # the gate: Dice above the best rival, percent of volume; of the bootstrap


def interval(values: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of a mean, from samples of people with replacement.

    Example:
        >>> interval([1.0, 1.0, 1.0])
        (1.0, 1.0)
    """
    some = np.asarray(values)
    draws = np.random.default_rng(seed).integers(len(some), size=(DRAWS, len(some)))
    low, high = np.percentile(some[draws].mean(1), (2.5, 97.5))
    return float(low), float(high)


def within(values: Sequence[float]) -> str:
    """Return the interval of a mean in brackets, where there are two people or more."""
    return " ({:+.1f} to {:+.1f})".format(*interval(values)) if len(values) > 1 else ""


def dice(row: Row) -> float:
    """Return the mean Dice of the three tissues."""
    return float(np.mean([float(row[f"dice_{tissue}"]) for tissue in TISSUES]))


def complete(rows: Sequence[Row]) -> list[Row]:
    """Leave out people whom a segmenter has not seen with every method of a task: all means are of the same people."""
    methods: dict[tuple[str, str], set[str]] = {}
    seen: dict[tuple[str, str, str], set[str]] = {}
    for row in rows:
        if row["method"] != COHORT:
            methods.setdefault((row["task"], row["segmenter"]), set()).add(row["method"])
            seen.setdefault((row["scan"], row["task"], row["segmenter"]), set()).add(row["method"])
    whole = {(scan, task, name) for (scan, task, name), found in seen.items() if found == methods[task, name]}
    return [row for row in rows if (row["scan"], row["task"], row["segmenter"]) in whole]


def cases(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """List tasks and methods that have rows, in a fixed order."""
    found = {(row["task"], row["method"]) for row in rows}
    return [(task, method) for task in TASKS if task != "smooth1" for method in METHODS if (task, method) in found]


def chosen(rows: Sequence[Row], task: str, method: str, segmenter: str) -> list[Row]:
    """Return the rows of all people."""
    wanted = (task, method, segmenter)
    return [row for row in rows if (row["task"], row["method"], row["segmenter"]) == wanted]


def average(rows: Sequence[Row], column: str) -> float:
    """Return the mean of a column over people."""
    return float(np.mean([float(row[column]) for row in rows]))


def segmenters(rows: Sequence[Row]) -> list[str]:
    """List the segmenters of the tables, in a fixed order."""
    found = {row["segmenter"] for row in rows}
    return [name for name in NAMED if name in found and name != "atropos_forced"]


def of_segmenter(rows: Sequence[Row], segmenter: str) -> str:
    """Dice per tissue, and the bias of every volume with its interval."""
    lines = []
    for task, method in cases(rows):
        some = chosen(rows, task, method, segmenter)
        if some:
            per_tissue = [f"{average(some, f'dice_{t}'):.3f}" for t in TISSUES]
            biases = [[float(row[f"bias_{t}"]) for row in some] for t in TISSUES]
            figures = [f"{np.mean(b):+.1f}{within(b)}" for b in biases]
            mean = f"{np.mean([dice(row) for row in some]):.3f}"
            lines.append([f"{task}, {method}", len(some), *per_tissue, mean, *figures])
    columns = ["task, method", "people", *(f"Dice {t}" for t in TISSUES), "mean", *(f"{t} volume, %" for t in TISSUES)]
    return markdown(columns, lines)


def of_all(rows: Sequence[Row]) -> str:
    """Mean Dice and the bias of the volumes, one pair of columns per segmenter; in brackets the people."""
    names, lines = segmenters(rows), []
    for task, method in cases(rows):
        figures: list[str | None] = []
        for name in names:
            some = chosen(rows, task, method, name)
            biases = [average(some, f"bias_{t}") for t in TISSUES] if some else []
            figures.append(f"{np.mean([dice(row) for row in some]):.3f} ({len(some)})" if some else None)
            figures.append(" ".join(f"{b:+.0f}" for b in biases))
        if any(figures):
            lines.append([f"{task}, {method}", *figures])
    heads = [part for name in names for part in (f"{NAMED[name]}: Dice", "CSF GM WM, %")]
    return markdown(["task, method", *heads], lines)


def gate(rows: Sequence[Row]) -> str:
    """Compare ours with the best other method of each task, by fixed thresholds and by Atropos."""
    lines = []
    for task in TASKS:
        for name in ("thresholds", "atropos"):
            means = {
                method: float(np.mean([dice(row) for row in chosen(rows, task, method, name)]))
                for one, method in cases(rows)
                if one == task and method != COHORT and chosen(rows, task, method, name)
            }
            if "ours" not in means or len(means) < 2:
                continue
            ours = means.pop("ours")
            rival = max(means, key=means.__getitem__)
            worst, tissue = _worst(chosen(rows, task, "ours", name))
            first = "met" if ours - means[rival] >= GAIN else "missed"
            second = ("met" if abs(worst) <= WITHIN else "missed") if name == "thresholds" else None
            figures = [f"{ours:.3f}", f"{rival} {means[rival]:.3f}", f"{ours - means[rival]:+.3f}", first]
            people = len(chosen(rows, task, "ours", name))
            lines.append([f"{task}, {NAMED[name]}", people, *figures, f"{tissue} {worst:+.1f}", second])
    columns = [
        "task, segmenter",
        "people",
        "Dice, ours",
        "best rival",
        "gain",
        "0.01 more",
        "worst volume, %",
        "within 1 %",
    ]
    return markdown(columns, lines)


def why_missed(rows: Sequence[Row]) -> str:
    """Compare what the gate asks with how much smaller the error is: share of voxels in another class, mean error."""
    lines = []
    for task, method in cases(rows):
        ours, rival = (
            [row for row in chosen(rows, task, name, "thresholds") if row.get("error")] for name in ("ours", method)
        )
        if method in ("ours", COHORT) or not rival or len(ours) != len(rival):
            continue
        wrong = [1 - float(np.mean([dice(row) for row in some])) for some in (rival, ours)]
        error = [average(some, "error") for some in (rival, ours)]
        asked = 20 * np.log10(wrong[0] / max(wrong[0] - GAIN, 1e-9))
        shares = [f"{value:.3f}" for value in wrong]
        falls = [f"{100 * (1 - b / a):.0f}" for a, b in (wrong, error)]
        more = [f"{20 * np.log10(error[0] / error[1]):.1f}", f"{asked:.1f}"]
        lines.append([f"{task}, {method}", len(ours), *shares, *error, *falls, *more])
    columns = ["task, rival", "people", "1 - Dice, rival", "ours", "error, rival, % of WM", "ours"]
    falls = ["1 - Dice falls by, %", "error falls by, %", "that is, dB", "the gate asks, dB"]
    return markdown([*columns, *falls], lines)


def _worst(rows: Sequence[Row]) -> tuple[float, str]:
    """Return the largest mean bias, in percent, and its tissue."""
    means = {t: average(rows, f"bias_{t}") for t in TISSUES}
    tissue = max(means, key=lambda t: abs(means[t]))
    return means[tissue], tissue


def cause(rows: Sequence[Row]) -> str:
    """Split the bias of CSF: what the image changes at the clean scan's boundary, and what the moved boundary adds."""
    lines = []
    for task, method in [*((task, m) for task, m in cases(rows) if task == "denoise9"), ("smooth1", "input")]:
        for name in NAMED:
            some = chosen(rows, task, method, name)
            if some and name not in ("thresholds", "mixture_kept"):
                bias, kept, moved = (average(some, column) for column in ("bias_CSF", "kept", "moved"))
                fraction = average(some, "share_CSF") / (1 + bias / 100)
                figures = f"smoothed, 1 mm, {NAMED[name]}" if task == "smooth1" else f"{task}, {method}, {NAMED[name]}"
                lines.append([figures, len(some), f"{fraction:.0f}", f"{bias:+.1f}", f"{kept:+.1f}", f"{moved:+.2f}"])
    columns = ["image, segmenter", "people", "clean CSF, % of brain", "CSF bias, %", "with the clean boundary, %"]
    return markdown([*columns, "boundary moved, % of WM"], lines)


def draw(results: Results, rows: Sequence[Row]) -> None:
    """Draw mean Dice and the bias of CSF, one column per segmenter, bars from the bootstrap over people."""
    names = segmenters(rows)
    figure, axes = plt.subplots(
        2, len(names), figsize=(3.2 * len(names), 5.6), sharex=True, sharey="row", squeeze=False
    )
    values: tuple[Callable[[Row], float], ...] = (dice, lambda row: float(row["bias_CSF"]))
    for column, name in enumerate(names):
        for ax, value in zip(axes[:, column], values):
            for place, (task, method) in enumerate(cases(rows)):
                found = [value(row) for row in chosen(rows, task, method, name)]
                if found:
                    middle, (low, high) = float(np.mean(found)), interval(found)
                    ax.errorbar(
                        place, middle, [[middle - low], [high - middle]], fmt="o", markersize=4, color=COLOURS[method]
                    )
            ax.spines[["top", "right"]].set_visible(False)
        axes[0, column].set_title(NAMED[name], fontsize=10)
        axes[1, column].axhline(0, color="black", linewidth=0.6)
        labels = [f"{task} {method}" for task, method in cases(rows)]
        axes[1, column].set_xticks(range(len(labels)), labels, rotation=90, fontsize=7)
    axes[0, 0].set_ylabel("mean Dice")
    axes[1, 0].set_ylabel("bias of CSF volume, %")
    figure.tight_layout()
    figure.savefig(results.figure(), dpi=130)
    plt.close(figure)


def show(results: Results) -> None:
    """Put the tables and the figure on the page."""
    rows = complete(newest(results.rows(), ("task", "method", "segmenter")))
    draw(results, rows)
    parts = ["**The gate**:", gate(rows)]
    for name in ("thresholds", "atropos"):
        if name in segmenters(rows):
            title = NAMED[name][0].upper() + NAMED[name][1:]
            parts += [f"**{title}**, means over people, in brackets the 95 % interval:", of_segmenter(rows, name)]
    parts += ["**Why the gate is missed** (fixed thresholds):", why_missed(rows)]
    parts += ["**All segmenters**:", of_all(rows), "**Why CSF grows**:", cause(rows)]
    results.show("\n\n".join(parts), results.figure())
