# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Take the time of ours and of every denoiser in one run: a slab of 8 slices, one thread, method after method.

python benchmarks/any_scan_seconds.py DATA [--volumes oasis_sub-1000,ljubljana_ms12_T1W] [--rounds 3]

The least of several rounds counts, so that what is loaded once is left out; a method that takes longer than `LONG`
seconds has one round. `seconds` is the processor time of all threads, which other work on a shared machine changes
little; `wall` is what a clock says. Total variation is taken at one weight. Ratios may be compared, seconds belong to
the machine. A row that is there is not made again; a new machine begins with a new file.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from any_scan import ours
from any_scan_data import entries, load
from any_scan_rivals import DENOISERS, denoised
from any_scan_tasks import Case, measure

from monai_strainer import load_prior

HERE = Path(__file__).resolve().parent
VOLUMES = "oasis_sub-1000,ljubljana_ms12_T1W"  # one in the cohort and one that the general prior is adapted to
COLUMNS = ("task", "group", "scan", "shape", "method", "seconds", "wall", "rounds")
LONG = 10.0


def least(work: Callable[[], Any], rounds: int) -> tuple[float, float, int]:
    """Return the least processor time and the least time of the clock in seconds, and the number of rounds."""
    times: list[tuple[float, float]] = []
    while len(times) < rounds and (not times or times[-1][0] < LONG):
        start = time.process_time(), time.perf_counter()
        work()
        times.append((time.process_time() - start[0], time.perf_counter() - start[1]))
    return min(one for one, _ in times), min(one for _, one in times), len(times)


def works(case: Case) -> dict[str, Callable[[], Any]]:
    """Return every method as a function of nothing; `ours` estimates the level, as a user has it."""
    prior = load_prior()
    made: dict[str, Callable[[], Any]] = {"ours": lambda: ours(case, prior, None, None)}
    for name, denoise in DENOISERS.items():
        made[name] = lambda denoise=denoise: denoised(denoise, case, case.sigma)
    return made


def main() -> None:
    """Make the rows that are missing, and add each to the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="holds varied/manifest.tsv, oasis/ and dicom/structural/")
    parser.add_argument("--out", type=Path, default=HERE / "any_scan_seconds.csv", help="rows as CSV")
    parser.add_argument("--volumes", default=VOLUMES, help="names, separated by commas")
    parser.add_argument("--methods", default=",".join(("ours", *DENOISERS)))
    parser.add_argument("--task", default="denoise3")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if not args.out.exists():
        args.out.write_text(",".join(COLUMNS) + "\n")
    with args.out.open(newline="") as handle:
        done = {(row["task"], row["scan"], row["method"]) for row in csv.DictReader(handle)}
    for entry in entries(args.data):
        if entry.name not in args.volumes.split(","):
            continue
        case = measure(load(entry), args.task)
        for method, work in works(case).items():
            head = (args.task, entry.name, method)
            if head not in done and method in args.methods.split(","):
                seconds, wall, rounds = least(work, args.rounds)
                row = dict(zip(("task", "scan", "method"), head)) | {"group": entry.group, "rounds": rounds}
                row |= {"shape": "x".join(map(str, case.truth.shape))}
                row |= {"seconds": f"{seconds:.3g}", "wall": f"{wall:.3g}"}
                with args.out.open("a", newline="") as handle:
                    csv.DictWriter(handle, COLUMNS, lineterminator="\n").writerow(row)


if __name__ == "__main__":
    main()
