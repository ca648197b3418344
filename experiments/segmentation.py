# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Segmentation and volumes: is the tissue of a restored brain the tissue of the clean scan?

python -m experiments.segmentation DATASET

Validation brains and, where the folder `dicom/structural` is beside the dataset, a whole head, whose brain is found by
its brightness and form. 8 axial slices 65 mm below the top of the brain are measured with Rician noise of 3 and 9 % of
the brain's 99.9th percentile, with in-plane voxels twice as large, or with slices of 5 mm; every method restores them,
and every segmenter of `tissue_segmenters` compares the result with the clean scan, in the clean scan's brain. BM4D and
ND-SAFIR are given the noise level; `ours` and ANTs estimate it. Rows of packages that are not installed (antspyx, bm4d,
ndsafir, dipy, scikit-learn) are left out. Restored slabs stay in `runs/segmentation`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from experiments.results import Results, asked, weights_of
from experiments.segmentation_methods import TASKS, Brain, available, brain_of, measured, restored
from experiments.segmentation_table import show
from experiments.tissue_segmenters import SEGMENTERS, Labels, boundaries, figures, misfit
from monai_strainer import Prior, load_prior, read
from monai_strainer.cohorts.read import split_scans

Image = NDArray[np.float32]


def brains(dataset: Path, few: bool) -> Iterator[tuple[str, Brain]]:
    """Yield the validation brains and the whole head, each with its mask."""
    for path in split_scans(dataset)[1][: 1 if few else None]:
        yield path.parent.parent.name, brain_of(read(path), stripped=True)
    head = dataset.parent / "dicom" / "structural"
    if head.is_dir() and not few:
        yield "structural", brain_of(read(head), stripped=False)


def kept(file: Path, make: Callable[[], Image]) -> Image:
    """Read an array, or make and write it: another segmenter need not wait for a restoration."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, make().astype(np.float32))
    made: Image = np.load(file)
    return made


def cases(name: str, segmenters: Sequence[str], tasks: Sequence[str], weights: str) -> Iterator[dict[str, str]]:
    """Yield the rows of one brain; Atropos with forced updates answers one question, and is slow."""
    for task in tasks:
        for method in available(task):
            prior = weights if method.startswith("ours") else ""
            for one in segmenters:
                if one != "atropos_forced" or (task, method) == ("denoise9", "ours"):
                    yield {"scan": name, "task": task, "method": method, "segmenter": one, "prior": prior}


def compare(results: Results, brain: Brain, prior: Prior, wanted: Iterable[dict[str, str]]) -> None:
    """Make the rows of one brain that are missing."""
    clean, mask = np.maximum(brain.scan.data[brain.cut()], 0), brain.mask[brain.cut()]
    box = tuple(slice(int(i.min()), int(i.max()) + 1) for i in np.nonzero(mask))
    clean, mask = clean[box], mask[box]
    references: dict[str, Labels] = {}
    for row in results.missing(wanted):
        task, method, segmenter = row["task"], row["method"], SEGMENTERS[row["segmenter"]]
        name = "_".join([row["scan"], task, method, *row["prior"].split()])
        file = results.home / "runs" / "segmentation" / f"{name}.npy"
        image = kept(file, lambda task=task, method=method: restored(method, measured(brain, task), prior))[box]
        reference = references.get(row["segmenter"])
        if reference is None:
            reference = references[row["segmenter"]] = segmenter(clean, mask, clean)
        labels = segmenter(image, mask, clean)
        moved = boundaries(labels, image, reference, clean)
        results.add({**row, **figures(labels, reference), **moved, "error": misfit(image, clean, reference)})


def main(argv: Sequence[str] | None = None) -> None:
    """Make the rows that are missing, then the tables and the figure."""
    more = {
        "segmenters": {"default": ",".join(SEGMENTERS), "help": "with commas (default: all that are installed)"},
        "tasks": {"default": ",".join(TASKS), "help": "with commas (default: all)"},
        "scans": {"type": int, "default": None, "help": "the first so many, the whole head last (default: all)"},
    }
    args, results = asked("segmentation", __doc__, ("scan", "task", "method", "segmenter", "prior"), argv, **more)
    if not args.show:
        prior, tasks = load_prior(), "denoise9,x2" if args.tiny else args.tasks
        for name, brain in islice(brains(args.dataset, args.tiny), args.scans):
            compare(results, brain, prior, cases(name, args.segmenters.split(","), tasks.split(","), weights_of(prior)))
    show(results)


if __name__ == "__main__":
    main()
