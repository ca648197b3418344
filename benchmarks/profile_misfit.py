# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Fit how the misfit of two profiles moves the probability of truncated k-space, and judge it on scans left out.

python benchmarks/profile_misfit.py DATA --out rows.csv [--split train] [--every 2]

Every scan is measured with larger voxels as an area average, with a Gaussian profile and as truncated k-space, with
0 to 3 % noise. Rows hold the weight that the network reads, the misfits of box and k-space of the cohort's network, and
the noise; those that a file holds already are not made again. The last lines give the constants of
`monai_strainer.restoring.profile_misfit.weight_with`, fitted to the rows whose weight is not sure, and the mean squared
error of their probability: before, and after with every scan judged by a fit to the others. Both groups, the cohort's
scans (their names begin with its name) and the others, count as much as each other.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
from any_scan_data import entries, load
from any_scan_tasks import TASKS, measure
from numpy.typing import NDArray
from scipy.optimize import minimize
from tables import known

from monai_strainer import RestoreOptions, load_prior
from monai_strainer.physics import Profile
from monai_strainer.restoring.prepare import prepare
from monai_strainer.restoring.profile_misfit import profile_misfit
from monai_strainer.restoring.truncation_reading import kspace_weight

COLUMNS = ("scan", "task", "kind", "factor", "weight", "box", "kspace", "noise")
MEASURED = (  # factor, noise
    (2.0, 0.0), (2.0, 0.003), (2.0, 0.01), (2.0, 0.02), (2.0, 0.03), (1.5, 0.003), (3.0, 0.003),
    (3.5, 0.003), (4.0, 0.003),
)  # fmt: skip
LARGEST = 0.97  # weights beyond are sure
COHORT = "oasis"
EXPECTED, SPREAD = np.array([0, 1, 0, 0, 0.0]), np.array([1e3, 0.5, 10, 150, 20])  # of the constants, before any data

Array = NDArray[np.float64]


def measured(data: Path, split: str, every: int, out: Path) -> list[dict[str, str]]:
    """Return the rows of all scans, and add those that are missing to a file."""
    there = known(out)
    done, prior = {(row["scan"], row["task"]) for row in there}, load_prior()
    if prior.general is None or prior.general.truncation is None or prior.detail is None:
        raise SystemExit("the shipped priors have no truncation network, or no network of a cohort")
    with out.open("a", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS, lineterminator="\n")
        if not there:
            writer.writeheader()
        for entry in entries(data, split)[::every]:
            for kind in ("box", "gaussian", "kspace"):
                for factor, noise in MEASURED:
                    task = f"{kind} x{factor:g} noise {100 * noise:g} %"
                    if (entry.name, task) in done:
                        continue
                    TASKS[task] = replace(TASKS["x2"], factor=factor, noise=noise, profile=Profile(kind))
                    case = measure(load(entry), task)
                    a, b, c = np.divide(case.truth.shape, case.low.data.shape).tolist()
                    ready = prepare(case.low, prior, (a, b, c), RestoreOptions(), True)
                    weight = kspace_weight(ready.acquired.volume, prior.general.truncation, ready.inside)
                    found = profile_misfit(prior.detail, ready, ready.acquired.factors)
                    if found is not None:
                        values = (entry.name, task, kind, factor, weight, found.box, found.kspace, found.noise)
                        there.append(dict(zip(COLUMNS, map(str, values))))
                        writer.writerow(there[-1])
            handle.flush()
            print(entry.name, flush=True)
    return there


def odds_before(rows: list[dict[str, str]]) -> Array:
    """Log odds of the network."""
    weight = np.clip([float(row["weight"]) for row in rows], 1 - LARGEST, LARGEST)
    return np.log(weight / (1 - weight))


def fitted(features: Array, truth: Array, worth: Array) -> Array:
    """Constants of a logistic regression of weighted rows; without data the odds before stay as they are."""

    def cost(constants: Array) -> float:
        odds = features @ constants
        likely = (worth * (np.logaddexp(0, odds) - odds * truth)).sum()
        return float(likely + np.square((constants - EXPECTED) / SPREAD).sum())

    return np.asarray(minimize(cost, EXPECTED).x)


def summary(rows: list[dict[str, str]]) -> str:
    """Return the constants, and how good the probabilities are before and after."""
    known, scans = len(rows), len({row["scan"] for row in rows})
    rows = [row for row in rows if 1 - LARGEST <= float(row["weight"]) <= LARGEST]
    if not rows:
        return f"{known} rows of {scans} scans, all of them sure"
    ratio = np.log([float(row["box"]) / float(row["kspace"]) for row in rows])
    noise = np.array([float(row["noise"]) for row in rows])
    beyond = np.maximum(0, np.log([float(row["factor"]) / 3 for row in rows]))
    features = np.stack([np.ones(len(rows)), odds_before(rows), ratio, noise, beyond], 1)
    truth = np.array([float(row["kind"] == "kspace") for row in rows])
    names = np.array([row["scan"] for row in rows])
    is_cohorts = np.char.startswith(names, COHORT)
    worth = np.where(is_cohorts, (~is_cohorts).sum() / max(is_cohorts.sum(), 1), 1.0)
    after = np.zeros(len(rows))
    for name in set(names):
        mine = names == name
        after[mine] = 1 / (1 + np.exp(-features[mine] @ fitted(features[~mine], truth[~mine], worth[~mine])))
    before = 1 / (1 + np.exp(-features[:, 1]))
    errors = [float(np.average(np.square(p - truth), weights=worth)) for p in (before, after)]
    constants = ", ".join(f"{value:.2f}" for value in fitted(features, truth, worth))
    return (
        f"{known} rows of {scans} scans, {len(rows)} not sure: constant and slopes {constants}; "
        f"error {errors[0]:.4f} before, {errors[1]:.4f} after"
    )


def main() -> None:
    """Measure, fit, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--split", default="train")
    parser.add_argument("--every", type=int, default=2, metavar="N", help="every N-th scan")
    args = parser.parse_args()
    print(summary(measured(args.data, args.split, args.every, args.out)))


if __name__ == "__main__":
    main()
