# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""One figure per task of the restoration benchmark: truth, input, the best rival, ours, and both errors on one scale.

python benchmarks/restoration_figures.py DATASET docs/images/benchmark [--tasks x2,denoise3]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import restoration
from numpy.typing import NDArray
from restoration_table import OWN, read_rows

from monai_strainer import load_prior, read
from monai_strainer.cohorts.read import split_scans
from monai_strainer.reporting.figure import Strip, picture, upright


def best_rival(task: str) -> str:
    """Return the rival of the highest mean PSNR, by the rows at hand."""
    found: dict[str, list[float]] = {}
    for row in read_rows():
        if row["task"] == task and row["method"] not in (*OWN, "input"):
            found.setdefault(row["method"], []).append(float(row["psnr_mask"]))
    return max(found, key=lambda method: float(np.mean(found[method])))


def main() -> None:
    """Draw the middle slice of the first validation scan."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tasks", default=",".join(restoration.TASKS))
    args = parser.parse_args()
    prior, scan = load_prior(), read(split_scans(args.dataset)[1][0])
    axis = scan.grid.axis_of("axial")
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.tasks.split(","):
        task = restoration.TASKS[name]
        case = restoration.measure(scan, prior, task, seed=0)
        rival = best_rival(name)
        theirs, ours = (restoration.run(method, case, prior, task) for method in (rival, "ours"))
        assert theirs is not None and ours is not None and ours[1] is not None
        # thick slices are looked at from the side, where they are thick
        side = task.kind == "thick"
        k = case.truth.shape[1] // 2 if side else len(case.truth) // 2

        def show(stack: NDArray[np.float32], k: int = k, side: bool = side) -> NDArray[np.float32]:
            return stack[::-1, k] if side else upright(stack[k], scan.grid, axis)

        if side:
            low = np.moveaxis(case.data[0], axis, 0)
            measured = low[::-1, k]
            measured = np.repeat(measured, round(len(case.truth) / len(low)), axis=0)
        else:
            image = case.data[0][k] if task.kind == "slab" else case.data[k][case.scored[k]][0]
            measured = upright(image, scan.grid, axis)
        strip = Strip(
            name,
            show(case.truth),
            measured,
            {rival: show(theirs[0]), "ours": show(ours[0])},
            show(ours[1]),
            case.peak,
            show(case.mask),
        )
        picture(args.out / f"{name.replace('|', '_')}.png", [strip])


if __name__ == "__main__":
    main()
