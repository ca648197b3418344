# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Repeats and identity: do two scans of one person agree after restoration, and does every person stay that person?

python -m experiments.repeats DATASET

`same_person_as` in the table of participants names pairs of scans of one person. Every scan's slab of axial slices is
degraded on its own and restored on its own. The second visit is then carried to the first by a rigid motion that was
found once, on the clean whole scans (`experiments/rigid.py`).

- `general`: the general prior, which saw none of these scans.
- `default`: what `restore` does by itself, for scans of the split `val` alone: its prior was trained on the others.
- `tuned`: a prior of brains that saw none of the people who were scanned twice: the general prior, tuned to the other
  training scans as `pretrain_prior(..., start="general_strainer")` does it; its coordinate network, which `restore`
  does not use by itself, stays untrained.
- `trained`: the shipped prior of brains on people who were scanned twice. It was trained on both visits, so this is the
  worst case, and no measure of quality.
- `given`: the noisy slab; cubic interpolation at 2x.
- `ndsafir`: a denoiser that learned nothing, given the noise level: it shows what comes from less noise
  or less detail, and not from a prior. Left out where the package is not installed.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from experiments.denoisers import installed, ndsafir
from experiments.fine_tuning import GENERAL, Group, tuned
from experiments.repeats_compare import Slab, agreement, cut, details, distances, identities, paired, shared
from experiments.repeats_page import show
from experiments.results import Results, asked, weights_of
from monai_strainer import Prior, Volume, load_prior, read, restore
from monai_strainer.cohorts.read import split_scans
from monai_strainer.evaluation.baselines import cubic
from monai_strainer.physics import Profile, RicianNoise
from monai_strainer.pipelines.prior_recipe import TUNING
from monai_strainer.priors.shipped import bundle_path

TASKS = {"denoise3": (0.03, 1), "denoise9": (0.09, 1), "x2": (0.0, 2)}
SLICES = 24  # of a slab
DETAIL_ALONE = replace(TUNING, encoder=replace(TUNING.encoder, steps=0))
Image = NDArray[np.float32]


def pairs(dataset: Path, names: Sequence[str]) -> list[tuple[str, str]]:
    """Return first and second visit of every person who was scanned twice."""
    with (dataset / "participants.tsv").open(newline="") as stream:
        again = {row["participant_id"]: row.get("same_person_as") for row in csv.DictReader(stream, delimiter="\t")}
    return [(one, two) for two, one in again.items() if one in names and two in names]


