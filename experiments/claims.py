# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The paper's claims on MRI: how fast and how far each start fits a clean slice, and what it is worth on degraded data.

    python -m experiments.claims DATASET --device cuda              # the paper's protocol, all widths
    python -m experiments.claims DATASET --side 88 --widths 128     # half the size, as many weights per pixel

Slices of the split "val" are fitted; starts are learned from the middle slices of ten scans of the split "train" by the
paper's recipe (Adam at 1e-4, 5,000 full-batch steps, a trained readout per image). What is trained and half-fitted lies
in runs/claims, so that a run goes on where it was cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import torch

from experiments.claims_page import page
from experiments.fits import TASKS, Fit, How, restored
from experiments.noise_cohort import noise_slices
from experiments.results import Results, asked
from experiments.slices import Slice, cohort_of, cut
from monai_strainer.cohorts.read import split_scans
from monai_strainer.networks import Siren
from monai_strainer.pretraining.encoder import META, PAPER, pretrain
from monai_strainer.pretraining.run import Run
from monai_strainer.priors.prior import Prior
from monai_strainer.priors.shipped import bundle_path
from monai_strainer.priors.store import load_prior

KEY = ("side", "width", "scan", "method", "optimiser", "schedule", "task", "step")
MILESTONES = (0, 25, 50, 100, 300, 500, 1000, 2000)
METHODS = (
    "siren",
    "siren_tuned",
    "strainer_10",
    "strainer_10_tuned",
    "strainer_10_solved",
    "noise_uniform",
    "noise_spectrum",
    "strainer_1",
    "one_scan",
    "meta",
    "noise_uniform_solved",
    "shipped_solved",
    "shipped_noise_solved",
)
NOISE = Path(__file__).resolve().parent / "noise_strainer"
SHIPPED = {"shipped_solved": bundle_path(), "shipped_noise_solved": NOISE}  # of one width, in the head
SOURCES = {  # what a start is learned from, and how
    "strainer_10": ("cohort", 10),
    "strainer_10_solved": ("cohort", 10),
    "strainer_10_tuned": ("cohort", 10),
    "strainer_1": ("cohort", 1),
    "one_scan": ("cohort", 1),
    "meta": ("meta", 10),
    "noise_uniform": ("uniform", 10),
    "noise_uniform_solved": ("uniform", 10),
    "noise_spectrum": ("spectrum", 10),
}


@dataclass(frozen=True)
class Setting:
    """One size of the protocol.

    Args:
        train: scans to learn from.
        side, width: of slices and networks.
        pretraining, steps, inverse, search: numbers of steps.
        seed, device: as everywhere.
        store: folder of what is trained and half-fitted.
        omegas, rates: grid of the search for the tuned SIREN.
        searched: where that search is written.
    """

    train: tuple[Path, ...]
    side: int
    width: int
    pretraining: int
    steps: int
    inverse: int
    search: int
    seed: int
    device: str
    store: Path
    omegas: tuple[float, ...]
    rates: tuple[float, ...]
    searched: Results = field(compare=False)

    def file(self, *words: Any) -> Path:
        """Return the path of a file of the store."""
        return self.store / f"{self.side}_{self.width}_{self.pretraining}" / ("_".join(map(str, words)) + ".pt")

    def cold(self, omega: float = 30.0) -> Siren:
        """Build a fresh network of two coordinates."""
        return Prior.cold(self.seed, spatial_dims=2, hidden_channels=self.width, omega=omega).network


@cache
def learned(source: str, images: int, setting: Setting, omega: float = 30.0, rate: float = 1e-4) -> Siren:
    """Return the network that a pretraining leaves: encoder and readout (the cohort's mean, or the start's own)."""
    file, siren = setting.file(source, images, omega, rate), setting.cold(omega)
    if file.exists():
        siren.load_state_dict(torch.load(file, weights_only=True))
        return siren.eval()
    file.parent.mkdir(parents=True, exist_ok=True)
    kept = file.with_suffix(".checkpoint")
    run = Run(setting.seed, setting.device, kept, resume=True)
    paper = replace(PAPER, steps=setting.pretraining, rate=rate)
    if source in ("uniform", "spectrum"):
        exponent = 0.0 if source == "uniform" else 1.0
        slices = noise_slices(images, (1, setting.side, setting.side), exponent, setting.seed)
        trained = pretrain(slices, paper, network=siren, run=run)
    else:
        slices = cohort_of(setting.train[:images], setting.side)
        recipe = replace(META, steps=setting.pretraining) if source == "meta" else paper
        trained = pretrain(slices, recipe, kind=source, network=siren, run=run)  # type: ignore[arg-type]
    torch.save(trained.cpu().state_dict(), file)
    kept.unlink(missing_ok=True)
    return trained.eval()


