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

SECONDS = Path(__file__).resolve().parent / "any_scan_seconds.csv"

Scores = dict[str, dict[str, str]]  # of one task and method: the row of every volume
Table = dict[tuple[str, str, str], Scores]  # group, task, method
Seconds = dict[str, dict[str, float]]  # of a volume: the processor seconds of every method
COHORT, OTHERS = GROUPS[:1], GROUPS[1:]
OURS = ("ours", "ours_told", "ours_not_adapted")
RIVALS = ("bm4d", "ffdnet", "ndsafir", "back_projection", "sinc")
INSTEAD = {  # denoiser: what people call it, and which of ours knows as much
    "ants": ("ANTs DenoiseImage", "ours"),
    "bm4d": ("BM4D", "ours_told"),
    "bm3d": ("BM3D, slice by slice", "ours_told"),
    "ffdnet": ("FFDNet, slice by slice", "ours_told"),
    "ndsafir": ("ND-SAFIR", "ours_told"),
    "nlm_dipy": ("non-local means (dipy)", "ours_told"),
    "non_local_means": ("non-local means (scikit-image)", "ours_told"),
    "wavelet": ("wavelet (BayesShrink)", "ours_told"),
    "total_variation": ("total variation", "ours_told"),
}
FINER = {  # what people call an interpolation
    "cubic": "cubic interpolation",
    "sinc": "zero-filled k-space",
    "back_projection": "iterative back-projection",
}
LEVELS = {"denoise3": "3 % noise", "denoise9": "9 % noise"}
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
            held = f"{np.mean(bars):.2f} | {max(bars, key=lambda fraction: abs(fraction - 0.9)):.2f}" if bars else " | "
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


def over(table: Table, task: str, method: str, rival: str, groups: Iterable[str]) -> dict[str, float]:
    """Return the gain of ours over a rival for every volume of some groups."""
    found = [gains(table.get((g, task, method), {}), table.get((g, task, rival), {})) for g in groups]
    return {scan: gain for one in found for scan, gain in one.items()}


def instead(table: Table, seconds: Seconds) -> Iterator[str]:
    """Yield one line per denoiser: what ours gains over it, its worst volume, and the time; then the interpolations."""
    head = " | ".join(f"{words}: {pair}" for words in ("3 %", "9 %") for pair in ("cohort", "other scans"))
    yield f"| if you use | {head} | worst volume | ours is lower on | time, ours = 1 |"
    yield "| --- | ---: | ---: | ---: | ---: | --- | ---: | --- |"
    for rival, (name, method) in INSTEAD.items():
        inside, outside = ({t: over(table, t, method, rival, groups) for t in LEVELS} for groups in (COHORT, OTHERS))
        means = " | ".join(_signed(one[task]) for task in LEVELS for one in (inside, outside))
        yield f"| {name} | {means} | {_worst({t: inside[t] | outside[t] for t in LEVELS})} | {_ratio(seconds, rival)} |"
    yield "\n| if you use | 2x: cohort | 2x: other scans | worst volume | ours is lower on |"
    yield "| --- | ---: | ---: | --- | ---: |"
    for rival, name in FINER.items():
        one, other = (over(table, "x2", "ours", rival, groups) for groups in (COHORT, OTHERS))
        yield f"| {name} | {_signed(one)} | {_signed(other)} | {_worst({'x2': one | other})} |"


def _signed(values: dict[str, float]) -> str:
    return f"{np.mean(list(values.values())):+.1f}" if values else ""


def _worst(found: dict[str, dict[str, float]]) -> str:
    """Return two cells: the least gain of several tasks with its volume, and on how many of all ours is lower."""
    every = {(task, scan): gain for task, one in found.items() for scan, gain in one.items()}
    if not every:
        return " | "
    task, scan = min(every, key=lambda pair: every[pair])
    at = f" at {LEVELS[task].removesuffix(' noise')}" if task in LEVELS else ""
    return f"{every[task, scan]:+.1f} {scan}{at} | {sum(gain < 0 for gain in every.values())} of {len(every)}"


def _ratio(seconds: Seconds, method: str) -> str:
    """Return a method's time over ours: in the cohort, then elsewhere."""
    pairs = [one[method] / one["ours"] for one in seconds.values() if method in one and "ours" in one]
    return " and ".join("< 0.01" if ratio < 0.005 else f"{ratio:.{1 if ratio >= 1 else 2}f}" for ratio in pairs)


def read_seconds(path: Path) -> Seconds:
    """Read the seconds of every method on each volume of `any_scan_seconds.py`."""
    found: Seconds = {}
    if path.exists():
        with path.open(newline="") as handle:
            for row in csv.DictReader(handle):
                what = f"{row['scan']} ({row['group']}, {row['shape']})"
                found.setdefault(what, {})[row["method"]] = float(row["seconds"])
    return found


def took(seconds: Seconds) -> Iterator[str]:
    """Yield one line per method: its seconds and its time over ours, on every volume that was timed."""
    yield "| method |" + "".join(f" {what}: s | ours = 1 |" for what in seconds)
    yield "| --- |" + " ---: | ---: |" * len(seconds)
    methods = dict.fromkeys(method for one in seconds.values() for method in one)
    for method in sorted(methods, key=lambda method: next(one[method] for one in seconds.values() if method in one)):
        cells = []
        for one in seconds.values():
            cells += [f"{one[method]:.3g}", f"{one[method] / one['ours']:.2g}"] if method in one else ["", ""]
        yield f"| {method} | {' | '.join(cells)} |"


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
    parser.add_argument("--seconds", type=Path, default=SECONDS, help="what any_scan_seconds.py wrote")
    parser.add_argument("--pages", action="store_true", help="put the tables into the pages instead of printing them")
    args = parser.parse_args()
    table, seconds = read_rows(args.rows), read_seconds(args.seconds)
    if args.pages:
        groups = [group for group in GROUPS if any(g == group for g, _, _ in table)]
        every = "\n\n".join(f"### {group}\n\n" + "\n".join(results(table, group)) for group in groups)
        blocks = {"any gates": "\n".join(gates(table)), "any results": every, "any scan": "\n".join(summary(table))}
        blocks |= {"instead": "\n".join(instead(table, seconds)), "any seconds": "\n".join(took(seconds))}
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
    print("## Instead of others\n\n" + "\n".join(instead(table, seconds)), end="\n\n")
    print("## Seconds\n\nShared machine; ratios only.\n\n" + "\n".join(took(seconds)))


if __name__ == "__main__":
    main()
