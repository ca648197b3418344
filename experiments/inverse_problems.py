# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Other inverse problems: restore with the operator swapped and nothing else, against what is made for each of them.

python -m experiments.inverse_problems DATASET

Slabs of eight slices of unseen brains, with Gaussian noise of 1 % of the peak; every method is given its level. Missing
slices are seen in coronal slabs, all else in axial ones. `restore` is our default, `amortised` and `plug_and_play` are
its two ways, `coordinates` fits the coordinate prior for 20 steps. Rivals have their free choices made by the truth.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from numpy.typing import NDArray

from experiments import inverse_rivals as rivals
from experiments.results import Results, asked, markdown
from monai_strainer import Grid, Prior, Volume, load_prior, read, restore
from monai_strainer.anatomy.foreground import foreground
from monai_strainer.cohorts.read import split_scans
from monai_strainer.metrics import psnr, ssim
from monai_strainer.physics import Blur, GaussianNoise, KSpaceLines, Mask, Operator, Separable, random_lines
from monai_strainer.reporting.figure import upright

NOISE = 0.01
SLICES = 8
WEIGHTS = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
SLOW = ("total_variation", "coordinates")
QUICK = ("given", "between_slices", "biharmonic", "wiener", "richardson_lucy", "restore", "amortised", "plug_and_play")
OURS = ("restore", "amortised", "plug_and_play", "coordinates")
PROBLEMS: dict[str, tuple[str, ...]] = {  # the rivals of each
    "every third slice missing": ("between_slices", "biharmonic", "total_variation"),
    "three slices of ten missing": ("between_slices", "biharmonic", "total_variation"),
    "a fifth in dropped blocks": ("biharmonic", "total_variation"),
    "half of the pixels": ("biharmonic", "total_variation"),
    "blur of 2 voxels": ("wiener", "richardson_lucy", "total_variation"),
    "blur of 3 voxels": ("wiener", "richardson_lucy", "total_variation"),
    "half of k-space lines": ("total_variation",),
    "a quarter of k-space lines": ("total_variation",),
}
Shape = tuple[int, ...]


