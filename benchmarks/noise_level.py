# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Measure the noise level that `restore` reads off scans of any kind against the level that was added to them.

python benchmarks/noise_level.py DATA [--split train] [--every 3] [--tasks denoise3,denoise9] [--out rows.csv]

A scan has noise of its own, so the truth is the root of the sum of squares of the level that was added and of the level
that the network reads off the scan without it. Scans whose own noise is more than half of the added noise say little
and are left out of the summary. A row is a scan and a task; the last lines give the error of every task.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np
from any_scan_data import entries, load
from any_scan_tasks import Case, measure

from monai_strainer import load_prior
from monai_strainer.restoring.noise_reading import read_noise
from monai_strainer.restoring.options import RestoreOptions
from monai_strainer.restoring.prepare import prepare
from monai_strainer.storage.tables import write_csv

TASKS = "denoise1,denoise3,denoise9,denoise3_zerofill1.5,denoise9_zerofill1.5,denoise3_zerofill2,denoise3_gfactor"
COLUMNS = ("task", "scan", "level", "own", "network", "wavelet", "uneven", "zero_filled")
MOST = 0.5  # of the noise that was added: own noise of a scan that counts


def row_of(case: Case, name: str, scan: str, prior: Any) -> dict[str, Any]:
    """Return what is read off a scan, relative to the noise that was added."""
    ready = prepare(case.low, prior, (1.0, 1.0, 1.0), RestoreOptions(), True)
    clean, mask = (np.ascontiguousarray(np.moveaxis(data, case.axis, 0)) for data in (case.truth, case.mask))
    own = read_noise(prior.general.noise_level, clean, mask).sigma
    found, level = ready.level.reading, ready.level.level
    inside = level[case.mask] if np.ndim(level) and np.shape(level) == case.mask.shape else level
    return {
        "task": name,
        "scan": scan,
        "level": round(float(np.sqrt(np.mean(np.square(inside)))) * ready.intensity_scale / case.sigma, 4),
        "own": round(own / case.sigma, 4),
        "network": round((found.network or math.nan) / case.sigma, 4),
        "wavelet": round((found.wavelet or math.nan) / case.sigma, 4),
        "uneven": found.uneven,
        "zero_filled": len(ready.acquired.filled),
    }


def summary(rows: list[dict[str, Any]]) -> list[str]:
    """Return a line per task: the error of the level, and how far the furthest are off."""
    lines = []
    for name in dict.fromkeys(row["task"] for row in rows):
        mine = [row for row in rows if row["task"] == name and row["own"] < MOST]
        log = np.array([math.log(max(row["level"], 1e-9) / math.hypot(1, row["own"])) for row in mine])
        mean, error = math.exp(log.mean()), 100 * math.sqrt(np.square(log).mean())
        low, high = math.exp(log.min()), math.exp(log.max())
        lines.append(f"{name}: {len(mine)} scans, mean {mean:.3f}, error {error:.1f} %, {low:.2f} to {high:.2f}")
    return lines


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every N-th scan")
    parser.add_argument("--tasks", default=TASKS)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    prior, rows = load_prior(), []
    for entry in entries(args.data, args.split)[:: args.every]:
        scan = load(entry)
        for name in args.tasks.split(","):
            rows.append(row_of(measure(scan, name), name, entry.name, prior))
            print(*rows[-1].values(), flush=True)
    if args.out is not None:
        write_csv(rows, args.out, COLUMNS)
    print("\n".join(summary(rows)))


if __name__ == "__main__":
    main()
