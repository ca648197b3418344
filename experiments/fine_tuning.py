# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Fine-tuning: tune a prior to a few scans of one site and see what it is worth on an unseen person.

python -m experiments.fine_tuning DATASET

The folder `varied` beside the dataset holds the scans; only its training scans train. `pretrain_prior(start=...)` tunes
the start to the scans of a group, a fifth of them held out. A few slices of a scan of another person are measured and
restored by `restore` without the tuned prior (`before`: the start, with the shipped priors beside it where the start is
the shipped one) and with it (`tuned`). The general prior has seen the training scans of FLAIR heads, necks and the
prostate before, so these gains are those of specialisation alone; it has seen none of the brains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from experiments.results import Results, asked, markdown
from monai_strainer import Prior, Volume, load_prior, read, restore
from monai_strainer.anatomy.foreground import foreground
from monai_strainer.cohorts.read import split_scans
from monai_strainer.cohorts.selection import Choice
from monai_strainer.geometry import Grid
from monai_strainer.metrics import psnr
from monai_strainer.physics import Profile, RicianNoise
from monai_strainer.pipelines.prior_recipe import TUNING, PriorRecipe
from monai_strainer.pretraining.run import Run
from monai_strainer.priors.shipped import bundle_path

GENERAL, SHIPPED = "general_strainer", "mri_strainer"
LJUBLJANA = [f"ljubljana_ms0{k}_FLAIR" for k in (1, 3, 4, 9)]
VARIED = {
    "heads, FLAIR, one site": (LJUBLJANA, ["ljubljana_ms12_FLAIR"]),
    "heads, FLAIR": (
        [*LJUBLJANA, "fernando_T2", "cr_FLAIR3D"],
        ["ljubljana_ms12_FLAIR", "uber_FLAIR"],
    ),
    "necks": (
        ["sct_sub01_GRE_MToff", "sct_single_mt0", "sct_single_mt1", "sct_T2_MS", "sct_errsm30_T2star"],
        ["sct_sub03_GRE_MToff"],
    ),
    "prostates": (
        ["prostatex0000_T2_sag", "prostatex0000_T2_tra", "prostatex0000_T2_cor"],
        ["prostatex0001_T2_tra", "prostatex0001_T2_sag"],
    ),
}
TASKS = {"denoise3": 1, "x2": 2}
PRIORS = ("before", "tuned")
SLICES = 4
BOX = Profile()


@dataclass(frozen=True)
class Group:
    """Scans to tune to, unseen scans, and the bundle that tuning starts from."""

    name: str
    start: str
    train: list[Path]
    unseen: list[Path]


def groups(dataset: Path, is_tiny: bool) -> list[Group]:
    """Return the groups, those without which the table says least last."""
    train, val = split_scans(dataset)
    if is_tiny:
        return [Group("brains", GENERAL, train[:3], val[:1])]
    varied = dataset.parent / "varied"
    found = [Group("brains", GENERAL, train[:10], val[:2])]
    for start in (GENERAL, SHIPPED):
        for name, parts in VARIED.items():
            ours, others = ([varied / f"{scan}.nii.gz" for scan in part] for part in parts)
            found.append(Group(name, start, ours, others))
    return found


def tuned(group: Group, home: Path, seed: int, is_tiny: bool, recipe: PriorRecipe = TUNING) -> Prior:
    """Tune the start to the group; a run that was broken off goes on, one that is done is read."""
    from monai_strainer.pipelines.pretrain_prior import pretrain_prior

    if is_tiny:
        small = replace(TUNING.detail, steps=2, groups=1, patches=1, side=16)
        recipe = PriorRecipe(encoder=replace(TUNING.encoder, steps=2, points=64), detail=small, grid=(6, 16, 16))
    out = home / "runs" / "tuned" / f"{group.start}_{group.name.replace(', ', '_')}"
    choice = Choice(group.train, [], [], None, "the experiment")
    return pretrain_prior(choice, out, recipe, run=Run(seed=seed, resume=True), start=group.start)


