# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""How many layers to share, and how many to freeze, by anatomical plane and by task.

    python -m experiments.layers DATASET --device cuda
    python -m experiments.layers DATASET --side 44 --width 64 --images 4 --pretraining 400 --steps 300 --rate 5e-4

Sharing: networks of 4 to 8 layers share their first K = 1 .. L - 1 while ten scans train them, private layers included;
an unseen slice gets the shared layers and the rest drawn again. Freezing: with all layers but the last shared, and the
readout solved, the first 0 .. L - 1 layers are kept as they are; "auto" keeps those up to the layer of the highest
stable rank. Slices of the split "val" are compared after the same number of steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import torch

from experiments.fits import TASKS, Fit, How, restored
from experiments.results import Results, asked, markdown
from experiments.slices import Slice, cohort_of, cut
from monai_strainer.anatomy.aligned_slices import AlignedSlices
from monai_strainer.cohorts.read import split_scans
from monai_strainer.networks import Siren, StrainerNet
from monai_strainer.pretraining.aligned_points import CohortTiles

KEY = ("side", "width", "plane", "scan", "layers", "shared", "freeze", "task")
LAYERS, DEFAULT = range(4, 9), 6
PLANES = ("axial", "coronal", "sagittal")


def shared_by(
    cohort: AlignedSlices, width: int, layers: int, shared: int, steps: int, rate: float, seed: int, device: str
) -> Siren:
    """Return a network whose first layers were trained on a cohort and whose others are fresh. Full batch, Adam."""
    tile = CohortTiles(cohort, 1, None, None, seed, 0)[0]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = StrainerNet(2, 1, width, layers, shared, len(cohort.images)).to(device)
        coords, values = (
            tile["image"][None, :2].to(device),
            tile["label"][None].to(device),
        )  # (1, 2, P, 1), (1, N, P, 1)
        optimiser = torch.optim.Adam(net.parameters(), rate)
        for _ in range(steps):
            optimiser.zero_grad()
            (net(coords) - values).square().mean((0, 2, 3)).sum().backward()
            optimiser.step()
        return net.siren()


