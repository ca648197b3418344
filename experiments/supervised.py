# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Against network transfer learning: supervised restorers and a coordinate prior with equal data and equal time.

python -m experiments.supervised DATASET [--budget 400]

`unet` is MONAI's BasicUNet, pretrained on the cohort under measurements of all kinds for half of the budget and
fine-tuned to one task for the other half; `unet_pretrained` is the same before fine-tuning. `swin` is made of
SwinUNETR's blocks and learns one task for all of the budget. `unet_data` adds our data step. `equal` is a coordinate
prior pretrained on the same scans for the same budget, `cold` one without pretraining, `coordinates` the shipped one
and `ours` what restore does; the last two had more time. The budget is processor time. Weights are kept under runs/.
DICOM series of other scanners are looked for in the folder `dicom` beside the dataset.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor

from experiments.results import Results, asked, markdown
from experiments.supervised_networks import NETWORKS, Only, Spent, learn
from monai_strainer import Prior, Volume, load_prior, read, save_prior
from monai_strainer.cohorts.read import read_cohort, read_heads, split_scans
from monai_strainer.evaluation.baselines import cubic
from monai_strainer.evaluation.degraded_case import Case, degrade
from monai_strainer.fitting import CoordinateFeatures, ErrorField, FitOptions, amortise, fit_slices, interpolate
from monai_strainer.metrics import psnr, ssim
from monai_strainer.networks import Siren
from monai_strainer.physics import Measurement, Separable
from monai_strainer.pipelines.prior_phases import prior_of
from monai_strainer.pretraining.encoder import Recipe, pretrain
from monai_strainer.pretraining.patches import CLINICAL
from monai_strainer.pretraining.run import Run
from monai_strainer.storage.atomic import atomic

TASKS = {"x2": (2.0, 0.003), "denoise3": (1.0, 0.03), "x3": (3.0, 0.003), "denoise9": (1.0, 0.09)}
LEARNT = {"x2": "x2", "x3": "x2", "denoise3": "denoise3", "denoise9": "denoise3"}  # the training that meets a task
FITS = ("cold", "equal", "coordinates")
METHODS = ("input", "unet_pretrained", "unet", "unet_data", "swin", *FITS, "ours")
COLUMNS = ("x2", "denoise3", "x3", "denoise9", "other x2", "other denoise3")


def trained(kind: str, task: str, folder: Path, dataset: Path, budget: float, seed: int) -> tuple[Any, Spent]:
    """Return a network of a kind for a task, from its file or trained now, and what its training took.

    Kinds are ``unet``, ``swin`` and ``pretrained``, the U-Net that fine-tuning begins with.
    """
    network = NETWORKS["swin" if kind == "swin" else "unet"]()
    file = folder / f"{kind}{'' if kind == 'pretrained' else '_' + task}_{budget:g}_{seed}.pt"
    if file.exists():
        kept = torch.load(file, weights_only=True)
        network.load_state_dict(kept["network"])
        return network.eval(), Spent(kept["steps"], kept["seconds"])
    heads, before = read_heads(split_scans(dataset)[0]), Spent(0, 0.0)
    torch.manual_seed(seed)
    network = NETWORKS["swin" if kind == "swin" else "unet"]()
    if kind == "pretrained":
        spent = learn(network, heads, CLINICAL, budget / 2, seed=seed)
    elif kind == "swin":
        spent = learn(network, heads, Only(**_physics(task)), budget, seed=seed + 2)
    else:
        first, before = trained("pretrained", task, folder, dataset, budget, seed)
        network.load_state_dict(first.state_dict())
        spent = learn(network, heads, Only(**_physics(task)), budget - before.seconds, rate=3e-4, seed=seed + 1)
    spent = Spent(before.steps + spent.steps, before.seconds + spent.seconds)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic(file) as temporary:
        torch.save({"network": network.state_dict(), "steps": spent.steps, "seconds": spent.seconds}, temporary)
    return network, spent


