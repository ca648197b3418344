# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Table and figure of `experiments/observer.py`, from its rows."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt

from experiments.results import Results, markdown

__all__ = ["show"]

COLOURS = {"given": "0.5", "ants": "C3", "ndsafir": "C1", "bm4d": "C2", "ours": "C0", "ours, keep_lesions": "C4"}
LOOKS = {"one": "one slice", "three": "mean of three slices"}
ENDS = ("low", "high")


def show(results: Results) -> None:
    """Show the AUC of every task and method, and its change against the input."""
    rows = results.rows()
    most = max((int(row["slabs"]) for row in rows), default=0)
    rows = [row for row in rows if int(row["slabs"]) == most]
    tasks = sorted({row["task"] for row in rows})
    rows.sort(key=lambda row: (row["task"], list(COLOURS).index(row["method"])))
    lines: list[list[Any]] = []
    for row in rows:
        given = "cubic" if row["task"] == "x2" else "noisy"
        line = [f"{row['task']}, {row['method'].replace('given', given)}", row["contrast"]]
        for look in LOOKS:
            line += [
                _cell_of(row, f"auc_{look}", ""),
                _cell_of(row, f"change_{look}", "+") if row["method"] != "given" else "",
            ]
        lines.append(line)
    head = ["task, method", "contrast", *(f"{what}, {look}" for look in LOOKS.values() for what in ("AUC", "change"))]
    shown, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained", sharey=True)
    for ax, (look, title) in zip(axes, LOOKS.items()):
        for j, (method, colour) in enumerate(COLOURS.items()):
            some = [row for row in rows if row["method"] == method]
            places = [tasks.index(row["task"]) + 0.12 * (j - 2.5) for row in some]
            values = [float(row[f"auc_{look}"]) for row in some]
            ends = [[abs(float(row[f"auc_{look}_{end}"]) - float(row[f"auc_{look}"])) for row in some] for end in ENDS]
            if some:
                label = method.replace("given", "noisy, or cubic")
                ax.errorbar(places, values, ends, fmt="o", color=colour, markersize=4, label=label)
        ax.set_xticks(range(len(tasks)), tasks)
        ax.set_title(f"observer sees {'the ' if look == 'three' else ''}{title}", fontsize=10)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("AUC, 95 % interval")
    axes[1].legend(frameon=False, fontsize=8)
    shown.savefig(results.figure(), dpi=130)
    plt.close(shown)
    results.show(markdown(head, lines), results.figure())


def _cell_of(row: dict[str, str], name: str, sign: str) -> str:
    """Return a number with its interval, ``0.83 (0.80 to 0.86)``."""
    value, low, high = (format(float(row[key]), f"{sign}.2f") for key in (name, f"{name}_low", f"{name}_high"))
    return f"{value} ({low} to {high})"
