# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""How many scans, and how many slices of each, an encoder needs, and when it begins to overfit.

    python -m experiments.cohort_size DATASET --device cuda
    python -m experiments.cohort_size DATASET --side 44 --width 64 --pretraining 250,1000,4000 --steps 300 --rate 5e-4

Encoders are trained by the paper's recipe (a trained readout per image, full batch). With the encoder frozen, the best
readout is solved for slices that trained it and for slices of the split "val": where the first goes on rising and the
second falls, it overfits. The paper's fit and restorations from the same encoder follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np

from experiments.fits import TASKS, Fit, How, restored
from experiments.results import Results, asked, markdown
from experiments.slices import Slice, cohort_of, cut
from monai_strainer.anatomy.aligned_slices import AlignedSlices
from monai_strainer.cohorts.read import split_scans
from monai_strainer.networks import Siren
from monai_strainer.pretraining.encoder import PAPER, pretrain
from monai_strainer.pretraining.run import Run
from monai_strainer.priors.prior import Prior

KEY = ("side", "width", "scans", "slices", "pretraining", "task", "scan")
HEIGHTS = {1: (0.5,), 4: (0.44, 0.48, 0.52, 0.56)}
SCANS = (1, 2, 5, 10, 20)
SOLVED = ("head, trained on", "head, unseen")  # of readouts; the names of these tasks in the file of rows


def flat(cohort: AlignedSlices) -> AlignedSlices:
    """Every slice an image of its own on one level: ``(N, S, H, W)`` to ``(N S, 1, H, W)``."""
    n, s, h, w = cohort.images.shape
    axes = (cohort.axes[0][:1], cohort.axes[1], cohort.axes[2])
    return AlignedSlices(cohort.images.reshape(n * s, 1, h, w), axes, cohort.order)


def cases(args: Any, unseen: Sequence[str], seen: str) -> Iterator[dict[str, Any]]:
    """All sizes; the frozen encoder at every length of pretraining, fits and restorations after the longest."""
    lengths = [int(word) for word in args.pretraining.split(",")]
    for slices, scans, length in product(HEIGHTS, args.sizes, lengths):
        common = {"side": args.side, "width": args.width, "scans": scans, "slices": slices, "pretraining": length}
        yield {**common, "task": SOLVED[0], "scan": seen}
        yield from ({**common, "task": SOLVED[1], "scan": scan} for scan in unseen)
        if length == max(lengths):
            yield from ({**common, "task": task, "scan": scan} for task, scan in product(("fit", *TASKS), unseen))


def measure(case: dict[str, Any], encoder: Siren, fresh: Siren, target: Slice, args: Any) -> dict[str, Any]:
    """One row: a readout solved on the frozen encoder, a fit, or a restoration from a fresh readout as in the paper."""
    if case["task"] in SOLVED:
        return Fit(encoder, target, solved=True, device=args.device).scores()
    fresh.encoder.load_state_dict(encoder.encoder.state_dict())
    if case["task"] != "fit":
        how = How(rate=args.rate, device=args.device)
        return restored(fresh, target, case["task"], how, steps=args.steps, seed=args.seed)
    fit = Fit(fresh, target, rate=args.rate, device=args.device)
    fit.advance(args.steps)
    return fit.scores()


def page(results: Results) -> None:
    """Make a table of the longest pretraining, and draw curves of training and validation."""
    import matplotlib.pyplot as plt

    rows = results.rows()

    def mean(**wanted: Any) -> float | None:
        found = [float(r["psnr"]) for r in rows if all(r[name] == str(value) for name, value in wanted.items())]
        return float(np.mean(found)) if found else None

    sizes, lengths = (sorted({int(row[name]) for row in rows}) for name in ("scans", "pretraining"))
    columns, lines = (*SOLVED, "fit", *TASKS), []
    counts = sorted({int(row["slices"]) for row in rows})
    drawing, axes = plt.subplots(1, 1 + len(counts), figsize=(4.6 * (1 + len(counts)), 3.9), layout="constrained")
    for axis, slices in zip(axes, counts):
        for k, scans in enumerate(sizes):
            for style, task in zip(("--", "-"), SOLVED):
                curve = [mean(scans=scans, slices=slices, pretraining=n, task=task) for n in lengths]
                label = f"{scans} scan{'s' if scans > 1 else ''}" if style == "-" else None
                axis.plot(lengths, curve, style, marker=".", color=f"C{k}", label=label)
            common = [mean(scans=scans, slices=slices, pretraining=lengths[-1], task=task) for task in columns]
            lines.append([f"{scans} x {slices}", *common])
        axis.set(xlabel="steps of pretraining", ylabel="PSNR of the solved readout, dB", xticks=lengths)
        axis.set_title(f"{slices} slice{'s' if slices > 1 else ''} per scan; dashed: trained on", fontsize=9)
        axis.legend(fontsize=7, ncols=2)
    for slices in counts:
        for task, marker in zip(("fit", *TASKS), "osd"):
            curve = [mean(scans=n, slices=slices, pretraining=lengths[-1], task=task) for n in sizes]
            first = curve[0]
            gains = [None if v is None or first is None else v - first for v in curve]
            axes[-1].plot(sizes, gains, "-" if slices == 1 else "--", marker=marker, label=f"{task}, {slices} per scan")
    axes[-1].set(xscale="log", xlabel="scans", ylabel="gain over one scan, dB", xticks=sizes, xticklabels=sizes)
    axes[-1].minorticks_off()
    axes[-1].legend(fontsize=7)
    for axis in axes:
        axis.grid(alpha=0.3)
    drawing.savefig(results.figure(), dpi=110)
    plt.close(drawing)
    text = f"After {lengths[-1]:,} steps of pretraining, PSNR in dB:\n\n"
    titles = [column.replace("head", "readout") for column in columns]
    results.show(text + markdown(["scans x slices", *titles], lines), results.figure())


def main(argv: Sequence[str] | None = None) -> None:
    """Make the rows that are missing, then table and figure."""
    args, results = asked(
        "cohort_size",
        __doc__,
        KEY,
        argv,
        side={"type": int, "default": 178},
        width={"type": int, "default": 256},
        scans={"type": int, "default": 2, "help": "validation scans"},
        pretraining={"default": "500,2000,5000"},
        steps={"type": int, "default": 300},
        rate={"type": float, "default": 1e-4},
    )
    args.sizes = SCANS
    if not args.show:
        if args.tiny:
            args.side, args.width, args.scans, args.pretraining, args.steps, args.sizes = 8, 4, 1, "1,2", 1, (1, 2)
        train, validation = split_scans(args.dataset)
        fresh = Prior.cold(args.seed, spatial_dims=2, hidden_channels=args.width).network
        paths = {path.name.split(".")[0]: path for path in (*train[:1], *validation[: args.scans])}
        target = cache(lambda name: cut(paths[name], args.side))

        @cache
        def encoder(scans: int, slices: int, length: int) -> Siren:
            cohort = flat(cohort_of(train[:scans], args.side, heights=HEIGHTS[slices]))
            recipe = replace(PAPER, steps=length, rate=args.rate, images=None)
            return pretrain(cohort, recipe, network=fresh, run=Run(seed=args.seed, device=args.device)).cpu()

        seen, *unseen = paths
        for case in results.missing(cases(args, unseen, seen)):
            begin = encoder(case["scans"], case["slices"], case["pretraining"])
            results.add({**case, **measure(case, begin, deepcopy(fresh), target(case["scan"]), args)})
    page(results)


if __name__ == "__main__":
    main()
