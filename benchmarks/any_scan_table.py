# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Print the tables of the any-scan benchmark: per group what every method reached, its worst volume, and the gates.

python benchmarks/any_scan_table.py any_scan.csv any_scan_rivals.csv [--each]

`gain` is over the input where the grid stays as it is, over cubic interpolation where it gets finer. Where a file holds
a volume twice, the last row counts. `--each` adds every volume's row. `--pages` puts the tables into the README and the
docs.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from any_scan_data import GROUPS
from any_scan_tasks import TASKS
from tables import ROOT, fill

Scores = dict[str, dict[str, str]]  # of one task and method: the row of every volume
Table = dict[tuple[str, str, str], Scores]  # group, task, method
OURS = ("ours", "ours_told", "ours_not_adapted")
RIVALS = ("bm4d", "ndsafir", "back_projection", "sinc")
INSTEAD = {  # rival: what people call it, the task, and which of ours knows as much
    "ants": ("ANTs DenoiseImage", "denoise3", "ours"),
    "non_local_means": ("non-local means (scikit-image)", "denoise3", "ours_told"),
    "ndsafir": ("ND-SAFIR", "denoise3", "ours_told"),
    "bm4d": ("BM4D", "denoise3", "ours_told"),
    "cubic": ("cubic interpolation", "x2", "ours"),
    "sinc": ("zero-filled k-space", "x2", "ours"),
    "back_projection": ("iterative back-projection", "x2", "ours"),
}
HARM = 0.05  # dB below the baseline that count as worse


def read_rows(paths: Iterable[Path]) -> Table:
    """All rows by group, task and method, then by volume."""
    table: Table = {}
    for path in paths:
        with path.open(newline="") as handle:
            for row in csv.DictReader(handle):
                table.setdefault((row["group"], row["task"], row["method"]), {})[row["scan"]] = row
    return table


def baseline(task: str) -> str:
    """Return the name of what one has without any method."""
    return "input" if TASKS[task].factor == 1 else "cubic"


def gains(one: Scores, other: Scores) -> dict[str, float]:
    """PSNR of one method over another, for the volumes that both have."""
    return {scan: float(row["psnr"]) - float(other[scan]["psnr"]) for scan, row in one.items() if scan in other}


def mean_and_worst(values: dict[str, float], sign: str = "+") -> str:
    """Return the mean, then the least and its volume, as text."""
    if not values:
        return ""
    worst = min(values, key=lambda scan: values[scan])
    return f"{np.mean(list(values.values())):{sign}.2f} ({values[worst]:{sign}.2f} {worst})"


def results(table: Table, group: str) -> Iterator[str]:
    """One line per task and method of a group."""
    yield "| task | method | volumes | PSNR (worst) | gain (worst) | SSIM | worst | in 90 % bars | worst | s a slab |"
    yield "| --- | --- | ---: | --- | --- | ---: | ---: | ---: | ---: | ---: |"
    for task in TASKS:
        methods = {m: scores for (g, t, m), scores in table.items() if (g, t) == (group, task)}
        for method, scores in sorted(methods.items(), key=lambda item: -_mean(item[1], "psnr")):
            gain = gains(scores, methods.get(baseline(task), {}))
            psnr = mean_and_worst({scan: float(row["psnr"]) for scan, row in scores.items()}, "")
            ssim = f"{_mean(scores, 'ssim'):.4f} | {min(float(row['ssim']) for row in scores.values()):.4f}"
            bars = [float(row["coverage90"]) for row in scores.values() if row["coverage90"]]
            held = f"{np.mean(bars):.2f} | {max(bars, key=lambda share: abs(share - 0.9)):.2f}" if bars else " | "
            name = f"{task} | {method} | {len(scores)} | {psnr} | {mean_and_worst(gain)}"
            yield f"| {name} | {ssim} | {held} | {_mean(scores, 'seconds'):.1f} |"


def _mean(scores: Scores, key: str) -> float:
    return float(np.mean([float(row[key]) for row in scores.values()]))


def gates(table: Table) -> Iterator[str]:
    """One line per group, task and method of ours: less the rivals, harm, and blind against informed."""
    over = " | ".join(f"less {rival}" for rival in RIVALS)
    yield f"| group | task | method | {over} | below input / cubic | blind - informed |"
    yield "| --- | --- | --- |" + " --- |" * (len(RIVALS) + 2)
    for group in GROUPS:
        for task in TASKS:
            for method in OURS:
                ours = table.get((group, task, method))
                if ours:
                    margins = [mean_and_worst(gains(ours, table.get((group, task, rival), {}))) for rival in RIVALS]
                    gain = gains(ours, table.get((group, task, baseline(task)), {}))
                    harmed = [scan for scan, value in gain.items() if value < -HARM]
                    count = f"{len(harmed)} of {len(gain)}" + (f": {', '.join(harmed)}" if harmed else "")
                    informed = table.get((group, task, "ours_told"), {}) if method == "ours" else {}
                    blind = mean_and_worst(gains(ours, informed))
                    yield f"| {group} | {task} | {method} | {' | '.join(margins)} | {count} | {blind} |"


