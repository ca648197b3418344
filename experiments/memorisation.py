# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Memorisation: does an encoder give back the scans that it was trained on?

python -m experiments.memorisation DATASET

Heads are solved on middle slices of scans that trained the encoder and of others, from all pixels and from a few: what
an encoder remembers, it completes. No pixel at all is the image of the mean head. Besides the shipped encoder, small
ones are trained on 5 and on 20 scans and stopped early or late.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from numpy.typing import NDArray

from experiments.results import Results, asked, markdown
from monai_strainer import Prior, Volume, load_prior, read, save_prior
from monai_strainer.cohorts.read import read_cohort, split_scans
from monai_strainer.evaluation.degraded_case import Case, degrade
from monai_strainer.fitting import readout_images, solve_readouts
from monai_strainer.fitting.readout import features_of
from monai_strainer.metrics import psnr
from monai_strainer.networks import Siren
from monai_strainer.pretraining.encoder import Recipe, pretrain
from monai_strainer.pretraining.run import Run
from monai_strainer.reporting.figure import upright

KEY = ("prior", "scan", "points")
POINTS = ("0", "64", "256", "1024", "4096", "all")
CHEAP = Recipe(tiles=2, points=1024, rate=2e-4)  # at the rate of larger tiles so few points diverge


def name_of(path: Path) -> str:
    """``sub-1000`` of its file."""
    return path.parent.parent.name


def encoder(name: str, train: list[Path], folder: Path, seed: int, small: bool) -> Prior:
    """Return the shipped prior, or one named ``<scans> scans, <steps> steps``: from its folder, or trained now."""
    if name == "shipped":
        return load_prior()
    scans, steps = (int(word.split()[0]) for word in name.split(", "))
    bundle = folder / f"{scans}_{steps}_{seed}"
    if (bundle / "models" / "prior.json").exists():
        return load_prior(bundle)
    cohort = read_cohort(train[:scans], shape=(6, 24, 24) if small else (24, 76, 100))
    network = Siren(hidden_channels=16, num_layers=3) if small else None
    recipe = replace(CHEAP, steps=steps)
    return save_prior(Prior(pretrain(cohort.slices, recipe, network=network, run=Run(seed=seed))), bundle)


def completed(prior: Prior, case: Case, points: str, seed: int) -> NDArray[np.float32]:
    """Return the image ``(H, W)`` of the head that is solved from that many random pixels of the truth."""
    siren, truth = prior.network, torch.from_numpy(case.truth)
    if points == "0":
        with torch.no_grad():
            mean = torch.cat([siren.readout.weight[0], siren.readout.bias])
            image = torch.einsum("c,chw->hw", mean, features_of(siren, case.coords[0]))
        return ((image + 1) / 2).numpy()
    kept = torch.ones(truth.shape[1:], dtype=torch.bool)
    if points != "all":
        inside = torch.from_numpy(case.mask[0]).flatten().nonzero()[:, 0]
        chosen = inside[torch.randperm(len(inside), generator=torch.Generator().manual_seed(seed))[: int(points)]]
        kept = torch.zeros(kept.numel(), dtype=torch.bool).index_fill(0, chosen, True).reshape(kept.shape)
    heads = solve_readouts(siren, case.coords, case.operator, 2 * truth - 1, kept)
    return ((readout_images(siren, case.coords, heads)[0][0] + 1) / 2).numpy()


def cases_of(dataset: Path, encoders: Sequence[str], few: bool) -> Iterator[dict[str, Any]]:
    """One case per encoder, scan and number of pixels."""
    train, val = split_scans(dataset)
    for name in encoders:
        judged = train + val if name == "shipped" and not few else train[:5] + train[-5:] + val
        trained = len(train) if name == "shipped" else int(name.split()[0])
        for path in dict.fromkeys(judged):
            for points in POINTS if name == "shipped" else ("0", "256", "all"):
                yield {"prior": name, "scan": name_of(path), "points": points, "trained": int(path in train[:trained])}


def means(rows: list[dict[str, str]], name: str, points: str) -> tuple[list[float], list[float]]:
    """PSNR of the scans that trained an encoder, and of the others."""
    some = [row for row in rows if row["prior"] == name and row["points"] == points]
    return (
        [float(row["psnr"]) for row in some if row["trained"] == "1"],
        [float(row["psnr"]) for row in some if row["trained"] == "0"],
    )


def area_under_roc(trained: list[float], others: list[float]) -> float:
    """Area under the ROC curve: how often a training scan scores above one that did not."""
    return float(np.mean([[(a > b) + 0.5 * (a == b) for b in others] for a in trained]))