def operator_of(problem: str, shape: Shape, seed: int) -> Operator:
    """Build the operator of a problem on a slice ``(H, W)``; missing slices are missing columns of a coronal one."""
    rng = np.random.default_rng(seed)
    kept = np.ones(shape, bool)
    if problem == "every third slice missing":
        kept[:, 1::3] = False
    elif problem == "three slices of ten missing":
        for k in (4, 5, 6):
            kept[:, k::10] = False
    elif problem == "a fifth in dropped blocks":
        blocks = rng.random((-(-shape[0] // 8), -(-shape[1] // 8))) < 0.2
        kept = ~np.kron(blocks, np.ones((8, 8), bool))[: shape[0], : shape[1]]
    elif problem == "half of the pixels":
        kept = rng.random(shape) < 0.5
    elif problem.startswith("blur"):
        return Blur(shape, float(problem.split()[2]))
    else:
        factor, centre = (2.0, 0.16) if problem.startswith("half") else (4.0, 0.08)
        return KSpaceLines(shape, 0, random_lines(shape[0], factor, centre, seed))
    return Mask(torch.from_numpy(kept))


@dataclass(frozen=True, eq=False)
class Slab:
    """A few clean slices, measured."""

    scan: Volume  # what is measured, (SLICES along its slice axis)
    truth: NDArray[np.float32]  # (S, H, W)
    mask: NDArray[np.bool_]
    operator: Operator
    sigma: float
    peak: float


def slab(path: Path, problem: str, seed: int) -> Slab:
    """Measure the middle of a head; its last in-plane axis runs from the feet up where slices are missing."""
    whole = read(path)
    axis = whole.grid.axis_of("coronal" if problem.endswith("missing") else "axial")
    head = foreground(whole.data)
    n = whole.grid.shape[axis]
    places = np.flatnonzero(head.any(tuple(k for k in range(3) if k != axis)))
    start = min(n - SLICES, int(places.mean()) - SLICES // 2)
    window: list[slice] = [slice(None)] * 3
    window[axis] = slice(start, start + SLICES)
    cut, affine = tuple(window), whole.grid.affine.copy()
    affine[:3, 3] += affine[:3, axis] * start
    data = np.ascontiguousarray(whole.data[cut])
    truth = np.ascontiguousarray(np.moveaxis(data, axis, 0))
    peak = float(np.percentile(whole.data[head], 99.9))
    operator, noise = operator_of(problem, truth.shape[1:], seed), GaussianNoise(NOISE * peak)
    seen = operator.A(noise.sample(torch.from_numpy(truth), torch.Generator().manual_seed(seed)))
    if isinstance(operator, Blur):
        seen = noise.sample(operator.A(torch.from_numpy(truth)), torch.Generator().manual_seed(seed))
    x, y, z = data.shape
    grid = Grid((x, y, z), affine)
    measured = Volume(np.ascontiguousarray(np.moveaxis(seen.numpy(), 0, axis)), grid, slice_axis=axis)
    mask = np.moveaxis(head[cut], axis, 0)
    return Slab(measured, truth, mask, operator, NOISE * peak, peak)


def ours(case: Slab, prior: Prior, method: str, steps: int, seed: int) -> NDArray[np.float32]:
    """``restore`` with the operator swapped."""
    out = restore(
        case.scan,
        prior,
        sigma=case.sigma,
        noise=GaussianNoise,
        operator=lambda fine, measured: case.operator,
        method="auto" if method == "restore" else method,
        steps=steps,
        seed=seed,
    )
    return out.volume.slices(case.scan.slice_axis)


def rival(case: Slab, method: str) -> NDArray[np.float32]:
    """Restore with a method made for the problem; ``given`` is what was measured, zeros where nothing was."""
    axis, operator = case.scan.slice_axis, case.operator
    y = case.scan.slices(axis) / np.float32(case.peak)
    truth = case.truth / np.float32(case.peak)
    choose = partial(rivals.best, truth=truth, mask=case.mask)
    if method == "given":
        x = y
    elif isinstance(operator, Mask) and method in ("between_slices", "biharmonic"):
        kept = operator.get_buffer("mask").numpy() > 0
        if method == "biharmonic":
            x = rivals.biharmonic(y, kept)
        else:
            x = rivals.between_slices(y.swapaxes(1, 2), kept.T).swapaxes(1, 2)
    elif method == "total_variation":
        x = choose(rivals.total_variation(operator, y, WEIGHTS))
    elif isinstance(operator, Separable) and method == "wiener":
        x = choose(rivals.wiener(operator, y, (0.003, 0.01, 0.03, 0.1, 0.3)))
    elif isinstance(operator, Separable) and method == "richardson_lucy":
        x = choose(rivals.richardson_lucy(operator, y, (3, 6, 12, 25)))
    else:
        raise ValueError(f"{method} is not made for this")
    return x * np.float32(case.peak)


def methods_of(problem: str, first: bool) -> tuple[str, ...]:
    """All methods that are tried; the slow one on the first scan alone."""
    mine = [m for m in OURS if m != "amortised" or problem.startswith("blur") or "k-space" in problem]
    return ("given", *PROBLEMS[problem], *(m for m in mine if first or m != "coordinates"))


def figure(results: Results, dataset: Path, seed: int) -> None:
    """Draw some problems: given, the best rival, ours, truth."""
    rows, prior = results.rows(), load_prior()
    some = [p for p in list(PROBLEMS)[::2] if any(row["problem"] == p for row in rows)]
    shown, axes = plt.subplots(len(some), 4, figsize=(9, 2.6 * len(some)), layout="constrained", squeeze=False)
    for line, problem in zip(axes, some):
        score = {m: _mean(rows, problem, m) or 0.0 for m in ("given", *PROBLEMS[problem])}
        name = max(score, key=lambda m: score[m])
        case = slab(split_scans(dataset)[1][0], problem, seed)
        axis, k = case.scan.slice_axis, len(case.truth) // 2
        images = [
            ("given", case.scan.slices(axis)),
            (name, rival(case, name)),
            ("restore", ours(case, prior, "restore", 0, seed)),
        ]
        for place, (title, image) in zip(line, [*images, ("truth", case.truth)]):
            place.imshow(upright(image[k], case.scan.grid, axis), cmap="gray", vmin=0, vmax=case.peak)
            place.set_xticks([])
            place.set_yticks([])
            caption = (
                ""
                if title == "truth"
                else f", {psnr(image[k], case.truth[k], data_range=case.peak, mask=case.mask[k]):.1f} dB"
            )
            place.set_title(f"{title.replace('_', ' ')}{caption}", fontsize=9)
        line[0].set_ylabel(problem, fontsize=9)
    shown.savefig(results.figure(), dpi=110)
    plt.close(shown)


def _mean(rows: list[dict[str, str]], problem: str, method: str) -> float | None:
    some = [float(row["psnr"]) for row in rows if row["problem"] == problem and row["method"] == method]
    return float(np.mean(some)) if some else None


def show(results: Results, dataset: Path | None, seed: int) -> None:
    """One line per problem; without a dataset the figure stays as it is."""
    rows = results.rows()
    shared = ("given", "between_slices", "biharmonic", "wiener", "richardson_lucy", "total_variation", *OURS)
    lines = [[problem, *(_mean(rows, problem, method) for method in shared)] for problem in PROBLEMS]
    if dataset is not None:
        figure(results, dataset, seed)
    results.show(
        markdown(["PSNR in the head, dB", *shared], [line for line in lines if any(line[1:])]), results.figure()
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Make the rows that are missing, then the table and the figure."""
    args, results = asked("inverse_problems", __doc__, ("problem", "method", "scan"), argv)
    if not args.show:
        prior = load_prior()
        few = ("every third slice missing", "a quarter of k-space lines")
        scans = list(enumerate(split_scans(args.dataset)[1][: 1 if args.tiny else 3]))
        for wanted in (QUICK,) if args.tiny else (QUICK, SLOW):
            for (number, path), problem in product(scans, few if args.tiny else PROBLEMS):
                names = [m for m in methods_of(problem, number == 0) if m in wanted]
                scan = path.parent.parent.name
                for row in results.missing({"problem": problem, "method": m, "scan": scan} for m in names):
                    case, method = slab(path, problem, args.seed), row["method"]
                    start = time.process_time()
                    make: Callable[[], NDArray[np.float32]] = partial(rival, case, method)
                    if method in OURS:
                        make = partial(ours, case, prior, method, 20, args.seed)
                    x = np.maximum(make(), 0)
                    row["seconds"] = (time.process_time() - start) / len(x)
                    row["psnr"] = psnr(x, case.truth, data_range=case.peak, mask=case.mask)
                    row["ssim"] = ssim(x, case.truth, data_range=case.peak, mask=case.mask)
                    results.add(row)
    show(results, args.dataset, args.seed)


if __name__ == "__main__":
    main()
