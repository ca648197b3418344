# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Table and figure of `experiments/observer.py`, from its rows."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt

from experiments.results import Results, markdown, newest

__all__ = ["show"]

COLOURS = {"given": "0.5", "ants": "C3", "ndsafir": "C1", "bm4d": "C2", "ours": "C0", "ours, keep_lesions": "C4"}
LOOKS = {"one": "one slice", "three": "mean of three slices"}
ENDS = ("low", "high")


def show(results: Results) -> None:
    """Show the AUC of every task and method, and its change against the input."""
    rows = newest(results.rows(), ("task", "method"))
    most = max((int(row["slabs"]) for row in rows), default=0)
    rows = [row for row in rows if int(row["slabs"]) == most]
    tasks = sorted({row["task"] for row in rows})
    rows.sort(key=lambda row: (row["task"], list(COLOURS).index(row["method"])))
    tables = [_of_look(rows, look, title) for look, title in LOOKS.items()]
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
    axes[1].legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    shown.savefig(results.figure(), dpi=130)
    plt.close(shown)
    results.show("\n\n".join(tables), results.figure())


def _of_look(rows: list[dict[str, str]], look: str, title: str) -> str:
    """Return the table of an observer that sees one slice, or the mean of three."""
    lines: list[list[Any]] = []
    for row in rows:
        given = "cubic" if row["task"] == "x2" else "noisy"
        line = [f"{row['task']}, {row['method'].replace('given', given)}", row["contrast"], _number(row, f"auc_{look}")]
        if row["method"] != "given":
            line += [_number(row, f"change_{look}", "+"), _interval(row, f"change_{look}", "_people")]
            line += [float(row[f"{name}_{look}"]) for name in ("signal", "spread")]
        lines.append([*line, *[None] * (7 - len(line))])
    head = ["task, method", "contrast", "AUC", "change", "change, other people", "signal left", "spread left"]
    return f"**The observer sees {'the ' if look == 'three' else ''}{title}**:\n\n{markdown(head, lines)}"


def _number(row: dict[str, str], name: str, sign: str = "") -> str:
    """Return a number with its interval, ``0.83 (0.80 to 0.86)``."""
    return f"{float(row[name]):{sign}.2f} ({_interval(row, name, '', sign)})"


def _interval(row: dict[str, str], name: str, end: str, sign: str = "+") -> str:
    """Return an interval, ``0.80 to 0.86``."""
    low, high = (format(float(row[f"{name}_{side}{end}"]), f"{sign}.2f") for side in ENDS)
    return f"{low} to {high}"