def start_of(method: str, setting: Setting) -> tuple[Siren, float]:
    """Where a method starts, and Adam's rate."""
    if method in SHIPPED:
        return load_prior(SHIPPED[method]).network, 1e-4
    omega, rate = tuned(setting) if method.endswith("tuned") else (30.0, 1e-4)
    siren = setting.cold(omega)
    if method in SOURCES:
        fresh = {name: value.clone() for name, value in siren.readout.state_dict().items()}
        trained = learned(*SOURCES[method], setting, omega, rate)
        siren.load_state_dict(trained.state_dict())
        if method not in ("meta", "one_scan"):  # the paper draws the readout again
            siren.readout.load_state_dict(fresh)
    return siren, rate


def tuned(setting: Setting) -> tuple[float, float]:
    """Find the omega and the rate that fit a training slice best after ``search`` steps; the grid is written down."""
    target = cut(setting.train[-1], setting.side)
    cases = [
        {"side": setting.side, "width": setting.width, "omega": omega, "rate": rate, "step": setting.search}
        for omega, rate in product(setting.omegas, setting.rates)
    ]
    for case in setting.searched.missing(cases):
        fit = Fit(setting.cold(case["omega"]), target, rate=case["rate"], device=setting.device)
        fit.advance(setting.search)
        setting.searched.add({**case, **fit.scores()})
    rows = [
        row
        for row in setting.searched.rows()
        if (row["side"], row["width"], row["step"]) == (str(setting.side), str(setting.width), str(setting.search))
    ]
    best = max(rows, key=lambda row: float(row["psnr"]))
    return float(best["omega"]), float(best["rate"])


def measure(case: dict[str, Any], target: Slice, setting: Setting) -> dict[str, Any]:
    """Return the numbers of one row: a fit taken as far as asked, or a restoration."""
    start, rate = start_of(case["method"], setting)
    solved = case["method"].endswith("solved")
    if case["task"] != "fit":
        how = How(case["optimiser"], rate, solved, device=setting.device)
        return restored(start, target, case["task"], how, steps=case["step"], seed=setting.seed)
    last = setting.steps
    fit = Fit(start, target, case["optimiser"], rate=rate, schedule=last, solved=solved, device=setting.device)
    file = setting.file("fit", *(case[name] for name in ("scan", "method", "optimiser", "schedule")))
    if file.exists():
        fit.load(file)
    fit.advance(case["step"])
    fit.save(file)
    return {**fit.scores(), "seconds": fit.seconds}


def cases(scan: str, setting: Setting, args: Any) -> Iterator[dict[str, Any]]:
    """All that is asked of one scan, per optimiser: short fits of every method, then restorations, then long fits."""
    width = load_prior().network.hidden_channels
    known = [m for m in args.methods.split(",") if m not in SHIPPED or setting.width == width]
    tasks, optimisers = args.tasks.split(","), args.optimisers.split(",")
    common = {"side": setting.side, "width": setting.width, "scan": scan}
    marks = [step for step in MILESTONES if step <= setting.steps]
    short, long = ([m for m in marks if (m <= 500) is is_short] for is_short in (True, False))
    for optimiser, some, method in product(optimisers, (short, None, long), known):
        one = {**common, "method": method, "optimiser": optimiser}
        falls = setting.inverse if some is None else setting.steps
        one["schedule"] = "constant" if optimiser == "adam" else falls
        if some is None:
            yield from ({**one, "task": task, "step": setting.inverse} for task in TASKS if task in tasks)
        elif "fit" in tasks:
            yield from ({**one, "task": "fit", "step": step} for step in some)


def main(argv: Sequence[str] | None = None) -> None:
    """Make the rows that are missing, then table and figure."""
    args, results = asked(
        "claims",
        __doc__,
        KEY,
        argv,
        side={"type": int, "default": 178},
        widths={"default": "256,178,512"},
        scans={"type": int, "default": 1},
        methods={"default": ",".join(METHODS)},
        optimisers={"default": "adam,muon"},
        tasks={"default": ",".join(("fit", *TASKS))},
        steps={"type": int, "default": 2000},
        pretraining={"type": int, "default": 5000},
        search={"type": int, "default": 300, "help": "steps of every fit of the search for the tuned SIREN"},
        omegas={"default": "30,45,60,90"},
        rates={"default": "1e-4,2.5e-4,5e-4,1e-3"},
    )
    if not args.show:
        train, validation = split_scans(args.dataset)
        sides, widths = (16, [16]) if args.tiny else (args.side, [int(w) for w in args.widths.split(",")])
        for width in widths:
            setting = Setting(
                tuple(train[:11]),
                sides,
                width,
                pretraining=3 if args.tiny else args.pretraining,
                steps=25 if args.tiny else args.steps,
                inverse=2 if args.tiny else 300,
                search=1 if args.tiny else args.search,
                seed=args.seed,
                device=args.device,
                omegas=tuple(float(word) for word in args.omegas.split(",")),
                rates=tuple(float(word) for word in args.rates.split(",")),
                store=results.home / "runs" / "claims",
                searched=replace(results, name="claims_search", key=("side", "width", "omega", "rate", "step")),
            )
            for path in validation[: args.scans]:
                target = cut(path, sides)
                for case in results.missing(cases(target.name, setting, args)):
                    results.add({**case, **measure(case, target, setting)})
    page(results)


if __name__ == "__main__":
    main()
