# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The restoration benchmark: clean heads are measured by known physics, and every method restores the same data.

python benchmarks/restoration.py DATASET --out benchmarks/restoration.csv [--methods ours,detail] [--tasks x2,denoise3]

Head, heights, scores and simple methods are those of ``monai_strainer.evaluation``; here are more tasks: volumes, thick
slices, other profiles. Rows are added as they are made; what a file holds already is not made again. Slices: 7 heights
of the head, axial. A method that looks at neighbours gets two on either side. Volumes: 24 axial slices around the
middle for noise, the whole head for thick slices. Scores are taken in the head's mask, the peak is the 99.9th
percentile within it, and every method but `ours` is given the noise level. The head is located and scaled by the clean
scan, for all methods alike. `siren` and `strainer` are the paper's fits, from a fresh network and from the cohort's
encoder with a fresh readout, each stopped at the step that is best by the truth; they are slow, and restore the middle
height alone. `restore` is the function of that name with its defaults, as a user calls it: it chooses the prior and
reads noise and profile itself; it restores the middle height as well.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import rivals
import torch
from numpy.typing import NDArray

from monai_strainer import Grid, Prior, RicianNoise, Volume, load_prior, read, restore
from monai_strainer.anatomy.head_frame import Pose
from monai_strainer.cohorts.read import split_scans
from monai_strainer.evaluation.benchmark import initial_network
from monai_strainer.evaluation.degraded_case import clean_head
from monai_strainer.evaluation.scores import scores_of
from monai_strainer.fitting import CoordinateFeatures, amortise, plug_and_play
from monai_strainer.physics import Identity, Measurement, Profile, Separable
from monai_strainer.restoring.pass_context import PassContext
from monai_strainer.restoring.plan import plan_passes
from monai_strainer.restoring.slicewise import detail_pass
from monai_strainer.storage.atomic import stem

LEVELS = (0.25, 0.33, 0.42, 0.5, 0.58, 0.67, 0.75)
CLEAN = 0.003  # noise of a good scan, as a fraction of the peak
BOX = Profile()
FITS = ("siren", "strainer")
MIDDLE = (*FITS, "restore")  # methods that restore the middle height alone
THICK = 24  # slices of a volume that is denoised


@dataclass(frozen=True)
class Task:
    """What is done to a head: factor, profile, noise over the peak; to slices, a slab, or the slice axis."""

    factor: float = 1.0
    profile: Profile = BOX
    noise: float = CLEAN
    kind: str = "slices"


TASKS: dict[str, Task] = {
    **{f"denoise{p}": Task(noise=p / 100) for p in (3, 5, 9, 1, 7)},
    **{f"denoise{p}_volume": Task(noise=p / 100, kind="slab") for p in (3, 5, 9)},
    **{f"x{f:g}": Task(f) for f in (2.0, 4.0, 3.0, 1.5)},
    **{f"x{f:g}_kspace": Task(f, Profile("kspace")) for f in (2.0, 4.0, 3.0, 1.5)},
    "x2_noise3": Task(2.0, noise=0.03),
    "thick5": Task(5.0, kind="thick"),
    "thick3": Task(3.0, kind="thick"),
    "thick4|1": Task(5.0, Profile("gaussian", 0.8), kind="thick"),
}
COLUMNS = (
    "task",
    "method",
    "scan",
    "seed",
    "level",
    "psnr_mask",
    "psnr_image",
    "ssim_mask",
    "coverage90",
    "deciles",
    "seconds",
)


SLICEWISE = ("truth", "mask", "data", "scored", "coords", "grids", "levels")  # fields with an entry per height


