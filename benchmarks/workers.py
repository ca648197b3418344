# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore a folder of scans by one process with one thread, by one with all, and by workers that share them, in turn.

python benchmarks/workers.py FOLDER [--workers 2] [--rounds 3] [--options "--scale 1"]

Prints median seconds, processor time, scans per hour, and how many times those of each process the workers reach. Every
worker restores its shard in a process of its own with ``OMP_NUM_THREADS`` set to its part of the cores; ``--fighting``
leaves all threads to each of them, which shows what that costs.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from monai_strainer.io import survey


def run(source: Path, count: int, threads: int, options: list[str]) -> tuple[float, float]:
    """Seconds that ``count`` workers take for all scans, and their processor time."""
    with tempfile.TemporaryDirectory() as output:
        words = [sys.executable, "-W", "ignore", "-m", "monai_strainer.cli", "restore", str(source), output, "--quiet"]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        workers = [
            subprocess.Popen(
                [*words, *options, *(["--shard", f"{k + 1}/{count}"] if count > 1 else [])],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for k in range(count)
        ]
        for worker in workers:
            assert worker.wait() == 0
        took, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Compare, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--options", default="--scale 1")
    parser.add_argument("--fighting", action="store_true", help="every worker has all threads")
    args = parser.parse_args()
    scans, cores = len(survey(args.folder)[0]), len(os.sched_getaffinity(0))
    own = cores if args.fighting else max(1, cores // args.workers)
    ways = {
        "one process with one thread": (1, 1),
        "one process": (1, cores),
        f"{args.workers} workers": (args.workers, own),
    }
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(args.rounds):
        for name, (count, threads) in ways.items():
            runs[name].append(run(args.folder, count, threads, args.options.split()))
    seconds = {name: statistics.median(took for took, _ in each) for name, each in runs.items()}
    for name, (_, threads) in ways.items():
        processor = statistics.median(used for _, used in runs[name])
        hourly = 3600 * scans / seconds[name]
        times = f"{seconds[name]:.1f} s, processor {processor:.1f} s"
        print(f"{name}, {threads} thread(s) each: {times}, {hourly:.0f} scans/h")
    *ones, many = seconds
    for name in ones:
        print(f"{many} restore {seconds[name] / seconds[many]:.2f} times the scans per hour of {name}")


if __name__ == "__main__":
    main()
