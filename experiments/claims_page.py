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


def mean(rows: Iterable[dict[str, str]], column: str) -> float | None:
    """The mean of a column, None without rows."""
    values = [float(row[column]) for row in rows]
    return float(np.mean(values)) if values else None


def fits_of(rows: Rows) -> list[tuple[str, str, str]]:
    """The method, optimiser and schedule of every fit."""
    return list(dict.fromkeys((r["method"], r["optimiser"], r["schedule"]) for r in rows if r["task"] == "fit"))


def table(rows: Rows) -> str:
    """One size of the protocol: methods by steps, then what the start is worth on spoilt data."""
    steps = sorted({int(row["step"]) for row in rows if row["task"] == "fit"})
    tasks = sorted({row["task"] for row in rows} - {"fit"})
    lines = []
    for method, optimiser, schedule in fits_of(rows):
        own = [row for row in rows if (row["method"], row["optimiser"]) == (method, optimiser)]
        own = [row for row in own if row["task"] != "fit" or row["schedule"] == schedule]
        fits = [mean((r for r in own if r["task"] == "fit" and r["step"] == str(step)), "psnr") for step in steps]
        spoilt = [mean((r for r in own if r["task"] == task), "psnr") for task in tasks]
        published = PUBLISHED.get(method) if optimiser == "adam" else None
        lines.append([f"{method}, {optimiser}", *fits, published, *spoilt])
    return markdown(["start, optimiser", *map(str, steps), "published", *tasks], lines)


def figure(rows: Rows, path: Path) -> None:
    """PSNR over steps, and fit against restoration."""
    import matplotlib.pyplot as plt

    methods = list(dict.fromkeys(row["method"] for row in rows))
    colours = dict(zip(methods, plt.get_cmap("tab20")(np.arange(len(methods)))))
    tasks = sorted({row["task"] for row in rows} - {"fit"})
    drawing, axes = plt.subplots(1, 1 + len(tasks), figsize=(5 + 4 * len(tasks), 4.4), layout="constrained")
    axes = np.atleast_1d(axes)
    for method, optimiser, schedule in fits_of(rows):
        own = [row for row in rows if (row["method"], row["optimiser"]) == (method, optimiser)]
        own = [row for row in own if row["task"] != "fit" or row["schedule"] == schedule]
        steps = sorted({int(row["step"]) for row in own if row["task"] == "fit"})
        curve = [mean((r for r in own if r["task"] == "fit" and r["step"] == str(s)), "psnr") for s in steps]
        if not steps:
            continue
        style, label = ("-", method) if optimiser == "adam" else ("--", None)
        axes[0].plot([max(s, 8) for s in steps], curve, style, color=colours[method], label=label, marker=".", ms=4)
        for axis, task in zip(axes[1:], tasks):
            spoilt = mean((r for r in own if r["task"] == task), "psnr")
            if spoilt is not None:
                marker = "o" if optimiser == "adam" else "^"
                axis.plot(curve[-1], spoilt, marker, color=colours[method])
    axes[0].set(xscale="log", xlabel="full-batch steps (8 stands for 0)", ylabel="PSNR of the fit, dB")
    axes[0].legend(fontsize=7, title="solid Adam, dashed Muon", title_fontsize=7)
    for axis, task in zip(axes[1:], tasks):
        axis.set(xlabel="PSNR of the longest fit, dB", ylabel=f"PSNR of {task} at the blind stop, dB")
    for axis in axes:
        axis.grid(alpha=0.3)
    drawing.savefig(path, dpi=110)
    plt.close(drawing)


def page(results: Results) -> None:
    """Tables and figures of all sizes at hand into the page."""
    rows, parts, figures = results.rows(), [], []
    for side, width in dict.fromkeys((row["side"], row["width"]) for row in rows):
        own = [row for row in rows if (row["side"], row["width"]) == (side, width)]
        scans = len({row["scan"] for row in own})
        parts.append(
            f"**{side} x {side}, width {width}**, {scans} slice{'s' if scans > 1 else ''}, PSNR in dB:\n\n{table(own)}"
        )
        figures.append(results.figure(f"{side}_{width}"))
        figure(own, figures[-1])
    results.show("\n\n".join(parts), *figures)
