# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What a user waits for: start-up, a slice, a volume, a step of pretraining on ever larger cohorts."""

from __future__ import annotations

import itertools
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from timing import Row, row, seconds

from monai_strainer import Grid, Volume, load_prior, read, restore
from monai_strainer.anatomy.aligned_slices import AlignedSlices
from monai_strainer.fitting import solve_readouts
from monai_strainer.networks import Siren
from monai_strainer.physics import Profile
from monai_strainer.pretraining.aligned_points import CohortTiles
from monai_strainer.pretraining.encoder import COHORT, Recipe, pretrain
from monai_strainer.pretraining.run import Run

SHAPE = (176, 208)


def cohorts(sizes: tuple[int, ...] = (10, 100, 1000, 10000), steps: int = 8) -> list[Row]:
    """Time the default pretraining on more and more slices: steps per second, memory, fraction of time spent on data.

    The slices are one random image turned by the roll of its rows and columns; what they show does not matter here.
    """
    rows, draw = [], np.random.default_rng(0)
    level = draw.random((SHAPE[0], SHAPE[1]), np.float32).astype(np.float16)
    for size in sizes:
        scans = max(1, size // 10)
        images = np.memmap(
            Path(os.environ.get("TMPDIR", "/tmp")) / f"cohort{os.getpid()}.bin",
            np.float16,
            "w+",
            shape=(scans, min(size, 10), *SHAPE),
        )
        for k in range(size):
            images[k // 10, k % 10] = np.roll(level, (7 * k, 3 * k), (0, 1))
        axes = [np.linspace(-1, 1, n).astype(np.float32) for n in images.shape[1:]]
        cohort = AlignedSlices(images, (axes[0], axes[1], axes[2]))
        recipe = Recipe(steps=steps)
        marks: list[float] = []
        pretrain(
            cohort,
            recipe,
            network=Siren(),
            run=Run(on_step=lambda step, loss, marks=marks: marks.append(time.perf_counter())),
        )
        took = statistics.median(b - a for a, b in itertools.pairwise(marks))
        tiles = CohortTiles(cohort, 10**6)
        (waited,) = seconds(
            lambda tiles=tiles: [tiles[int(i)] for i in draw.integers(10**6, size=COHORT.tiles)], rounds=9
        )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        rows.append(
            row(
                f"default pretraining, {size:,} slices",
                1 / took,
                "steps/s",
                share_waiting_for_data=waited / took,
                peak_GiB=peak,
            )
        )
        Path(images.filename).unlink()  # type: ignore[arg-type]
    return rows


def startup() -> list[Row]:
    """Seconds of a fresh interpreter: torch alone, the package, the package with its first use, the command's help."""
    uses = "from monai_strainer import load_prior, read, restore"
    torch_alone, package, used, help_shown = seconds(
        *(
            lambda line=line: subprocess.run([sys.executable, *line], check=True, stdout=subprocess.DEVNULL)
            for line in (
                ["-c", "import torch"],
                ["-c", "import monai_strainer"],
                ["-c", uses],
                ["-m", "monai_strainer.cli", "--help"],
            )
        ),
        rounds=7,
    )
    return [
        row("import torch", torch_alone, "s"),
        row("import monai_strainer", package, "s", ratio_to_torch=package / torch_alone),
        row(uses, used, "s", ratio_to_torch=used / torch_alone),
        row("monai-strainer --help", help_shown, "s"),
    ]


def heads(scan: Path) -> list[Row]:
    """Time the readout solve of one slice, and all of ``restore`` of it, in a process that is warm."""
    prior, volume = load_prior(), read(scan)
    operator, coords = Profile()(SHAPE, SHAPE), torch.rand(1, 3, *SHAPE) * 2 - 1
    y, level = torch.rand(1, *SHAPE), volume.data.shape[2] // 2
    data = np.ascontiguousarray(volume.data[:, :, level : level + 1])
    alone = Volume(data, Grid((data.shape[0], data.shape[1], 1), volume.grid.affine), volume.source, 2)
    solved, placed, default, finer = seconds(
        lambda: solve_readouts(prior.network, coords, operator, y),
        lambda: restore(alone, prior, method="coordinates", steps=0),
        lambda: restore(alone, prior),
        lambda: restore(alone, prior, scale=2),
        rounds=5,
    )
    return [
        row("readout solve of a 176 x 208 slice", solved, "s"),
        row("restore() of a lone slice by its readout solve, placed by trial and kriged", placed, "s"),
        row("restore() of a lone slice, default", default, "s"),
        row("restore() of a lone slice, default, x2", finer, "s"),
    ]


def restores(scan: Path) -> list[Row]:
    """Time what a user waits for: the command, start to end, on a slice and on 160 slices; with its peak memory."""
    image = nib.load(scan)
    data = np.asanyarray(image.dataobj).squeeze()
    axis = 2
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for count in (1, 160):
            first = (data.shape[axis] - count) // 2
            part = data.take(range(first, first + count), axis).astype(np.float32)
            nib.save(nib.Nifti1Image(part, image.affine), Path(folder) / f"{count}.nii.gz")
            for name, more in (("default", []), ("readout solve", ["--method", "coordinates", "--steps", "0"])):
                for scale in (1, 2) if count == 1 else (1,):
                    output = Path(folder) / f"{count}_{name}_{scale}.nii.gz"
                    command = [
                        sys.executable,
                        "-m",
                        "monai_strainer.cli",
                        "restore",
                        f"{folder}/{count}.nii.gz",
                        str(output),
                    ]
                    start = time.perf_counter()
                    child = subprocess.Popen(
                        [*command, "--scale", str(scale), "--quiet", *more], stdout=subprocess.DEVNULL
                    )
                    _, status, usage = os.wait4(child.pid, 0)
                    took = time.perf_counter() - start
                    assert status == 0
                    what = f"restore, {name}, x{scale}, {' x '.join(map(str, part.shape))}"
                    rows.append(row(what, took, "s", peak_GiB=usage.ru_maxrss / 2**20))
    return rows