def figure(results: Results, pictures: list[tuple[str, NDArray[Any]]]) -> Path:
    """Curves over pixels, gaps of the small encoders, and what is given back."""
    rows = results.rows()
    shown = plt.figure(figsize=(11, 6.2), layout="constrained")
    upper, lower = shown.subfigures(2, 1, height_ratios=[1, 0.9])
    left, right = upper.subplots(1, 2)
    place = np.arange(len(POINTS))
    pairs = [means(rows, "shipped", points) for points in POINTS]
    for k, (label, colour) in enumerate((("trained the encoder", "tab:red"), ("unseen", "tab:blue"))):
        values = [np.array(pair[k]) for pair in pairs]
        left.plot(place, [v.mean() for v in values], "o-", color=colour, label=label)
        left.fill_between(place, [v.min() for v in values], [v.max() for v in values], color=colour, alpha=0.15)
    left.set_xticks(place, POINTS)
    left.set_xlabel("pixels of the slice that are known")
    left.set_ylabel("PSNR in the head, dB")
    left.set_title("shipped encoder: mean and range over scans", fontsize=10)
    left.legend(frameon=False)
    names = [name for name in dict.fromkeys(row["prior"] for row in rows) if name != "shipped"]
    for k, points in enumerate(("256", "all")):
        gaps = [np.mean(a) - np.mean(b) for a, b in (means(rows, name, points) for name in names)]
        label = f"{points} pixels known" if points != "all" else "all pixels known"
        right.barh(np.arange(len(names)) + 0.2 - 0.4 * k, gaps, 0.38, label=label, color=f"C{k}")
    right.set_yticks(range(len(names)), names)
    right.invert_yaxis()
    right.set_xlabel("PSNR of training scans over unseen ones, dB")
    right.set_title("small encoders", fontsize=10, loc="left")
    right.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0, fontsize=8)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    for axes, (title, image) in zip(lower.subplots(1, len(pictures)), pictures):
        axes.imshow(image, cmap="gray", vmin=0, vmax=1)
        axes.set_title(title, fontsize=9)
        axes.axis("off")
    shown.savefig(results.figure(), dpi=130)
    plt.close(shown)
    return results.figure()


def show(results: Results, dataset: Path | None, seed: int) -> None:
    """Table and figure; without a dataset the figure stays as it is."""
    rows = results.rows()
    lines = []
    for name in dict.fromkeys(row["prior"] for row in rows):
        for points in dict.fromkeys(row["points"] for row in rows if row["prior"] == name):
            trained, others = means(rows, name, points)
            gap = float(np.mean(trained) - np.mean(others))
            lines.append(
                [name, points, float(np.mean(trained)), float(np.mean(others)), gap, area_under_roc(trained, others)]
            )
    if dataset is not None:
        prior, pictures = load_prior(), []
        train, val = split_scans(dataset)
        for path, word in ((train[0], "trained"), (val[0], "unseen")):
            scan = read(path)
            case = degrade(scan, prior, 1, 0.0, (0.5,))
            pictures.append((f"{word}: truth", _up(case.truth[0], scan)))
            for points in ("256", "all"):
                title = f"{word}: from {points} pixels"
                pictures.append((title, _up(completed(prior, case, points, seed), scan)))
        pictures.insert(3, ("the mean head", _up(completed(prior, case, "0", seed), scan)))
        figure(results, pictures)
    columns = ["encoder", "pixels known", "trained, dB", "unseen, dB", "gap, dB", "distinguished (AUC)"]
    results.show(markdown(columns, lines), results.figure())


def _up(image: NDArray[Any], scan: Volume) -> NDArray[Any]:
    return upright(image, scan.grid, scan.grid.axis_of("axial"))


def main(argv: Sequence[str] | None = None) -> None:
    """Make the rows that are missing, then the table and the figure."""
    args, results = asked("memorisation", __doc__, KEY, argv)
    if not args.show:
        small = (
            ("2 scans, 4 steps",)
            if args.tiny
            else tuple(f"{n} scans, {k} steps" for n in (5, 20) for k in (250, 1000, 2500))
        )
        train, val = split_scans(args.dataset)
        files = {name_of(path): path for path in train + val}
        folder, at = results.home / "runs" / "memorisation", None
        for row in results.missing(cases_of(args.dataset, ("shipped", *small), few=args.tiny)):
            if at != (row["prior"], row["scan"]):
                prior = encoder(row["prior"], train, folder, args.seed, args.tiny)
                case = degrade(read(files[row["scan"]]), prior, 1, 0.0, (0.5,))
                at = (row["prior"], row["scan"])
            image = completed(prior, case, row["points"], args.seed)
            results.add({**row, "psnr": psnr(image, case.truth[0], data_range=case.peak, mask=case.mask[0])})
    show(results, args.dataset, args.seed)


if __name__ == "__main__":
    main()
