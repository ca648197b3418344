# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Observer model: is a faint lesion of 4 mm found as well after restoration as before?

python -m experiments.observer DATASET

Dark and bright balls of 4 mm and low contrast are put at random, separate places of even tissue into slabs of
validation brains and, where the folder `varied` is beside the dataset, of a scan after contrast medium that is no scan
of the cohort. Every slab is measured with and without them, with independent noise, and both are restored. A
channelised Hotelling observer (`experiments/hotelling.py`) looks at a patch around every place and decides whether
there is a lesion; it is trained on all slabs but one and judged on that one, in turn.

All methods but `given`, `ants` and `ours` are given the noise level.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from experiments.denoisers import denoised, installed
from experiments.hotelling import Seen, channels, judged, patches, seen_by
from experiments.lesion_shapes import profile
from experiments.observer_page import show
from experiments.results import Results, asked, weights_of
from monai_strainer import Prior, Volume, load_prior, read, restore
from monai_strainer.anatomy.foreground import foreground
from monai_strainer.cohorts.read import split_scans
from monai_strainer.evaluation.baselines import cubic
from monai_strainer.physics import Profile, RicianNoise

SIZE, GAP, EACH, SLICES = "4 mm", 12.0, 34, 12
TASKS = {"denoise3": (0.03, 1), "denoise5": (0.05, 1), "denoise9": (0.09, 1), "x2": (0.03, 2)}
CONTRAST = {"denoise3": 0.05, "denoise5": 0.06, "denoise9": 0.08, "x2": 0.08}  # so that the input's AUC is 0.75 to 0.9
METHODS = {1: ("given", "ants", "ndsafir", "bm4d", "ours", "ours, keep_lesions"), 2: ("given", "ours")}
VARIED = ("mrgd_T1Gd",)
EVEN = 50.0  # percentile of the local standard deviation below which tissue is even
Image = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Slab:
    """Some slices, and the places where lesions are put.

    Args:
        name: of the scan.
        volume: the slices, without lesions.
        lesion: the slices' lesions, of contrast 1: 1 in a bright one, -1 in a dark one.
        places: ``(n, 3)`` voxels in the middle of each.
        signs: ``(n,)`` 1 or -1.
        bright: 99th percentile of the slices; contrast and noise are relative to it.
    """

    name: str
    volume: Volume
    lesion: Image
    places: NDArray[np.int64]
    signs: NDArray[np.int64]
    bright: float


