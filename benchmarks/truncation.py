# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Measure how well `restore` tells truncated k-space from area averages, on scans of any kind.

python benchmarks/truncation.py DATA [--split train] [--every 3] [--out rows.csv]

The slab of every scan is measured with larger voxels as an area average (box), with a Gaussian profile and as truncated
k-space, by several factors and with several levels of noise. The weight of truncated k-space should be 1 for the last
and 0 for the others; 0.25 is the weight where nothing can be read. `weight` is what the network reads; `final` is what
`restore` takes, after it has asked, where the network is not sure, how both results fit the data. The last lines give,
for every task, the mean of both and how many scans lie on the wrong side of 0.5.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from any_scan_data import entries, load
from any_scan_tasks import TASKS, measure

from monai_strainer import load_prior
from monai_strainer.anatomy.foreground import foreground
from monai_strainer.physics import Profile
from monai_strainer.priors.general_store import load_general
from monai_strainer.restoring.restore import plan
from monai_strainer.restoring.truncation_reading import kspace_weight
from monai_strainer.storage.tables import write_csv

COLUMNS = ("task", "truncated", "scan", "weight", "final")
FACTORS, NOISES, KINDS = (1.5, 2.0, 3.0), (0.0, 0.01, 0.03), ("box", "gaussian", "kspace")


def add_tasks() -> dict[str, bool]:
    """Add the tasks to those of the benchmark of any scan; return whether each is truncated k-space."""
    names: dict[str, bool] = {}
    for kind in KINDS:
        for factor in FACTORS:
            for noise in NOISES if factor == 2 else (0.0,):
                name = f"{kind} x{factor:g} noise {100 * noise:g} %"
                TASKS[name] = replace(TASKS["x2"], factor=factor, noise=noise, profile=Profile(kind))
                names[name] = kind == "kspace"
    return names


def summary(rows: list[dict[str, Any]]) -> list[str]:
    """Return a line per task: means of the weights, extremes, and how many scans are taken for the other kind."""
    lines = []
    for name in dict.fromkeys(row["task"] for row in rows):
        mine = [row for row in rows if row["task"] == name]
        said = []
        for column in ("weight", "final"):
            weight = np.array([row[column] for row in mine])
            wrong = int(((weight > 0.5) != mine[0]["truncated"]).sum())
            said.append(f"{column} {weight.mean():.2f} ({weight.min():.2f} to {weight.max():.2f}), wrong {wrong}")
        lines.append(f"{name}, {len(mine)} scans: {'; '.join(said)}")
    return lines


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every N-th scan")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    general, prior, tasks, rows = load_general(), load_prior(), add_tasks(), []
    if general is None or general.truncation is None:
        raise SystemExit("the shipped general prior has no truncation network")
    for entry in entries(args.data, args.split)[:: args.every]:
        scan = load(entry)
        for name, truncated in tasks.items():
            case = measure(scan, name)
            low, factors = case.low, np.divide(case.truth.shape, case.low.data.shape).tolist()
            weight = kspace_weight(low, general.truncation, foreground(low.data))
            final = plan(low, prior, factors).kspace_weight
            row = {"task": name, "truncated": truncated, "scan": entry.name}
            rows.append({**row, "weight": round(weight, 3), "final": round(final, 3)})
        print(entry.name, *(row["final"] for row in rows[-len(tasks) :]), flush=True)
    if args.out is not None:
        write_csv(rows, args.out, COLUMNS)
    print("\n".join(summary(rows)))


if __name__ == "__main__":
    main()
