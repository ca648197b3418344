# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Run the command line in this process, with small settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from monai_strainer import Grid, Volume
from monai_strainer.cli import main


def head(shape: tuple[int, int, int] = (20, 24, 10)) -> Volume:
    x, y, z = np.meshgrid(*(np.linspace(-1.2, 1.2, n) for n in shape), indexing="ij")
    data = np.where(x**2 + y**2 + z**2 < 1, 700 + 200 * np.cos(5 * x) * np.cos(4 * y), 0)
    return Volume(data, Grid(shape, np.diag([6.0, 6.0, 12.0, 1.0])))


def run(*words: object) -> int:
    return main([str(word) for word in words])


def restore(source: Path, target: Path, prior: Path, *more: object) -> int:
    return run("restore", source, target, "--prior", prior, "--steps", 1, "--quiet", "--device", "cpu", *more)


def pretrain(source: Path, target: Path, *more: object) -> int:
    small = ("--grid", "4,12,14", "--steps", 2, "--detail-steps", 0, "--quiet", "--device", "cpu")
    return run("pretrain", source, target, *small, *more)