def slabs(dataset: Path, tiny: bool, seed: int) -> Iterator[Slab]:
    """Yield the middle slices of every scan with their places."""
    paths = [(path.parent.parent.name, path) for path in split_scans(dataset)[1]]
    varied = [(name, dataset.parent / "varied" / f"{name}.nii.gz") for name in VARIED]
    for name, path in [*paths, *((n, p) for n, p in varied if p.exists() and not tiny)]:
        scan = read(path)
        axis, middle = scan.slice_axis, scan.grid.shape[scan.slice_axis] // 2
        cut = [slice(n // 4 * 4) for n in scan.grid.shape]
        cut[axis] = slice(middle - SLICES // 2, middle + SLICES // 2)
        data = np.ascontiguousarray(np.maximum(scan.data[tuple(cut)], 0))
        yield placed(name, Volume(data, replace(scan.grid, shape=data.shape), slice_axis=axis), seed)


def placed(name: str, volume: Volume, seed: int) -> Slab:
    """Draw places of even tissue, apart from one another and from the edge of the object, half of them dark."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    spacing, data = volume.grid.spacing, volume.data
    head = foreground(data)
    window = [max(1, 2 * round(4 / s) + 1) for s in spacing]
    mean, square = (ndimage.uniform_filter(x.astype(np.float64), window) for x in (data, data.astype(np.float64) ** 2))
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    deep = head & (ndimage.distance_transform_edt(head, spacing) > 6)
    shape = profile(SIZE, spacing, volume.slice_axis)
    reach = [n // 2 for n in shape.shape]
    inner = tuple(slice(r, n - r) for r, n in zip(reach, data.shape))
    free = np.zeros_like(deep)
    free[inner] = (deep & (spread <= np.percentile(spread[deep], EVEN)))[inner]
    lesion, places = np.zeros_like(data), []
    index = np.indices(data.shape).reshape(3, -1).T.reshape(*data.shape, 3)
    while free.any() and len(places) < EACH:
        some = np.argwhere(free)
        place = some[rng.integers(len(some))]
        part = tuple(slice(p - r, p + r + 1) for p, r in zip(place, reach))
        lesion[part] = shape * (-1) ** len(places)
        free &= np.linalg.norm((index - place) * spacing, axis=-1) >= GAP
        places.append(place)
    signs = np.array([(-1) ** k for k in range(len(places))])
    return Slab(name, volume, lesion, np.array(places).reshape(-1, 3), signs, float(np.percentile(data, 99)))


def measured(slab: Slab, task: str, with_lesions: bool) -> tuple[Volume, float]:
    """Measure a slab as the task says; return it and the standard deviation of its noise."""
    fraction, factor = TASKS[task]
    axis, sigma, shape = slab.volume.slice_axis, fraction * slab.bright, slab.volume.grid.shape
    height = CONTRAST[task] * slab.bright if with_lesions else 0.0
    data = np.maximum(slab.volume.data + np.float32(height) * slab.lesion, 0)
    low = [n if k == axis else n // factor for k, n in enumerate(shape)]
    generator = torch.Generator().manual_seed(zlib.crc32(f"{slab.name} {task} {with_lesions}".encode()))
    y = RicianNoise(sigma).sample(Profile()(shape, low).A(torch.from_numpy(data)), generator)
    return Volume(y.numpy(), slab.volume.grid.resize(low), slice_axis=axis), sigma


def restored(slab: Slab, task: str, method: str, with_lesions: bool, prior: Prior) -> Image:
    """Measure a slab and restore it by one method, on its own grid."""
    low, sigma = measured(slab, task, with_lesions)
    axis, factor = low.slice_axis, TASKS[task][1]
    if method.startswith("ours"):
        return restore(low, prior, factor, keep_lesions="keep_lesions" in method).volume.data
    slices = low.slices(axis)
    if method == "given":
        return low.data if factor == 1 else np.moveaxis(cubic(slices, [factor * n for n in slices.shape[1:]]), 0, axis)
    return np.moveaxis(denoised(method, slices, sigma), 0, axis)


def looked_at(results: Results, slab: Slab, task: str, method: str, prior: Prior) -> Seen:
    """Return what the observer sees at every place; patches are kept in a folder that is not part of the repository."""
    weights = "_" + weights_of(prior).replace(" ", "_") if method.startswith("ours") else ""
    name = f"{slab.name}_{task}_{method.replace(', ', '_')}_{CONTRAST[task]}{weights}.npz"
    file = results.home / "runs" / "observer" / name
    axis = slab.volume.slice_axis
    across = [float(s) for k, s in enumerate(slab.volume.grid.spacing) if k != axis]
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        made = [restored(slab, task, method, there, prior) / slab.bright for there in (True, False)]
        there, absent = (patches(x, slab.places, axis, across) for x in made)
        np.savez(file, there=there, absent=absent)
    found, shapes = np.load(file), channels(across)
    return Seen(seen_by(shapes, found["there"]), seen_by(shapes, found["absent"]), slab.signs)


def main(argv: Sequence[str] | None = None) -> None:
    """Restore what is missing, judge, and show."""
    chosen = {"nargs": "+", "default": None, "choices": METHODS[1], "help": "of all methods, these alone"}
    some_tasks = {"nargs": "+", "default": None, "choices": tuple(TASKS), "help": "of all tasks, these alone"}
    options = {"methods": chosen, "tasks": some_tasks}
    args, results = asked("observer", __doc__, ("slabs", "task", "method", "prior"), argv, **options)
    if args.show:
        show(results)
        return
    prior = load_prior()
    some = list(slabs(args.dataset, args.tiny, args.seed))
    for task in ("x2",) if args.tiny else args.tasks or TASKS:
        known = set(args.methods or METHODS[1]) - ({"ants", "ndsafir", "bm4d"} - set(installed()))
        methods = [m for m in METHODS[TASKS[task][1]] if m in known]
        weights = {m: weights_of(prior) if m.startswith("ours") else "" for m in methods}
        cases = [{"slabs": len(some), "task": task, "method": m, "prior": weights[m]} for m in methods]
        for row in results.missing(cases):
            seen, before = ([looked_at(results, s, task, m, prior) for s in some] for m in (row["method"], "given"))
            results.add({**row, "contrast": CONTRAST[task], **judged(seen, before, args.seed)})
    show(results)


if __name__ == "__main__":
    main()
