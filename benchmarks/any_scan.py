# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Run the restoration benchmark on scans of any kind: whole heads, other contrasts, other body parts, and the cohort.

python benchmarks/any_scan.py DATA --out rows.csv [--methods ours,ours_told] [--tasks denoise3,x2] [--prior BUNDLE]
python benchmarks/any_scan.py DATA --sheet sheet.png       # the middle slice of every volume, to look at
python benchmarks/any_scan_table.py rows.csv more.csv      # prints the tables

`any_scan_data.py` says which volumes there are and how their truth is made, `any_scan_tasks.py` how they are measured,
`any_scan_rivals.py` what the other methods do. Rows are added as they are made; what a file holds already is not made
again, and a row of ours belongs to the prior whose digest it names.

`ours` is `restore` with the scale and nothing else. `ours_told` is also given what the rivals are given: the level of
the noise and, where the grid gets finer, the operator. `ours_not_adapted` is `ours_told` without adaptation to the
scan. With `--level total` the level given is the root of the sum of squares of the noise that was added and the noise
that the truth has of its own, and the names of methods end in `_total`. PSNR and SSIM count within the object's mask;
the data range is the 99.9th percentile of the truth there. Seconds are for the whole slab.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
from any_scan_data import Entry, entries, load
from any_scan_rivals import DENOISERS, INTERPOLATIONS, applies, rival
from any_scan_sheet import draw
from any_scan_tasks import TASKS, Case, entries_of, measure
from numpy.typing import NDArray

from monai_strainer import Prior, load_prior, restore
from monai_strainer.evaluation.scores import scores_of

OURS = ("ours", "ours_told", "ours_not_adapted")
METHODS = ("input", *INTERPOLATIONS, *DENOISERS, *OURS)
COLUMNS = ("task", "group", "scan", "method", "prior", "psnr", "ssim", "coverage90", "seconds", "sigma", "note")
Image = NDArray[np.float32]


def ours(case: Case, prior: Prior, sigma: float | None, adapt: int | None) -> tuple[Image, Image]:
    """Return what `restore` makes of the slab, and its standard deviation; blind where no level is given."""
    options: dict[str, Any] = {}
    if sigma is not None:
        options = {"sigma": sigma} if case.is_denoising else {"sigma": sigma, "operator": case.task.profile}
    out = restore(case.low, prior, scale=case.scale, adapt=adapt, **options)
    return out.volume.data, out.std


def scores_of_case(case: Case, image: Image, std: Image | None) -> dict[str, Any]:
    """Return the scores of one image, as the rows hold them."""
    x, truth, mask = (np.moveaxis(a, case.axis, 0) for a in (np.maximum(image, 0), case.truth, case.mask))
    peak = float(np.percentile(truth[mask], 99.9))
    found = scores_of(x, truth, mask, peak, None if std is None else np.moveaxis(std, case.axis, 0))
    names = {"psnr": ("psnr_mask", 4), "ssim": ("ssim_mask", 5), "coverage90": ("coverage90", 4)}
    row = {name: (found[key], digits) for name, (key, digits) in names.items()}
    return {name: round(value, digits) for name, (value, digits) in row.items() if value is not None}


def run(method: str, case: Case, prior: Prior | None, level: str) -> dict[str, Any]:
    """Run one method on one case, and return its scores."""
    sigma = math.hypot(case.sigma, case.own) if level == "total" else case.sigma
    std, start = None, time.perf_counter()
    if method in OURS:
        assert prior is not None
        adapt = 0 if method == "ours_not_adapted" else None
        image, std = ours(case, prior, None if method == "ours" else sigma, adapt)
    else:
        image = rival(method, case, sigma)
    seconds = round(time.perf_counter() - start, 3)
    row = scores_of_case(case, image, std)
    given = "" if method in ("ours", "input", "ants", *INTERPOLATIONS) else f"{sigma:.6g}"
    return {**row, "seconds": seconds, "sigma": given, "note": case.note}


def rows_done(out: Path) -> set[tuple[str, ...]]:
    """Return what the file holds already; begin the file where there is none."""
    if not out.exists():
        out.write_text(",".join(COLUMNS) + "\n")
        return set()
    with out.open(newline="") as handle:
        return {(row["task"], row["scan"], row["method"], row["prior"]) for row in csv.DictReader(handle)}


def named(method: str, level: str) -> str:
    """Return the name of a method in the rows."""
    takes_level = (method in DENOISERS and method != "ants") or method in ("ours_told", "ours_not_adapted")
    return f"{method}_total" if level == "total" and takes_level else method


def benchmark(found: list[Entry], args: argparse.Namespace) -> None:
    """Make the rows that are missing, task by task and method by method, and add each to the file."""
    methods = args.methods.split(",")
    prior = load_prior(args.prior) if set(methods) & set(OURS) else None
    digest = prior.digest[:12] if prior is not None else ""
    done = rows_done(args.out)
    for task in args.tasks.split(","):
        for method in methods:
            for entry in entries_of(TASKS[task], found):
                head = (task, entry.name, named(method, args.level), digest if method in OURS else "")
                if head in done or not applies(method, TASKS[task]):
                    continue
                row = run(method, measure(load(entry), task), prior, args.level)
                row |= dict(zip(("task", "scan", "method", "prior"), head)) | {"group": entry.group}
                with args.out.open("a", newline="") as handle:
                    csv.DictWriter(handle, COLUMNS).writerow(row)


def main() -> None:
    """Draw the sheet, or make the rows that are missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="holds varied/manifest.tsv, oasis/ and dicom/structural/")
    parser.add_argument("--out", type=Path, default=None, help="rows as CSV")
    parser.add_argument("--sheet", type=Path, default=None, help="draw every volume's middle slice to this picture")
    parser.add_argument("--split", default="val", choices=("val", "train"))
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--volumes", default=None, help="names, separated by commas; all by default")
    parser.add_argument("--level", default="added", choices=("added", "total"))
    parser.add_argument("--prior", type=Path, default=None, help="a bundle's folder; the shipped one by default")
    args = parser.parse_args()
    unknown = (set(args.tasks.split(",")) - set(TASKS)) | (set(args.methods.split(",")) - set(METHODS))
    if unknown or (args.out is None and args.sheet is None):
        parser.error(f"unknown: {', '.join(sorted(unknown))}" if unknown else "give --out or --sheet")
    found = entries(args.data, args.split)
    if args.volumes is not None:
        found = [entry for entry in found if entry.name in args.volumes.split(",")]
    if args.sheet is not None:
        draw([load(entry) for entry in found], args.sheet)
    if args.out is not None:
        benchmark([entry for entry in found if not entry.is_resampled], args)


if __name__ == "__main__":
    main()