def summary(table: Table) -> Iterator[str]:
    """One line per group and main task: the means of what one has, of the best rival, and of ours."""
    yield "| scans | task | volumes | without | best rival | ours, blind | worst gain | in 90 % bars |"
    yield "| --- | --- | ---: | ---: | --- | ---: | --- | ---: |"
    for group in GROUPS:
        for task, words in (("denoise3", "3 % noise"), ("denoise9", "9 % noise"), ("x2", "2x")):
            ours = table.get((group, task, "ours"))
            if not ours:
                continue
            others = {m: s for (g, t, m), s in table.items() if (g, t) == (group, task) and not m.startswith("ours")}
            whole = {m: s for m, s in others.items() if set(s) >= set(ours)}  # a mean of fewer volumes says nothing
            best = max(whole, key=lambda method: _mean(whole[method], "psnr"))
            base = others[baseline(task)]
            bars = np.mean([float(row["coverage90"]) for row in ours.values()])
            numbers = f"{_mean(base, 'psnr'):.2f} | {best} {_mean(whole[best], 'psnr'):.2f} | {_mean(ours, 'psnr'):.2f}"
            worst = min(gains(ours, base).values())
            yield f"| {group} | {words} | {len(ours)} | {numbers} | {worst:+.2f} | {bars:.2f} |"


def instead(table: Table) -> Iterator[str]:
    """Yield one line per rival: what ours gains over it in every group, and its worst volume."""
    yield f"| if you use | task | {' | '.join(GROUPS)} | worst volume |"
    yield "| --- | --- |" + " ---: |" * len(GROUPS) + " --- |"
    for rival, (name, task, method) in INSTEAD.items():
        found = [gains(table.get((g, task, method), {}), table.get((g, task, rival), {})) for g in GROUPS]
        together = {scan: gain for one in found for scan, gain in one.items()}
        if together:
            worst = min(together, key=lambda scan: together[scan])
            means = " | ".join(f"{np.mean(list(one.values())):+.1f}" if one else "" for one in found)
            words = "3 % noise" if task == "denoise3" else "2x"
            yield f"| {name} | {words} | {means} | {together[worst]:+.1f} {worst} ({len(together)} volumes) |"


def each(table: Table, group: str) -> Iterator[str]:
    """One line per task and volume: the PSNR of every method."""
    methods = list(dict.fromkeys(method for _, _, method in table))
    yield f"| task | volume | {' | '.join(methods)} | note |"
    yield "| --- | --- |" + " ---: |" * len(methods) + " --- |"
    for task in TASKS:
        found = {method: table.get((group, task, method), {}) for method in methods}
        for scan in dict.fromkeys(scan for scores in found.values() for scan in scores):
            rows = [found[method].get(scan) for method in methods]
            cells = [f"{float(row['psnr']):.2f}" if row else "" for row in rows]
            note = next(row["note"] for row in rows if row)
            yield f"| {task} | {scan} | {' | '.join(cells)} | {note} |"


def main() -> None:
    """Print one table per group, then the gates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path, nargs="+")
    parser.add_argument("--each", action="store_true", help="add the rows of every volume")
    parser.add_argument("--pages", action="store_true", help="put the tables into the pages instead of printing them")
    args = parser.parse_args()
    table = read_rows(args.rows)
    if args.pages:
        groups = [group for group in GROUPS if any(g == group for g, _, _ in table)]
        every = "\n\n".join(f"### {group}\n\n" + "\n".join(results(table, group)) for group in groups)
        blocks = {"any gates": "\n".join(gates(table)), "any results": every, "any scan": "\n".join(summary(table))}
        blocks["instead"] = "\n".join(instead(table))
        for page in ("README.md", "docs/benchmark_any_scan.md", "bundles/general_strainer/docs/README.md"):
            fill(ROOT / page, blocks)
        return
    for group in GROUPS:
        if not any(g == group for g, _, _ in table):
            continue
        print(f"## {group}\n\n" + "\n".join(results(table, group)), end="\n\n")
        if args.each:
            print("\n".join(each(table, group)), end="\n\n")
    print("## Gates\n\n" + "\n".join(gates(table)), end="\n\n")
    print("## Instead of others\n\n" + "\n".join(instead(table)))


if __name__ == "__main__":
    main()
