# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The tables of the restoration benchmark: what every method reached, and the gates.

python benchmarks/restoration_table.py            # prints them, and puts them into docs/benchmark.md
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from tables import fill

ROOT = Path(__file__).resolve().parent.parent
FILES = ("restoration.csv", "restoration_rivals.csv", "restoration_default.csv")
PAGES = (ROOT / "docs" / "benchmark.md",)
Row = dict[str, str]
# the task, whose margin, over whom, and the least of it in dB
GATES: list[tuple[str, str, str, float]] = [
    *((f"denoise{p}", "ours_single", "bm3d", 0.5) for p in (3, 5, 9)),
    *((f"denoise{p}_volume", "ours", "bm4d", 0.3) for p in (3, 5, 9)),
    ("x2", "ours", "cubic", 3.0),
    ("x2", "ours", "back_projection", 2.2),
    ("x4", "ours", "cubic", 2.2),
    ("x2_kspace", "ours", "sinc", 2.0),
    ("thick5", "ours", "cubic", 2.0),
    *((f"denoise{p}_volume", "restore", "bm4d", 0.3) for p in (3, 5, 9)),
    ("x2", "restore", "back_projection", 2.2),
    ("x4", "restore", "cubic", 2.2),
    ("x2_kspace", "restore", "sinc", 2.0),
    ("thick5", "restore", "cubic", 2.0),
]
OURS = ("ours", "ours_single")
OWN = (*OURS, "restore", "ours_told", "detail", "detail_single", "plug_and_play")


def read_rows() -> list[Row]:
    """Read the rows of all files that are there."""
    rows: list[Row] = []
    for name in FILES:
        file = ROOT / "benchmarks" / name
        if file.exists():
            with file.open(newline="") as handle:
                rows += csv.DictReader(handle)
    return rows


def paired(rows: list[Row], task: str, one: str, other: str, key: str = "psnr_mask") -> tuple[float, float, int] | None:
    """Means of two methods over the measurements that both have restored, and how many these are."""
    found: dict[str, dict[tuple[str, str, str], float]] = {one: {}, other: {}}
    for row in rows:
        if row["task"] == task and row["method"] in found:
            found[row["method"]][(row["scan"], row["seed"], row["level"])] = float(row[key])
    both = sorted(found[one].keys() & found[other].keys())
    if not both:
        return None
    return float(np.mean([found[one][k] for k in both])), float(np.mean([found[other][k] for k in both])), len(both)