def _physics(task: str) -> dict[str, float]:
    times, share = TASKS[task]
    return {"times": times, "share": share}


def equal(folder: Path, dataset: Path, budget: float, seed: int, small: bool) -> tuple[Prior, Spent]:
    """Return a coordinate prior pretrained on the same scans for the budget, from its folder or made now."""
    bundle = folder / f"equal_{budget:g}_{seed}"
    if (bundle / "models" / "prior.json").exists():
        prior = load_prior(bundle)
        return prior, Spent(prior.record["recipe_steps"], prior.record["seconds"])
    cohort = read_cohort(split_scans(dataset)[0], shape=(12, 24, 24) if small else (96, 152, 200))
    network = Siren(hidden_channels=16, num_layers=3) if small else None
    clock: list[float] = []
    trial = Recipe(steps=4 if small else 60)
    pretrain(
        cohort.slices, trial, network=network, run=Run(seed=seed, on_step=lambda *_: clock.append(time.process_time()))
    )
    late = clock[len(clock) // 2 :]  # the first steps set things up
    steps = max(2, int(budget * (len(late) - 1) / max(late[-1] - late[0], 1e-3)))
    start = time.process_time()
    siren = pretrain(cohort.slices, Recipe(steps=steps), network=network, run=Run(seed=seed))
    spent = Spent(steps, time.process_time() - start)
    record = {"kind": "cohort", "recipe_steps": steps, "seconds": spent.seconds}
    return save_prior(prior_of(siren, cohort), bundle, record), spent


def restored(method: str, case: Case, network: Any, steps: int, seed: int) -> Tensor:
    """Return the images ``(S, H, W)`` of a method; ``network`` is a restorer, a prior, or nothing."""
    operator = case.operator
    assert isinstance(operator, Separable)
    if method == "input":
        return case.y if operator.is_identity else torch.from_numpy(cubic(case.y.numpy(), operator.shape_in))
    if method in FITS:
        return fit_slices(
            network.network, case.coords, Measurement(operator, case.y, case.noise), FitOptions(steps=steps), seed=seed
        ).data.images
    if method == "ours":
        features = CoordinateFeatures(network.network, lambda some: case.coords[some])
        given = Measurement(operator, case.y, case.noise)
        return amortise(network.detail, given, features=features, spacing_ratio=0.0).images
    shown, _ = interpolate(operator, case.y)
    with torch.no_grad():
        images = network(shown[:, None])[:, 0]
    if method == "unet_data":
        images = ErrorField(operator, case.noise.debias(case.y), case.noise.sigma.square()).correct(images).images
    return images


def scans_of(dataset: Path, count: int | None) -> Iterator[tuple[str, str, Callable[[], Volume]]]:
    """Where a scan is from, its name, and how to read it: unseen brains of the cohort's kind, then a whole head."""
    for path in split_scans(dataset)[1][:count]:
        yield "", path.parent.parent.name, lambda path=path: read(path)
    if (folder := dataset.parent / "dicom" / "structural").is_dir():
        yield "other ", "structural", lambda: read(folder)


def show(results: Results) -> None:
    """Show the table of means, and draw what it says in one picture."""
    rows = results.rows()
    mean: dict[tuple[str, str], float] = {}
    for row in rows:
        mean.setdefault((row["method"], row["task"]), 0.0)
    for method, task in mean:
        some = [float(row["psnr"]) for row in rows if (row["method"], row["task"]) == (method, task)]
        mean[method, task] = float(np.mean(some))
    lines = []
    for method in [m for m in METHODS if any(row["method"] == m for row in rows)]:
        mine = [row for row in rows if row["method"] == method]
        misses = [float(row["misses"]) for row in mine if row["task"] == "x2"]
        cells = [mean.get((method, task)) for task in COLUMNS]
        trained_s = f"{max(float(row['trained_s']) for row in mine):.0f}" if mine[0]["trained_s"] else "more"
        seconds = float(np.mean([float(row["seconds"]) for row in mine]))
        lines.append([method, mine[0]["parameters"], trained_s, *cells, float(np.mean(misses)), seconds])
    head = ["method", "parameters", "trained, s", *COLUMNS, "misses the data, x2", "s / slice"]
    figure, axes = plt.subplots(figsize=(9, 3.8), layout="constrained")
    shown = [line for line in lines if line[0] != "input"]
    base = [mean.get(("input", task)) for task in COLUMNS]
    width = 0.8 / len(shown)
    for k, line in enumerate(shown):
        gains = [np.nan if a is None or b is None else a - b for a, b in zip(line[3 : 3 + len(COLUMNS)], base)]
        place = np.arange(len(COLUMNS)) + (k - (len(shown) - 1) / 2) * width
        axes.bar(place, gains, width, label=str(line[0]), color=plt.get_cmap("tab10")(k))
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xticks(range(len(COLUMNS)), COLUMNS)
    axes.set_ylabel("dB over the input (cubic, or noisy)")
    axes.legend(ncols=4, fontsize=8, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(results.figure(), dpi=130)
    plt.close(figure)
    results.show(markdown(head, lines), results.figure())


def main(argv: Sequence[str] | None = None) -> None:
    """Make the rows that are missing, then the table and the figure."""
    budget = {"type": float, "default": 400.0, "help": "seconds of processor time per training"}
    args, results = asked("supervised", __doc__, ("task", "method", "scan"), argv, budget=budget)
    if args.show:
        show(results)
        return
    seconds, steps, folder = (1.0 if args.tiny else args.budget), (1 if args.tiny else 60), results.home / "runs"
    folder = folder / "supervised"
    prior = load_prior()
    for where, name, source in scans_of(args.dataset, 1 if args.tiny else 3):
        scan = None
        for task in ("x2", "denoise3") if where else TASKS:
            cases = [{"task": where + task, "method": method, "scan": name} for method in METHODS]
            for row in results.missing(case for case in cases if case["method"] != "unet_data" or task.startswith("x")):
                method = str(row["method"])
                network: Any = prior
                spent: Spent | None = None
                if method.startswith(("unet", "swin")):
                    kind = {"unet_pretrained": "pretrained", "unet_data": "unet"}.get(method, method)
                    network, spent = trained(kind, LEARNT[task], folder, args.dataset, seconds, args.seed)
                elif method == "equal":
                    network, spent = equal(folder, args.dataset, seconds, args.seed, args.tiny)
                elif method in ("cold", "input"):
                    network, spent = Prior.cold(args.seed), Spent(0, 0.0)
                scan = scan or source()
                case = degrade(scan, prior, *TASKS[task], levels=(0.5,), seed=args.seed)
                start = time.process_time()
                x = restored(method, case, network, steps, args.seed).clamp_min(0)
                row["seconds"] = time.process_time() - start
                mask, peak = case.mask, case.peak
                row["psnr"] = psnr(x.numpy(), case.truth, data_range=peak, mask=mask)
                row["ssim"] = ssim(x.numpy(), case.truth, data_range=peak, mask=mask)
                level = case.noise.sigma
                inside = case.operator.A(torch.from_numpy(mask.astype(np.float32))) > 0.5
                misfit = (case.noise.debias(case.y) - case.operator.A(x)) / level
                row["misses"] = float(misfit[inside].square().mean().sqrt())
                row["parameters"] = 0 if method == "input" else _size(method, network)
                row["trained_s"] = "" if spent is None else round(spent.seconds)
                row["trained_steps"] = "" if spent is None else spent.steps
                results.add(row)
    show(results)


def _size(method: str, network: Any) -> int:
    """Parameters of what restores a slice."""
    parts = [network.network, network.detail] if method == "ours" else [getattr(network, "network", network)]
    return sum(p.numel() for part in parts for p in part.parameters())


if __name__ == "__main__":
    main()
