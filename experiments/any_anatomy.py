# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Any anatomy: learn a coordinate prior from a few scans of one body part and see what it is worth on an unseen person.

python -m experiments.any_anatomy DATASET

The folder `varied` beside the dataset holds the scans. A coordinate prior is learned from the training scans of one
group, without a detail network. A scan of another person is averaged two by two in-plane, measured and restored by
`restore --method coordinates` with that prior (`own`), with the shipped prior of brains (`brains`) and with a network
that learned nothing (`fresh`); `default` is `restore` with the shipped priors and no options but the noise level.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from numpy.typing import NDArray

from experiments.results import Results, asked, markdown
from monai_strainer import Prior, Volume, load_prior, read, restore
from monai_strainer.anatomy.foreground import foreground
from monai_strainer.cohorts.read import split_scans
from monai_strainer.evaluation.baselines import cubic
from monai_strainer.evaluation.benchmark import initial_network
from monai_strainer.metrics import psnr
from monai_strainer.physics import Profile, RicianNoise
from monai_strainer.pipelines.pretrain_prior import PriorRecipe, pretrain_prior
from monai_strainer.pretraining.detail import DETAIL
from monai_strainer.pretraining.encoder import COHORT

GROUPS = {
    "neck": (
        ("sct_sub01_GRE_MToff", "sct_single_mt0", "sct_single_mt1", "sct_T2_MS", "sct_errsm30_T2star"),
        "sct_sub03_GRE_MToff",
    ),
    "head, FLAIR": (
        ("ljubljana_ms01_FLAIR", "ljubljana_ms03_FLAIR", "ljubljana_ms04_FLAIR", "ljubljana_ms09_FLAIR", "cr_FLAIR3D"),
        "ljubljana_ms12_FLAIR",
    ),
}
TASKS = {"denoise5": 1, "x2": 2}
METHODS = ("given", "fresh", "brains", "own", "default")
BOX = Profile()


def cohorts(dataset: Path, few: bool) -> dict[str, tuple[list[Path], Path]]:
    """Return the training scans and the unseen scan of every group."""
    if few:
        train, val = split_scans(dataset)
        return {"brain": (train[:2], val[0])}
    varied = dataset.parent / "varied"
    return {
        group: ([varied / f"{name}.nii.gz" for name in names], varied / f"{unseen}.nii.gz")
        for group, (names, unseen) in GROUPS.items()
    }


def own_prior(scans: Sequence[Path], steps: int, grid: tuple[int, int, int]) -> Prior:
    """Pretrain a coordinate prior on some scans."""
    recipe = PriorRecipe(encoder=replace(COHORT, steps=steps), detail=replace(DETAIL, steps=0), grid=grid)
    with tempfile.TemporaryDirectory() as folder:
        cohort = Path(folder) / "cohort"
        cohort.mkdir()
        for k, scan in enumerate(scans):
            shutil.copy(scan, cohort / f"scan{k}.nii.gz")
        return pretrain_prior(cohort, Path(folder) / "bundle", recipe)


def halved(scan: Volume) -> Volume:
    """Average the scan two by two in-plane; its sides become multiples of 4."""
    even = [n if k == scan.slice_axis else n // 8 * 8 for k, n in enumerate(scan.grid.shape)]
    data = np.maximum(scan.data[tuple(slice(n) for n in even)], 0)
    small = [n if k == scan.slice_axis else n // 2 for k, n in enumerate(even)]
    mean = BOX(even, small).A(torch.from_numpy(np.ascontiguousarray(data))).numpy()
    return Volume(mean, scan.grid.resize(small), slice_axis=scan.slice_axis)


def measured(truth: Volume, task: str) -> tuple[Volume, float]:
    """Measure a scan as the task does; return it and the noise level."""
    if task == "x2":
        shape = [n if k == truth.slice_axis else n // 2 for k, n in enumerate(truth.grid.shape)]
        low = BOX(truth.grid.shape, shape).A(torch.from_numpy(truth.data)).numpy()
        return Volume(low, truth.grid.resize(shape), slice_axis=truth.slice_axis), 0.0
    sigma = 0.05 * float(np.percentile(truth.data[foreground(truth.data)], 99))
    noisy = RicianNoise(sigma).sample(torch.from_numpy(truth.data), torch.Generator().manual_seed(0)).numpy()
    return Volume(noisy, truth.grid, slice_axis=truth.slice_axis), sigma


def score(image: NDArray[np.float32], truth: Volume) -> float:
    """PSNR in dB in the object; the peak is the 99.9th percentile there."""
    inside = foreground(truth.data)
    peak = float(np.percentile(truth.data[inside], 99.9))
    planes = (np.moveaxis(one, truth.slice_axis, 0) for one in (image, truth.data, inside))
    x, y, mask = planes
    return float(psnr(x, y, data_range=peak, mask=mask))


def restored(method: str, low: Volume, factor: int, sigma: float, prior: Prior, steps: int) -> NDArray[np.float32]:
    """Restore a measured scan with one method; `given` is the scan, or its cubic interpolation."""
    if method == "given":
        if factor == 1:
            return low.data
        slices = low.slices(low.slice_axis)
        return np.moveaxis(cubic(slices, [factor * n for n in slices.shape[1:]]), 0, low.slice_axis)
    known: dict[str, Any] = {"sigma": sigma} if factor == 1 else {"operator": BOX}
    if method != "default":
        known |= {"method": "coordinates", "steps": steps}
    return restore(low, prior, factor, **known).volume.data


def show(results: Results) -> None:
    """PSNR per group, task and method, and the gain over a network that learned nothing."""
    rows = {(row["group"], row["task"], row["method"]): float(row["psnr"]) for row in results.rows()}
    cases = list(dict.fromkeys(key[:2] for key in rows))
    lines = [[f"{group}, {task}", *(rows.get((group, task, method)) for method in METHODS)] for group, task in cases]
    shown, axes = plt.subplots(figsize=(7, 0.8 + 0.6 * len(cases)), layout="constrained")
    for k, method in enumerate(("brains", "own")):
        gains = [rows.get((*case, method), 0.0) - rows.get((*case, "fresh"), 0.0) for case in cases]
        axes.barh(np.arange(len(cases)) + 0.2 - 0.4 * k, gains, 0.38, label=f"coordinate prior: {method}")
    axes.set_yticks(np.arange(len(cases)), [", ".join(case) for case in cases])
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel("dB over a network that learned nothing")
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    shown.savefig(results.figure(), dpi=130)
    plt.close(shown)
    results.show(markdown(["group, task", *METHODS], lines), results.figure())


def main(argv: Sequence[str] | None = None) -> None:
    """Make the rows that are missing, then the table and the figure."""
    args, results = asked("any_anatomy", __doc__, ("group", "task", "method"), argv)
    if args.show:
        show(results)
        return
    steps, learning, grid = (1, 2, (8, 24, 24)) if args.tiny else (15, 1500, (24, 128, 128))
    shipped = load_prior()
    for group, (scans, unseen) in cohorts(args.dataset, args.tiny).items():
        truth, own = halved(read(unseen)), None
        for row in results.missing([{"group": group, "task": t, "method": m} for t in TASKS for m in METHODS]):
            method, task = row["method"], row["task"]
            prior = shipped
            if method == "own":
                prior = own = own or own_prior(scans, learning, grid)
            elif method == "fresh":
                prior = replace(shipped, network=initial_network("cold", shipped.network))
            low, sigma = measured(truth, task)
            results.add({**row, "psnr": score(restored(method, low, TASKS[task], sigma, prior, steps), truth)})
    show(results)


if __name__ == "__main__":
    main()