def results(rows: list[Row]) -> Iterable[str]:
    """One line per task and method."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["task"], row["method"]), []).append(row)
    yield "| task | method | images | PSNR mask | PSNR image | SSIM mask | in 90 % bars | worst tenth | s / slice |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    tasks = list(dict.fromkeys(task for task, _ in groups))
    for task in tasks:
        for (name, method), some in sorted(groups.items(), key=lambda item: item[0][1]):
            if name != task:
                continue
            mean = {
                key: np.mean([float(row[key]) for row in some])
                for key in ("psnr_mask", "psnr_image", "ssim_mask", "seconds")
            }
            sure = [float(row["coverage90"]) for row in some if row["coverage90"]]
            tenths = [[float(v) for v in row["deciles"].split()] for row in some if row["deciles"]]
            bars = f"{np.mean(sure):.2f}" if sure else ""
            off = np.mean(tenths, axis=0) if tenths else np.empty(0)
            worst = f"{off[np.argmax(np.abs(off - 0.9))]:.2f}" if tenths else ""
            yield (
                f"| {task} | {method} | {len(some)} | {mean['psnr_mask']:.2f} | {mean['psnr_image']:.2f} | "
                f"{mean['ssim_mask']:.4f} | {bars} | {worst} | {mean['seconds']:.2f} |"
            )


def gates(rows: list[Row]) -> Iterable[str]:
    """One line per gate: asked and measured."""
    yield "| gate | asked | measured | images | |"
    yield "| --- | --- | --- | ---: | --- |"
    for task, ours, theirs, margin in GATES:
        pair = paired(rows, task, ours, theirs)
        if pair is not None:
            gain = pair[0] - pair[1]
            text = f"{gain:+.2f} dB ({pair[0]:.2f} / {pair[1]:.2f})"
            yield f"| {task}: {ours} over {theirs} | {margin:+.1f} dB | {text} | {pair[2]} | {_mark(gain >= margin)} |"
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    alone = {task: pair[0] - pair[1] for task in tasks if (pair := paired(rows, task, "ours_told", "detail"))}
    if alone:
        low, high = min(alone, key=lambda task: alone[task]), max(alone, key=lambda task: alone[task])
        text = f"{alone[low]:+.2f} dB ({low}) to {alone[high]:+.2f} dB ({high})"
        yield f"| ours over the detail prior alone | >= -0.05 dB everywhere | {text} | | {_mark(alone[low] >= -0.05)} |"
    blind = {task: pair[0] - pair[1] for task in tasks if (pair := paired(rows, task, "ours", "ours_told"))}
    if blind:
        low = min(blind, key=lambda task: blind[task])
        text = f"{blind[low]:+.2f} dB ({low})"
        yield f"| noise level estimated or given | >= -0.3 dB everywhere | {text} | | {_mark(blind[low] >= -0.3)} |"
    default = {task: pair[0] - pair[1] for task in tasks if (pair := paired(rows, task, "restore", "ours"))}
    if default:
        low = min(default, key=lambda task: default[task])
        text, is_met = (
            f"{default[low]:+.2f} dB ({low}), mean {np.mean(list(default.values())):+.2f} dB",
            default[low] >= -0.1,
        )
        yield f"| restore, as a user calls it, over ours | >= -0.1 dB everywhere | {text} | | {_mark(is_met)} |"
    first = list(_ssim_first(rows, tasks))
    if first:
        wrong = [task for task, ok in first if not ok]
        text = "all" if not wrong else f"all but {', '.join(wrong)}"
        yield f"| SSIM first where PSNR is first | all rows | {text} of {len(first)} | | {_mark(not wrong)} |"
    tenths: dict[str, list[list[float]]] = {}
    for row in rows:
        if row["method"] == "ours" and row["deciles"]:
            tenths.setdefault(row["task"], []).append([float(v) for v in row["deciles"].split()])
    if tenths:
        spread = {task: np.mean(values, axis=0) for task, values in tenths.items()}
        low, high = min(v.min() for v in spread.values()), max(v.max() for v in spread.values())
        good = sum(bool(v.min() >= 0.85 and v.max() <= 0.95) for v in spread.values())
        yield (
            f"| 90 % bars hold in every tenth of intensity | 85 to 95 % | {100 * low:.0f} to {100 * high:.0f} %; "
            f"{good} of {len(spread)} tasks within | | {_mark(good == len(spread))} |"
        )


def _mark(is_met: bool) -> str:
    return "met" if is_met else "**missed**"


def _ssim_first(rows: list[Row], tasks: list[str]) -> Iterable[tuple[str, bool]]:
    """Per task where ours has the best PSNR: whether it has the best SSIM as well."""
    for task in tasks:
        others = {row["method"] for row in rows if row["task"] == task} - set(OWN)
        pairs = [(paired(rows, task, "ours", m), paired(rows, task, "ours", m, "ssim_mask")) for m in others]
        known = [(p, s) for p, s in pairs if p is not None and s is not None]
        if known and all(p[0] > p[1] for p, _ in known):
            yield task, all(s[0] > s[1] for _, s in known)


def main() -> None:
    """Print both tables and put them between the markers of the pages."""
    rows = read_rows()
    parts = {"gates": list(gates(rows)), "results": list(results(rows))}
    for page in PAGES:
        fill(page, {name: "\n".join(lines) for name, lines in parts.items()})
    for lines in parts.values():
        print("\n".join(lines), end="\n\n")


if __name__ == "__main__":
    main()
