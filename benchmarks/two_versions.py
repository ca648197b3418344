# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore one scan with this tree and with another checkout of the project, in turn; print time, memory and accuracy.

python benchmarks/two_versions.py SCAN.nii.gz OTHER_TREE [--noise 0.03] [--crop 96,128,96] [--scale 1] [--rounds 3]

Rician noise of ``--noise`` times the 99.9th percentile is added to the scan, which serves as truth; 0 adds none, and
then the two results are compared with each other only. Every run is a process of its own, with as many threads as
``OMP_NUM_THREADS`` says. The seconds are those of the restoration alone. Medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RUN = """
import json, resource, sys, time
import numpy as np
from monai_strainer import load_prior, read, restore
scan, prior = read(sys.argv[1]), load_prior()
scale = [float(part) for part in sys.argv[3].split(",")]
wall, processor = time.perf_counter(), time.process_time()
out = restore(scan, prior, scale=scale[0] if len(scale) == 1 else scale)
took = {"seconds": time.perf_counter() - wall, "processor": time.process_time() - processor}
np.save(sys.argv[2], out.volume.data)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps({**took, "GiB": peak}))
"""


def noisy(source: Path, target: Path, noise: float, crop: tuple[int, ...] | None) -> Any:
    """Write the scan with noise, and return its truth as an array and the level."""
    import numpy as np

    from monai_strainer import Grid, Volume, read, write

    scan = read(source)
    data = scan.data
    if crop is not None:
        starts = [(n - m) // 2 for n, m in zip(data.shape, crop)]
        data = np.ascontiguousarray(data[tuple(slice(a, a + m) for a, m in zip(starts, crop))])
    peak = float(np.percentile(data[data > 0], 99.9))
    rng = np.random.default_rng(5)
    parts = noise * peak * rng.standard_normal((2, *data.shape))
    y = np.hypot(data + parts[0], parts[1]) if noise else data
    grid = Grid((data.shape[0], data.shape[1], data.shape[2]), scan.grid.affine)
    write(Volume(y.astype(np.float32), grid, None, scan.slice_axis), target)
    return data, peak


def once(tree: Path, scan: Path, result: Path, scale: str) -> dict[str, float]:
    """Restore in a process of its own with the package of a tree."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    words = [sys.executable, "-W", "ignore", "-c", RUN, str(scan), str(result), scale]
    done = subprocess.run(words, cwd=tree, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Compare the two trees and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("scan", type=Path)
    parser.add_argument("other", type=Path, help="another checkout of the project")
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--crop", default=None, help="voxels in the middle, such as 96,128,96")
    parser.add_argument("--scale", default="1")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    crop = None if args.crop is None else tuple(int(n) for n in args.crop.split(","))
    trees = {"other": args.other.resolve(), "this": ROOT}
    with tempfile.TemporaryDirectory() as scratch:
        scan, results = Path(scratch) / "scan.nii.gz", {name: Path(scratch) / f"{name}.npy" for name in trees}
        truth, peak = noisy(args.scan, scan, args.noise, crop)
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in trees}
        for _ in range(args.rounds):
            for name, tree in trees.items():
                runs[name].append(once(tree, scan, results[name], args.scale))
        show(runs, results, truth if args.noise and args.scale == "1" else None, peak)


def show(runs: dict[str, list[dict[str, float]]], results: dict[str, Path], truth: Any, peak: float) -> None:
    """Print medians, ratios, and the accuracy of both or their difference."""
    import numpy as np

    from monai_strainer.metrics import psnr

    middle = {
        name: {key: statistics.median(run[key] for run in each) for key in each[0]} for name, each in runs.items()
    }
    for key in middle["this"]:
        a, b = middle["other"][key], middle["this"][key]
        print(f"{key}: other {a:.3g}, this {b:.3g}, ratio {a / b:.2f}")
    images = {name: np.load(path) for name, path in results.items()}
    if truth is None:
        apart = float(np.sqrt(np.square(images["this"] - images["other"]).mean()))
        print(f"root mean square difference: {100 * apart / peak:.3f} % of the 99.9th percentile")
        return
    mask = truth > 0.08 * peak
    one, two = (psnr(images[name], truth, data_range=peak, mask=mask) for name in ("other", "this"))
    print(f"PSNR: other {one:.3f} dB, this {two:.3f} dB, difference {two - one:+.3f} dB")


if __name__ == "__main__":
    main()
