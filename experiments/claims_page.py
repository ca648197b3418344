# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What the page says of the paper's claims: a table for every size of the protocol, curves, and fit against use."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from experiments.results import Results, markdown

Rows = list[dict[str, str]]
PUBLISHED = {"siren": 53.0, "one_scan": 58.9, "strainer_1": 57.9, "strainer_10": 62.8, "meta": 67.0}
PUBLISHED |= {"noise_uniform": 79.3, "noise_spectrum": 60.0}  # OASIS, 178 x 178, width 256, 2,000 steps of Adam


def mean(rows: Iterable[dict[str, str]], column: str = "psnr") -> float | None:
    """Return the mean of a column, or None without rows."""
    values = [float(row[column]) for row in rows]
    return float(np.mean(values)) if values else None


def fits_of(rows: Rows) -> list[tuple[str, str, str]]:
    """Return the method, optimiser and schedule of every fit, Adam first."""
    known = dict.fromkeys((r["optimiser"], r["method"], r["schedule"]) for r in rows if r["task"] == "fit")
    order = [*PUBLISHED, *(method for _, method, _ in known)]
    return [(m, o, s) for o, m, s in sorted(known, key=lambda k: (k[0], order.index(k[1])))]


def curve_of(rows: Rows, method: str, optimiser: str, schedule: str) -> dict[int, float]:
    """PSNR of a fit by step, averaged over slices."""
    own = [r for r in rows if (r["method"], r["optimiser"], r["schedule"]) == (method, optimiser, schedule)]
    own = [r for r in own if r["task"] == "fit"]
    return {
        step: mean(r for r in own if r["step"] == str(step)) or 0.0 for step in sorted({int(r["step"]) for r in own})
    }


def fits(rows: Rows) -> str:
    """One size of the protocol: starts by steps."""
    curves = {key: curve_of(rows, *key) for key in fits_of(rows)}
    steps = sorted({step for curve in curves.values() for step in curve})
    lines = []
    for (method, optimiser, schedule), curve in curves.items():
        name = f"{method}, adam" if optimiser == "adam" else f"{method}, muon over {schedule}"
        published = PUBLISHED.get(method) if optimiser == "adam" else None
        lines.append([name, *(curve.get(step) for step in steps), published])
    return markdown(["start, optimiser", *map(str, steps), "published at 2,000"], lines)


def spread(rows: Rows) -> str:
    """One size of the protocol: mean and deviation over the people that two starts or more were fitted to."""
    scans = {
        key: {r["scan"] for r in rows if (r["method"], r["optimiser"], r["schedule"]) == key} for key in fits_of(rows)
    }
    several = [key for key, found in scans.items() if len(found) > 1]
    if not several:
        return ""
    people = sorted(set.intersection(*(scans[key] for key in several)))
    curves = {key: [curve_of([r for r in rows if r["scan"] == scan], *key) for scan in people] for key in several}
    steps = sorted(set.intersection(*(set(curve) for each in curves.values() for curve in each)))
    values = {f"{key[0]}, {key[1]}": np.array([[c[s] for s in steps] for c in each]) for key, each in curves.items()}
    if {"siren, adam", "strainer_10, adam"} <= set(values):
        values["strainer_10 above siren"] = values["strainer_10, adam"] - values["siren, adam"]
    lines = [[name, *(f"{m:.2f} ± {d:.2f}" for m, d in zip(v.mean(0), v.std(0, ddof=1)))] for name, v in values.items()]
    return f"Mean ± deviation over {len(people)} people:\n\n" + markdown(["start, optimiser", *map(str, steps)], lines)


def restorations(rows: Rows) -> str:
    """One size of the protocol: what each start is worth on degraded data, at the blind stop and at the best one."""
    own = [row for row in rows if row["task"] != "fit"]
    tasks, lines = sorted({row["task"] for row in own}), []
    for method, optimiser in sorted(dict.fromkeys((r["method"], r["optimiser"]) for r in own), key=lambda k: k[1]):
        line: list[str | float | None] = [f"{method}, {optimiser}"]
        for task in tasks:
            some = [r for r in own if (r["method"], r["optimiser"], r["task"]) == (method, optimiser, task)]
            line += [
                mean(some, "psnr"),
                mean(some, "best_step"),
                mean((r for r in some if r.get("psnr_oracle")), "psnr_oracle"),
            ]
        lines.append(line)
    columns = [f"{task}, {what}" for task in tasks for what in ("blind", "step", "best")]
    return markdown(["start, optimiser", *columns], lines)


def figure(rows: Rows, path: Path) -> None:
    """PSNR over steps, and fit against restoration."""
    import matplotlib.pyplot as plt

    keys = fits_of(rows)
    methods = list(dict.fromkeys(method for method, _, _ in keys))
    colours = dict(zip(methods, plt.get_cmap("tab20")(np.arange(len(methods)))))
    tasks = sorted({row["task"] for row in rows} - {"fit"})
    drawing, axes = plt.subplots(
        1, 1 + len(tasks), figsize=(6 + 4 * len(tasks), 4.6), layout="constrained", squeeze=False
    )
    for method, optimiser, schedule in keys:
        curve = curve_of(rows, method, optimiser, schedule)
        style, marker = ("-", "o") if optimiser == "adam" else ("--", "^")
        named = method if optimiser == "adam" else f"{method}, Muon"
        where = [max(step, 12) for step in curve]
        axes[0, 0].plot(where, list(curve.values()), style, color=colours[method], label=named, marker=marker, ms=3)
        for axis, task in zip(axes[0, 1:], tasks):
            degraded = mean(r for r in rows if (r["method"], r["optimiser"], r["task"]) == (method, optimiser, task))
            if degraded is not None:
                axis.plot(curve[max(curve)], degraded, marker, color=colours[method])
    axes[0, 0].set(xscale="log", xlabel="full-batch steps (the first mark is step 0)", ylabel="PSNR of the fit, dB")
    axes[0, 0].legend(fontsize=7, loc="upper left")
    for axis, task in zip(axes[0, 1:], tasks):
        axis.set(xlabel="PSNR of the longest fit, dB", ylabel=f"PSNR of {task} at the blind stop, dB")
    for axis in axes[0]:
        axis.grid(alpha=0.3)
    drawing.savefig(path, dpi=110)
    plt.close(drawing)


def page(results: Results) -> None:
    """Tables and figures of all sizes at hand into the page."""
    rows, parts, figures = results.rows(), [], []
    for side, width in dict.fromkeys((row["side"], row["width"]) for row in rows):
        own = [row for row in rows if (row["side"], row["width"]) == (side, width)]
        first = [row for row in own if row["scan"] == own[0]["scan"]]
        parts.append(f"**{side} x {side}, width {width}**, a slice of one person, PSNR in dB:\n\n{fits(first)}")
        parts += [table for table in [spread(own)] if table]
        if any(row["task"] != "fit" for row in own):
            parts.append(restorations(own))
        figures.append(results.figure(f"{side}_{width}"))
        figure(first, figures[-1])
    results.show("\n\n".join(parts), *figures)