@dataclass(frozen=True, eq=False)
class Case:
    """One head, measured: the truth of what is scored, the data, and what is known of them."""

    truth: NDArray[np.float32]  # (S, H, W)
    mask: NDArray[np.bool_]
    data: list[NDArray[np.float32]]  # stacks (s, h, w); each holds the slices that are scored at `scored`
    scored: list[slice]
    coords: list[Callable[[slice], torch.Tensor]]  # head coordinates of the slices of each stack
    operator: Separable
    sigma: float
    peak: float
    grids: list[Grid]  # of the stacks, as they were measured
    axis: int  # of the slices
    whole: tuple[Volume, Pose] | None = None  # the measured slab or head, where all planes may be passed
    levels: tuple[float, ...] = LEVELS  # of the slices

    def middle(self) -> Case:
        """Return the middle height alone."""
        k = slice(len(self.data) // 2, len(self.data) // 2 + 1)
        cut = {name: getattr(self, name)[k] for name in SLICEWISE}
        return replace(self, **cut)


def measure(scan: Volume, prior: Prior, task: Task, seed: int, alignment: Any = None) -> Case:
    """Measure a head once, with seeded noise; ``alignment`` is that of its coordinates."""
    found = clean_head(scan, prior.percentile)
    head, pose, unit, peak = found.mask, replace(found.pose, alignment=alignment), found.unit, found.peak
    axis = scan.grid.axis_of("axial")
    noise, generator = RicianNoise(task.noise * peak), torch.Generator().manual_seed(seed)
    if task.kind == "thick":
        n = scan.grid.shape[axis] // 15 * 15  # so that factors are whole
        some = tuple(slice(0, n) if k == axis else slice(None) for k in range(3))
        truth, mask = np.ascontiguousarray(scan.data[some]) / np.float32(unit), head[some]
        fine = truth.shape
        measured = tuple(round(m / task.factor) if k == axis else m for k, m in enumerate(fine))
        operator = task.profile(fine, measured)
        y = noise.sample(operator.A(torch.from_numpy(truth)), generator).numpy()
        grid = Grid((fine[0], fine[1], fine[2]), scan.grid.affine)
        low = Volume(y, grid.resize(measured), slice_axis=axis)
        cut = pose.within(scan.grid.shape, some)
        order = (axis, *(k for k in range(3) if k != axis))
        slices = np.ascontiguousarray(truth.transpose(order))
        sigma = float(noise.sigma)
        return Case(slices, mask.transpose(order), [y], [], [], operator, sigma, peak, [low.grid], axis, (low, cut))
    centres = found.indices(axis, LEVELS, margin=2)
    if task.kind == "slab":
        centres, reach, shown = [centres[3]], THICK // 2, slice(0, THICK)
    else:
        reach, shown = 2, slice(2, 3)
    stacks = [(c - reach, c + reach + (task.kind != "slab")) for c in centres]
    h, w = (m // 12 * 12 for k, m in enumerate(scan.grid.shape) if k != axis)
    clean = scan.slices(axis)[:, :h, :w] / np.float32(unit)
    fine = (h, w)
    operator = Identity(fine) if task.factor == 1 else task.profile(fine, tuple(round(m / task.factor) for m in fine))
    data = [
        noise.sample(operator.A(torch.from_numpy(np.ascontiguousarray(clean[a:b]))), generator).numpy()
        for a, b in stacks
    ]

    def coords_from(start: int) -> Callable[[slice], torch.Tensor]:
        def coords_of(some: slice) -> torch.Tensor:
            here = slice(start + some.start, start + some.stop)
            return torch.from_numpy(pose.coordinates(scan.grid.shape, axis, here)[:, :3, :h, :w])

        return coords_of

    masks = np.moveaxis(head, axis, 0)[:, :h, :w]
    truth = np.concatenate([clean[a:b][shown] for a, b in stacks])
    mask = np.concatenate([masks[a:b][shown] for a, b in stacks])
    grids = [
        _grid_of(scan.grid, axis, stack, (h, w)).resize(_with(y.shape[1:], axis, len(y)))
        for stack, y in zip(stacks, data)
    ]
    whole = None
    if task.kind == "slab":
        (a, b), cut = stacks[0], [slice(0, h), slice(0, w)]
        cut.insert(axis, slice(a, b))
        slab = Volume(np.ascontiguousarray(np.moveaxis(data[0], 0, axis)), grids[0], slice_axis=axis)
        whole = (slab, pose.within(scan.grid.shape, cut))
    return Case(
        truth,
        mask,
        data,
        [shown] * len(data),
        [coords_from(a) for a, _ in stacks],
        operator,
        float(noise.sigma),
        peak,
        grids,
        axis,
        whole,
    )


def _with(plane: tuple[int, ...], axis: int, count: int) -> tuple[int, int, int]:
    """Shape of a volume of ``count`` slices."""
    shape = [*plane[:axis], count, *plane[axis:]]
    return shape[0], shape[1], shape[2]


def _grid_of(whole: Grid, axis: int, some: tuple[int, int], plane: tuple[int, int]) -> Grid:
    """Grid of the slices from one index to another, cut to the first rows and columns."""
    affine = whole.affine.copy()
    affine[:3, 3] += affine[:3, axis] * some[0]
    return Grid(_with(plane, axis, some[1] - some[0]), affine)


Result = tuple[NDArray[np.float32], NDArray[np.float32] | None]


def networks(case: Case, prior: Prior, method: str, task: Task) -> Result:
    """Ours (blind), ours given the noise level, the detail prior alone, without neighbours, plug-and-play."""
    if prior.detail is None:
        raise SystemExit("the prior has no detail prior")
    alone = method.startswith("detail")
    if case.whole is not None:
        low, pose = case.whole
        axis = low.slice_axis
        sigma = float(RicianNoise.estimate(torch.from_numpy(low.slices(axis))).sigma)
        context = PassContext(prior, pose, 1.0, RicianNoise, task.profile)
        step = tuple(task.factor if k == axis else 1.0 for k in range(3))
        level = sigma if method == "ours" else case.sigma
        way = "plug_and_play" if method == "plug_and_play" else "amortised"
        ((planes, step),) = plan_passes(low, step)
        result = detail_pass(low, planes, step, level, context, way, with_features=not alone, data_step=not alone)
        order = (axis, *(k for k in range(3) if k != axis))
        return result.volume.data.transpose(order), result.std.transpose(order)
    estimate = RicianNoise.estimate(torch.from_numpy(np.concatenate(case.data)))
    noise = estimate if method in ("ours", "ours_single") else RicianNoise(case.sigma)
    images, stds = [], []
    for y, scored, coords_of in zip(case.data, case.scored, case.coords):
        features = None if alone else CoordinateFeatures(prior.network, coords_of)
        stack = torch.from_numpy(y)
        if method == "plug_and_play":
            here = scored.start

            def shifted(some: slice, here: int = here, coords_of: Any = coords_of) -> Any:
                return coords_of(slice(here + some.start, here + some.stop))

            features = CoordinateFeatures(prior.network, shifted)
            found = plug_and_play(prior.detail, Measurement(case.operator, stack[scored], noise), features=features)
            images.append(found.images)
            stds.append(found.std)
            continue
        near = 0.0 if method.endswith("single") else 1.0
        found = amortise(
            prior.detail,
            Measurement(case.operator, stack, noise),
            spacing_ratio=near,
            data_step=not alone,
            only=scored,
            features=features,
        )
        images.append(found.images)
        stds.append(found.std)
    return torch.cat(images).clamp_min(0).numpy(), torch.cat(stds).numpy()


def restored(case: Case, prior: Prior, task: Task) -> Result:
    """Call `restore` with its defaults, on the stack of the only height, the slab or the head."""
    axis, y = case.axis, case.data[0]
    if task.kind != "thick":
        y = np.ascontiguousarray(np.moveaxis(y, 0, axis))
    scan = Volume(y, case.grids[0], slice_axis=axis)
    is_enlarged = [(k == axis) == (task.kind == "thick") for k in range(3)]
    out = restore(scan, prior, scale=[task.factor if enlarged else 1.0 for enlarged in is_enlarged])
    shown = case.scored[0] if case.scored else slice(None)
    return np.moveaxis(out.volume.data, axis, 0)[shown], np.moveaxis(out.std, axis, 0)[shown]


def fitted(case: Case, prior: Prior, method: str) -> Result:
    """Run the paper's fit, from a fresh network or from the cohort's encoder with a fresh readout."""
    siren = initial_network("strainer_paper" if method == "strainer" else method, prior.network)
    coords = torch.cat([coords_of(scored) for coords_of, scored in zip(case.coords, case.scored)])
    y = np.concatenate([stack[scored] for stack, scored in zip(case.data, case.scored)])
    return rivals.network_at_its_best(siren, coords, case.operator, y, case.sigma, case.truth, case.mask), None


def run(method: str, case: Case, prior: Prior, task: Task) -> Result | None:
    """Run a method; return its images, or None where it does not apply."""
    if method == "restore":
        return restored(case, prior, task)
    if method.startswith(("ours", "detail", "plug")):
        return networks(case, prior, method, task)
    if method in FITS:
        return fitted(case, prior, method) if task.kind == "slices" else None
    is_noise = case.operator.is_identity
    if case.whole is not None and not is_noise:  # one axis is thick: what interpolates does so along it
        low, _ = case.whole
        axis = low.slice_axis
        if method not in ("cubic", "back_projection", "sinc"):
            return None
        other = next(k for k in range(3) if k != axis)
        order = (other, *(k for k in range(3) if k != other))
        fine = tuple(np.transpose(np.empty(case.operator.shape_in, bool), order).shape[1:])
        y = np.ascontiguousarray(low.data.transpose(order))
        x = rivals.interpolations(task.profile(fine, y.shape[1:]), y)[method]()
        back = np.transpose(x, np.argsort(order))
        return np.ascontiguousarray(back.transpose((axis, *(k for k in range(3) if k != axis)))), None
    y = np.concatenate([stack[scored] for stack, scored in zip(case.data, case.scored)])
    if method in ("cubic", "back_projection", "sinc"):
        return None if is_noise else (rivals.interpolations(case.operator, y)[method](), None)
    if method == "total_variation":
        return rivals.total_variation(case.operator, y, case.sigma, case.truth, case.mask), None
    if not is_noise:
        return None
    is_slab = task.kind == "slab"
    if method == "input":
        return y, None
    if method == "bm3d" and not is_slab:
        return rivals.bm3d(y, case.sigma), None
    if method == "bm4d" and is_slab:
        return rivals.bm4d(y, case.sigma), None
    if method == "non_local_means":
        stacks = [y] if is_slab else [image[None] for image in y]
        return np.concatenate([rivals.non_local_means(stack, case.sigma) for stack in stacks]), None
    return None


def scored_rows(
    x: NDArray[np.float32], std: NDArray[np.float32] | None, case: Case, task: Task
) -> list[dict[str, Any]]:
    """One row per height, or one for a volume."""
    x = np.maximum(x, 0)
    parts = [slice(k, k + 1) for k in range(len(x))] if task.kind == "slices" else [slice(None)]
    rows = []
    for k, part in enumerate(parts):
        a, t, m = x[part], case.truth[part], case.mask[part]
        row: dict[str, Any] = {"level": case.levels[k] if task.kind == "slices" else ""}
        row |= scores_of(a, t, m, case.peak, None if std is None else std[part])
        if std is not None:
            edges = np.quantile(t[m], np.linspace(0, 1, 11))
            tenth = np.clip(np.searchsorted(edges, t[m], side="right") - 1, 0, 9)
            inside = np.abs(a - t)[m] <= 1.645 * std[part][m]
            row["deciles"] = " ".join(f"{inside[tenth == d].mean():.3f}" for d in range(10))
        rows.append(row)
    return rows


def main() -> None:
    """Make the rows that are missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--prior", type=Path, default=None)
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--methods", default="ours,ours_told,ours_single,detail,detail_single,plug_and_play")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scans", type=int, default=None)
    args = parser.parse_args()
    prior = load_prior(args.prior)
    done = set()
    if args.out.exists():
        with args.out.open(newline="") as handle:
            done = {(row["task"], row["method"], row["scan"], row["seed"]) for row in csv.DictReader(handle)}
    else:
        args.out.write_text(",".join(COLUMNS) + "\n")
    scans = split_scans(args.dataset)[1][: args.scans]
    for name in args.tasks.split(","):
        for path in scans:
            scan = read(path)
            for seed in range(args.seeds if TASKS[name].kind == "slices" else 1):
                wanted = [m for m in args.methods.split(",") if (name, m, stem(path.name), str(seed)) not in done]
                if not wanted:
                    continue
                case = measure(scan, prior, TASKS[name], seed)
                for method in wanted:
                    some = case.middle() if method in MIDDLE and TASKS[name].kind == "slices" else case
                    start = time.perf_counter()
                    result = run(method, some, prior, TASKS[name])
                    if result is None:
                        continue
                    seconds = (time.perf_counter() - start) / len(some.truth)
                    rows = scored_rows(*result, some, TASKS[name])
                    with args.out.open("a", newline="") as handle:
                        table = csv.DictWriter(handle, COLUMNS)
                        head = {"task": name, "method": method, "scan": stem(path.name), "seed": seed}
                        table.writerows([{**head, "seconds": round(seconds, 4), **row} for row in rows])


if __name__ == "__main__":
    main()