def degraded(slab: Slab, task: str) -> tuple[Volume, float]:
    """Measure a slab as the task says; return it and the standard deviation of its noise."""
    share, factor = TASKS[task]
    axis, sigma = slab.volume.slice_axis, share * slab.bright
    shape = [n if k == axis else n // factor for k, n in enumerate(slab.volume.grid.shape)]
    y = Profile()(slab.volume.grid.shape, shape).A(torch.from_numpy(slab.volume.data))
    if sigma:
        y = RicianNoise(sigma).sample(y, torch.Generator().manual_seed(zlib.crc32(f"{slab.name} {task}".encode())))
    return Volume(y.numpy(), slab.volume.grid.resize(shape), slice_axis=axis), sigma


def methods(slab: Slab, task: str, compared: Sequence[str]) -> list[str]:
    """Return the methods that are judged on a scan; `compared` are the scans of people who were scanned twice."""
    found = ["given", "general"]
    if slab.split == "val":
        found.append("default")
    if slab.name in compared:
        found += ["tuned", "trained"]
    if TASKS[task][0] and (slab.split == "val" or slab.name in compared) and installed(("ndsafir",)):
        found.append("ndsafir")
    return found


def made(slab: Slab, task: str, method: str, priors: Mapping[str, Prior]) -> Image:
    """Degrade a slab and restore it by one method, on its own grid."""
    low, sigma = degraded(slab, task)
    axis, factor = low.slice_axis, TASKS[task][1]
    if method in priors:
        return restore(low, priors[method], factor).volume.data
    if method == "ndsafir":
        return np.moveaxis(ndsafir(low.slices(axis), sigma), 0, axis)
    slices = low.slices(axis)
    return low.data if factor == 1 else np.moveaxis(cubic(slices, [factor * n for n in slices.shape[1:]]), 0, axis)


@dataclass(frozen=True, eq=False)
class Study:
    """All that is compared.

    Args:
        results: the rows.
        slabs: of every scan.
        paths: of every scan, by its name.
        twice: names of first and second visit of everybody who was scanned twice.
        states: methods by name of the scan and task; scans that are not restored are not in it.
        priors: by method.
    """

    results: Results
    slabs: Sequence[Slab]
    paths: Mapping[str, Path]
    twice: Sequence[tuple[str, str]]
    states: Mapping[tuple[str, str], Sequence[str]]
    priors: Mapping[str, Prior]

    def image(self, slab: Slab, task: str, method: str) -> Image:
        """Return a slab restored from a task; it is kept in a folder that is not part of the repository."""
        if task == "clean":
            return slab.volume.data
        name = "_".join([slab.name, task, method, *self.weights(method).split()])
        file = self.results.home / "runs" / "repeats" / f"{name}.npy"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            np.save(file, made(slab, task, method, self.priors).astype(np.float32))
        return np.asarray(np.load(file), np.float32)

    def weights(self, method: str) -> str:
        """Name the weights of a method; those of others have none."""
        return weights_of(self.priors[method]) if method in self.priors else ""

    def same(self, a: int, b: int) -> bool:
        """Return whether two scans, by their place in the list, are of one person."""
        first = {two: one for one, two in self.twice}
        one, two = (first.get(self.slabs[k].name, self.slabs[k].name) for k in (a, b))
        return one == two


def priors_of(wanted: Sequence[str], others: list[Path], results: Results, args: Any) -> dict[str, Prior]:
    """Return the priors of the methods that are asked for; `others` are training scans of people scanned once."""
    shipped = load_prior()
    priors = {"general": load_prior(bundle_path(GENERAL)), "default": shipped, "trained": shipped}
    if "tuned" in wanted:
        group = Group("brains scanned once", GENERAL, others, [])
        priors["tuned"] = tuned(group, results.home, args.seed, args.tiny, DETAIL_ALONE)
    return priors


def compare_visits(study: Study) -> None:
    """Add the rows that compare two visits of one person."""
    by_name = {slab.name: slab for slab in study.slabs}
    for one, two in study.twice:
        both = {"kind": "visits", "scan": f"{one} {two}"}
        cases: list[dict[str, Any]] = [{**both, "task": "clean", "method": "clean"}]
        for (name, task), some in study.states.items():
            known = study.states.get((two, task), ())
            cases += [{**both, "task": task, "method": method} for method in some if name == one and method in known]
        pair = None
        for row in study.results.missing([{**case, "prior": study.weights(case["method"])} for case in cases]):
            if pair is None:
                whole = read(study.paths[one]), read(study.paths[two])
                pair = paired(by_name[one], by_name[two], whole)
            first, second = (study.image(slab, row["task"], row["method"]) for slab in pair.visits)
            study.results.add({**row, **agreement(pair, first, second)})


def compare_people(study: Study) -> None:
    """Add the rows that say which clean scan is nearest, and how far different people are from each other."""
    slabs, inside = study.slabs, shared(study.slabs)
    clean = details(slabs, [slab.volume.data for slab in slabs], inside)
    cases = [("clean", "clean"), *dict.fromkeys((task, m) for (_, task), some in study.states.items() for m in some)]
    for task, method in cases:
        weights = study.weights(method)
        some = [k for k, s in enumerate(slabs) if task == "clean" or method in study.states.get((s.name, task), ())]
        found = details([slabs[k] for k in some], [study.image(slabs[k], task, method) for k in some], inside)
        far, before = (distances(x, some, study.same) for x in (found, clean[some]))
        rows = [{"kind": "identity", **row} for row in identities(slabs, clean, dict(zip(some, found)), study.same)]
        if len(far):
            whole = {"kind": "people", "scan": f"{len(some)} scans", "distance": float(far.mean())}
            rows.append({**whole, "shrunk": float(100 * (1 - far.sum() / before.sum()))})
        for row in study.results.missing([{**row, "task": task, "method": method, "prior": weights} for row in rows]):
            study.results.add(row)


def main(argv: Sequence[str] | None = None) -> None:
    """Restore what is missing, compare visits and people, and show."""
    more = {
        "scans": {"type": int, "default": 11, "help": "to restore: of people scanned twice, then val, then train"},
        "tasks": {"default": ",".join(TASKS), "help": "with commas (default: all)"},
        "methods": {"default": "given,ndsafir,general,default,tuned,trained", "help": "with commas (default: all)"},
    }
    args, results = asked("repeats", __doc__, ("kind", "scan", "task", "method", "prior"), argv, **more)
    if args.show:
        show(results)
        return
    train, val = split_scans(args.dataset)
    paths = {path.parent.parent.name: path for path in (*train, *val)}
    depth = 8 if args.tiny else SLICES
    slabs = [cut(path, split, depth) for split, some in (("train", train), ("val", val)) for path in some]
    twice = pairs(args.dataset, list(paths))
    compared = [name for pair in twice for name in pair]
    slabs.sort(key=lambda slab: (slab.name not in compared, slab.split != "val"))
    tasks = ("x2",) if args.tiny else tuple(args.tasks.split(","))
    wanted = args.methods.split(",")
    states = {
        (slab.name, task): [method for method in methods(slab, task, compared) if method in wanted]
        for slab in slabs[: args.scans]
        for task in tasks
    }
    others = [path for path in train if path.parent.parent.name not in compared]
    study = Study(results, slabs, paths, twice, states, priors_of(wanted, others, results, args))
    compare_visits(study)
    compare_people(study)
    show(results)


if __name__ == "__main__":
    main()
