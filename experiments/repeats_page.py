# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Tables and figure of `experiments/repeats.py`, from its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from experiments.repeats_compare import TISSUES
from experiments.results import Results, markdown, newest

__all__ = ["show"]

COLOURS = {
    "clean": "black",
    "given": "0.6",
    "ndsafir": "C1",
    "general": "C0",
    "default": "C2",
    "tuned": "C4",
    "trained": "C3",
}
Rows = Sequence[dict[str, str]]


def show(results: Results) -> None:
    """Show how well visits agree, and whether people stay themselves."""
    rows = newest(results.rows(), ("kind", "task", "method"))
    visits = [row for row in rows if row["kind"] == "visits"]
    people = [row for row in rows if row["kind"] != "visits"]
    shown, axes = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
    _draw_visits(axes[0], visits)
    _draw_people(axes[1], [row for row in people if row["kind"] == "identity"])
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    shown.savefig(results.figure(), dpi=130)
    plt.close(shown)
    results.show("\n\n".join([*_visits(visits), *_people(people)]), results.figure())


def _states(rows: Rows) -> list[tuple[str, str]]:
    """Tasks and methods in the order of tasks, then of methods; the clean scans first."""
    states = dict.fromkeys((row["task"], row["method"]) for row in rows)
    return sorted(states, key=lambda s: (s[0] != "clean", s[0], list(COLOURS).index(s[1])))


def _words_of(state: tuple[str, str]) -> str:
    """Return the name of a task and a method; what is given is noise, or interpolated at 2x."""
    task, method = state
    return ", ".join(dict.fromkeys([task, {"given": "cubic" if task == "x2" else "noisy"}.get(method, method)]))


def _of(rows: Rows, state: tuple[str, str], name: str) -> list[float]:
    """Numbers of a column where it has some."""
    return [float(row[name]) for row in rows if (row["task"], row["method"]) == state and row.get(name)]


def _visits(rows: Rows) -> list[str]:
    """Mean of pairs: PSNR, Dice, and the mean absolute difference of volumes."""
    if not rows:
        return []
    lines: list[list[Any]] = []
    reference = float(np.mean(_of(rows, ("clean", "clean"), "dice")))
    for state in _states(rows):
        dice = [float(np.mean(_of(rows, state, f"dice_{t}"))) for t in TISSUES]
        volumes = [float(np.mean(np.abs(_of(rows, state, f"volume_{t}")))) for t in TISSUES]
        mean = float(np.mean(_of(rows, state, "dice")))
        values = [*(f"{d:.3f}" for d in dice), f"{mean:.3f}", f"{mean - reference:+.3f}"]
        lines.append([_words_of(state), float(np.mean(_of(rows, state, "psnr"))), *values, *volumes])
    head = ["visit 1 against 2", "PSNR, dB", *(f"Dice {t.upper()}" for t in TISSUES), "mean", "change"]
    pairs = len({row["scan"] for row in rows})
    text = f"Two visits of one person, {pairs} pairs; volume differences are means of absolute values:"
    return [text, markdown([*head, *(f"volume {t.upper()}, %" for t in TISSUES)], lines)]


def _people(rows: Rows) -> list[str]:
    """Whose clean scan is nearest, and how far different people are from each other."""
    lines: list[list[Any]] = []
    for state in _states(rows):
        own, again = _of(rows, state, "is_own"), _of(rows, state, "is_visit")
        numbers = [np.mean(_of(rows, state, name)) if _of(rows, state, name) else None for name in ("own", "unrelated")]
        margin = np.min(np.subtract(_of(rows, state, "own"), _of(rows, state, "unrelated")))
        far, shrunk = (_of(rows, state, name)[-1:] for name in ("distance", "shrunk"))
        last = [f"{far[0]:.3f}", f"{shrunk[0]:+.1f}"] if far else [None, None]
        found = [f"{int(sum(some))} of {len(some)}" if some else None for some in (own, again)]
        lines.append([_words_of(state), *found, *numbers, float(margin), *last])
    head = [
        "restored against clean",
        "nearest is own",
        "next is own visit",
        "r own",
        "r best unrelated",
        "least margin",
    ]
    return ["Different people:", markdown([*head, "distance", "shrunk by, %"], lines)]


def _draw_visits(ax: Any, rows: Rows) -> None:
    """Draw the mean Dice of every pair, the clean visits as lines."""
    names = list(dict.fromkeys(row["scan"] for row in rows))
    tasks = [task for task, _ in dict.fromkeys((row["task"], 0) for row in rows) if task != "clean"]
    for mark, name in zip("os^D", names):
        some = [row for row in rows if row["scan"] == name]
        for level in _of(some, ("clean", "clean"), "dice"):
            ax.plot([-0.4, len(tasks) - 0.6], [level, level], color="black", linewidth=0.7)
            ax.plot(len(tasks) - 0.55, level, mark, color="black", markersize=4)
        for k, task in enumerate(tasks):
            for j, method in enumerate(("given", "ndsafir", "general", "tuned")):
                for value in _of(some, (task, method), "dice"):
                    label = {"given": "noisy, or cubic"}.get(method, method) if (mark, k) == ("o", 0) else None
                    ax.plot(k + 0.2 * (j - 1.5), value, mark, color=COLOURS[method], label=label)
    ax.set_xticks(range(len(tasks)), tasks)
    ax.set_title("two visits of one person; lines: clean visits", fontsize=10)
    ax.set_ylabel("Dice, mean of three tissues")
    if names:
        ax.legend(frameon=False, fontsize=8)


def _draw_people(ax: Any, rows: Rows) -> None:
    """Draw the correlation with the own clean scan over that with the nearest unrelated person's."""
    for task, method in _states(rows):
        if task != "clean" and method in ("general", "default"):
            mark = {"denoise3": "o", "denoise9": "^", "x2": "s"}[task]
            unrelated, own = (_of(rows, (task, method), name) for name in ("unrelated", "own"))
            ax.plot(unrelated, own, mark, color=COLOURS[method], alpha=0.7, markersize=5, label=f"{task}, {method}")
    ax.plot([0, 1], [0, 1], color="black", linewidth=0.7)
    ax.set(xlim=(0, 1), ylim=(0, 1.03), xlabel="r with the nearest clean scan of somebody else")
    ax.set_ylabel("r with the own clean scan")
    ax.set_title("detail of restored scans; line: equal", fontsize=10)
    ax.legend(frameon=False, fontsize=8, loc="lower right")