def cases(args: Any, scans: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Sharing for all depths in the axial plane and for the default one in the others; then freezing."""
    for plane in args.planes.split(","):
        setting = {"side": args.side, "width": args.width, "plane": plane}
        pairs = [
            (n, k) for n in map(int, args.layers.split(",")) for k in range(1, n) if plane == "axial" or n == DEFAULT
        ]
        frozen = [(DEFAULT, DEFAULT - 1, freeze) for freeze in (*range(DEFAULT), "auto")]
        for layers, shared, freeze in [*((n, k, "random head") for n, k in pairs), *frozen]:
            case = {**setting, "layers": layers, "shared": shared, "freeze": freeze}
            yield from ({**case, "scan": scan, "task": task} for scan, task in product(scans, ("fit", *TASKS)))


def measure(case: dict[str, Any], start: Siren, target: Slice, args: Any) -> dict[str, Any]:
    """One row: sharing is measured as in the paper, freezing as ``restore`` works."""
    is_paper = case["freeze"] == "random head"
    optimiser, freeze = ("adam", None) if is_paper else ("muon", case["freeze"])
    more: dict[str, Any] = {"rate": args.rate, "solved": not is_paper, "freeze": freeze, "device": args.device}
    if case["task"] != "fit":
        how = How(optimiser, **more)
        return restored(start, target, case["task"], how, steps=args.steps, seed=args.seed)
    fit = Fit(start, target, optimiser, schedule=args.steps, **more)
    fit.advance(args.steps)
    return {**fit.scores(), "frozen": fit.frozen}


def page(results: Results) -> None:
    """Tables of both sweeps, and a figure."""
    import matplotlib.pyplot as plt

    rows = results.rows()
    tasks = ("fit", *TASKS)

    def mean(plane: str, layers: Any, shared: Any, freeze: Any, task: str) -> tuple[float, float] | None:
        wanted = (plane, str(layers), str(shared), str(freeze), task)
        found = [
            float(r["psnr"])
            for r in rows
            if tuple(r[k] for k in ("plane", "layers", "shared", "freeze", "task")) == wanted
        ]
        return (float(np.mean(found)), float(np.std(found))) if found else None

    lines, setting = [], []
    drawing, axes = plt.subplots(2, len(tasks), figsize=(4.2 * len(tasks), 7), layout="constrained")
    for column, task in enumerate(tasks):
        for k, (plane, layers) in enumerate([*(("axial", n) for n in LAYERS), *((p, DEFAULT) for p in PLANES[1:])]):
            colour = f"C{k}"
            line = {k: v for k in range(1, layers) if (v := mean(plane, layers, k, "random head", task))}
            if line:
                style = "-" if plane == "axial" else "--"
                axes[0, column].plot(
                    list(line),
                    [v[0] for v in line.values()],
                    style,
                    marker=".",
                    label=f"{plane}, L = {layers}",
                    color=colour,
                )
                best = max(line, key=lambda k: line[k][0])
                lines.append(
                    [
                        f"{task}, {plane}",
                        layers,
                        best,
                        *(line[k][0] if k in line else None for k in range(1, max(LAYERS))),
                    ]
                )
        for plane in PLANES:
            line = {k: v for k in range(DEFAULT) if (v := mean(plane, DEFAULT, DEFAULT - 1, k, task))}
            auto = mean(plane, DEFAULT, DEFAULT - 1, "auto", task)
            if line and auto:
                drawn = axes[1, column].plot(list(line), [v[0] for v in line.values()], marker=".", label=plane)[0]
                depth = next(
                    int(r["frozen"]) for r in rows if (r["plane"], r["freeze"], r["task"]) == (plane, "auto", "fit")
                )
                axes[1, column].plot(depth, auto[0], "*", ms=12, color=drawn.get_color())
                best = max(line, key=lambda k: line[k][0])
                setting.append(
                    [
                        f"{task}, {plane}",
                        best,
                        line[best][0],
                        depth,
                        auto[0],
                        line[0][0],
                        *(v[0] for v in list(line.values())[1:]),
                    ]
                )
        axes[0, column].set(title=task, xlabel="layers shared, K", ylabel="PSNR, dB")
        axes[1, column].set(xlabel="layers frozen (star: auto)", ylabel="PSNR, dB")
        for axis in axes[:, column]:
            axis.grid(alpha=0.3)
    known, named = axes[0, 0].get_legend_handles_labels()
    drawing.legend(known, named, fontsize=8, ncols=len(named), loc="outside upper center")
    axes[1, 0].legend(fontsize=7)
    drawing.savefig(results.figure(), dpi=110)
    plt.close(drawing)
    sharing = markdown(["task, plane", "L", "best K", *(f"K = {k}" for k in range(1, max(LAYERS)))], lines)
    freezing = markdown(
        ["task, plane", "best depth", "there", "auto", "there", *(f"{k} frozen" for k in range(DEFAULT))], setting
    )
    results.show(f"Sharing, PSNR in dB:\n\n{sharing}\n\nFreezing, PSNR in dB:\n\n{freezing}", results.figure())


def main(argv: Sequence[str] | None = None) -> None:
    """Make the rows that are missing, then tables and figure."""
    args, results = asked(
        "layers",
        __doc__,
        KEY,
        argv,
        side={"type": int, "default": 178},
        width={"type": int, "default": 256},
        images={"type": int, "default": 10, "help": "scans to learn from"},
        layers={"default": ",".join(map(str, LAYERS))},
        planes={"default": ",".join(PLANES)},
        scans={"type": int, "default": 2, "help": "validation scans"},
        pretraining={"type": int, "default": 5000},
        steps={"type": int, "default": 300},
        rate={"type": float, "default": 1e-4},
    )
    if not args.show:
        if args.tiny:
            args.side, args.width, args.images, args.scans, args.pretraining, args.steps = 8, 4, 2, 1, 1, 1
            args.layers, args.planes = str(DEFAULT), "axial"
        train, validation = split_scans(args.dataset)

        @cache
        def start(plane: str, layers: int, shared: int) -> Siren:
            cohort = cohort_of(train[: args.images], args.side, plane)  # type: ignore[arg-type]
            return shared_by(cohort, args.width, layers, shared, args.pretraining, args.rate, args.seed, args.device)

        @cache
        def target(plane: str, k: int) -> Slice:
            return cut(validation[k], args.side, plane)  # type: ignore[arg-type]

        names = [target("axial", k).name for k in range(min(args.scans, len(validation)))]
        for case in results.missing(cases(args, names)):
            begin = start(case["plane"], case["layers"], case["shared"])
            results.add({**case, **measure(case, begin, target(case["plane"], names.index(case["scan"])), args)})
    page(results)


if __name__ == "__main__":
    main()