def slab(scan: Volume) -> Volume:
    """Return the middle slices of a scan; sides in the plane become even."""
    axis = scan.slice_axis
    cut = [slice(0, n // 2 * 2) for n in scan.grid.shape]
    first = scan.grid.shape[axis] // 2 - SLICES // 2
    cut[axis] = slice(first, first + SLICES)
    affine = scan.grid.affine.copy()
    affine[:3, 3] += affine[:3, axis] * first
    data = np.ascontiguousarray(np.maximum(scan.data[tuple(cut)], 0))
    return Volume(data, Grid((data.shape[0], data.shape[1], data.shape[2]), affine), slice_axis=axis)


def gain(truth: Volume, task: str, prior: Prior) -> float:
    """PSNR in dB in the object; the peak is the 99.9th percentile there."""
    inside, axis = foreground(truth.data), truth.slice_axis
    if task == "x2":
        shape = [n if k == axis else n // 2 for k, n in enumerate(truth.grid.shape)]
        low = Volume(
            BOX(truth.grid.shape, shape).A(torch.from_numpy(truth.data)).numpy(),
            truth.grid.resize(shape),
            slice_axis=axis,
        )
        found = restore(low, prior, 2, operator=BOX).volume.data
    else:
        sigma = 0.03 * float(np.percentile(truth.data[inside], 99))
        noisy = RicianNoise(sigma).sample(torch.from_numpy(truth.data), torch.Generator().manual_seed(0)).numpy()
        found = restore(Volume(noisy, truth.grid, slice_axis=axis), prior, 1, sigma=sigma).volume.data
    x, y, mask = (np.moveaxis(one, axis, 0) for one in (found, truth.data, inside))
    return float(psnr(x, y, data_range=float(np.percentile(truth.data[inside], 99.9)), mask=mask))


def show(results: Results) -> None:
    """Mean PSNR per group, start and task, before and after, and the gain on the scans held out."""
    rows = results.rows()
    cases = list(dict.fromkeys((row["group"], row["start"], row["task"]) for row in rows))
    lines, gains = [], []
    for case in cases:
        some = [row for row in rows if (row["group"], row["start"], row["task"]) == case]
        means = [float(np.mean([float(r["psnr"]) for r in some if r["prior"] == p] or [0.0])) for p in PRIORS]
        gains.append(means[1] - means[0])
        scans = len({row["scan"] for row in some})
        lines.append([", ".join(case), scans, *means, f"{gains[-1]:+.2f}", f"{float(some[-1]['held_out_gain']):+.2f}"])
    shown, axes = plt.subplots(figsize=(7, 0.8 + 0.4 * len(cases)), layout="constrained")
    axes.barh(np.arange(len(cases)), gains, 0.6)
    axes.set_yticks(np.arange(len(cases)), [", ".join(case) for case in cases])
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel("dB of the tuned prior over restoring without it")
    axes.spines[["top", "right"]].set_visible(False)
    shown.savefig(results.figure(), dpi=130)
    plt.close(shown)
    columns = ["group, start, task", "unseen scans", *PRIORS, "gain", "gain held out"]
    results.show(markdown(columns, lines), results.figure())


def main(argv: Sequence[str] | None = None) -> None:
    """Make the rows that are missing, then the table and the figure."""
    own = {"first": {"type": int, "default": None, "help": "only so many groups"}}
    args, results = asked("fine_tuning", __doc__, ("group", "start", "scan", "task", "prior"), argv, **own)
    if args.show:
        show(results)
        return
    for group in groups(args.dataset, args.tiny)[: args.first]:
        names = [path.name.split(".")[0] for path in group.unseen]
        cases = [
            {"group": group.name, "start": group.start, "scan": name, "task": task, "prior": prior}
            for name in names
            for task in TASKS
            for prior in PRIORS
        ]
        for row in results.missing(cases):
            made = tuned(group, results.home, args.seed, args.tiny)
            before = (
                load_prior() if group.start == SHIPPED or group.name != "brains" else load_prior(bundle_path(GENERAL))
            )
            truth = slab(read(group.unseen[names.index(row["scan"])]))
            value = gain(truth, row["task"], made if row["prior"] == "tuned" else before)
            held = made.record["gain"]["detail"]["decibels"]
            results.add({**row, "psnr": value, "held_out_gain": held, "step": made.record["gain"]["detail"]["step"]})
    show(results)


if __name__ == "__main__":
    main()
