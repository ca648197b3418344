# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What transfers: what the layers of encoders have in common, which frequencies they hold, and when a fit stumbles.

python -m experiments.what_transfers DATASET

Encoders: the shipped one, two that are trained on the two halves of the training scans, and two fresh ones. Rows of
`alike` are linear CKA (1: the same features up to a rotation) per layer, those of `spectrum` the mean frequency of a
layer's features on a middle slice, in cycles per head, and those of `fit` count the steps of a full-batch fit at which
PSNR fell by more than 1 dB: the paper's sign of failure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from experiments.memorisation import CHEAP
from experiments.results import Results, asked, markdown
from monai_strainer import Prior, load_prior, read, save_prior
from monai_strainer.cohorts.read import read_cohort, split_scans
from monai_strainer.evaluation.benchmark import TASKS as MEASURED
from monai_strainer.evaluation.benchmark import initial_network
from monai_strainer.evaluation.degraded_case import Case, degrade
from monai_strainer.fitting import FitOptions, fit_slices, solve_readouts
from monai_strainer.metrics import psnr
from monai_strainer.networks import Siren, SirenStack
from monai_strainer.networks.siren import to_points
from monai_strainer.optim.muon import optimisers
from monai_strainer.optim.schedules import falling, set_rate
from monai_strainer.physics import Measurement
from monai_strainer.pretraining.encoder import pretrain
from monai_strainer.pretraining.run import Run

PAIRS = (
    ("half one", "half two"),
    ("half one", "shipped"),
    ("half one", "fresh one"),
    ("shipped", "noise"),
    ("fresh one", "fresh two"),
)
SHOWN = ("shipped", "half one", "fresh one")  # whose spectra are taken
DROP = 1.0  # dB
RUNS: dict[str, tuple[str, float, bool, bool]] = {  # optimiser, rate, falls along a cosine, solved readout first
    "Adam 1e-4 (paper)": ("adam", 1e-4, False, False),
    "Adam 1e-4, solved": ("adam", 1e-4, False, True),
    "Adam 1e-3": ("adam", 1e-3, False, False),
    "Adam 3e-3": ("adam", 3e-3, False, False),
    "Adam 3e-3, falling": ("adam", 3e-3, True, False),
    "Muon 4e-5, falling (default)": ("muon", 4e-5, True, True),
    "Muon 4e-5, falling, drawn head": ("muon", 4e-5, True, False),
    "Muon 2e-5, falling, solved": ("muon", 2e-5, True, True),
    "Muon 4e-5": ("muon", 4e-5, False, False),
    "Muon 4e-4": ("muon", 4e-4, False, False),
    "Muon 4e-3": ("muon", 4e-3, False, False),
}
RESTORED = ("Muon 4e-5, falling (default)", "Muon 2e-5, falling, solved")  # on these of evaluate's tasks:
TASKS = ("x2", "denoise3", "denoise9")
BESIDE = 7.5  # rate of Adam beside Muon, in Muon's


def encoder(name: str, dataset: Path, folder: Path, seed: int, small: bool) -> Siren:
    """Return a network by name: shipped (brains, noise), half of the cohort (from its folder or trained now), fresh."""
    if name in ("shipped", "noise"):
        return load_prior(None if name == "shipped" else Path(__file__).resolve().parent / "noise_strainer").network
    if name.startswith("fresh"):
        return Prior.cold(seed + name.endswith("two")).network
    bundle = folder / f"{name.replace(' ', '_')}_{seed}"
    if not (bundle / "models" / "prior.json").exists():
        train = split_scans(dataset)[0]
        half = train[: len(train) // 2] if name == "half one" else train[len(train) // 2 :]
        cohort = read_cohort(half, shape=(6, 24, 24) if small else (24, 76, 100))
        recipe = replace(CHEAP, steps=2 if small else 1000)
        save_prior(Prior(pretrain(cohort.slices, recipe, run=Run(seed=seed + name.endswith("two")))), bundle)
    return load_prior(bundle).network


@torch.no_grad()
def layers_of(siren: Siren, coords: Tensor) -> Iterator[Tensor]:
    """Features ``(C, H, W)`` after each sine layer, of one coordinate image ``(d, H, W)``."""
    h = to_points(coords[None])
    for layer in siren.encoder:
        h = layer(h)
        yield h[0].T.reshape(-1, *coords.shape[1:])


def alike(a: Tensor, b: Tensor) -> float:
    """Linear centred kernel alignment of features ``(C, N)`` at the same points.

    Source: Kornblith et al., Similarity of Neural Network Representations Revisited, ICML 2019.
    """
    a, b = (x.double() - x.double().mean(1, keepdim=True) for x in (a, b))
    return float((a @ b.T).square().sum() / ((a @ a.T).norm() * (b @ b.T).norm()))


def spectrum(images: NDArray[Any], extent: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Frequencies in cycles per head and the mean power of images ``(C, n, n)`` there, windowed; it sums to one."""
    n = images.shape[-1]
    window = np.outer(np.hanning(n), np.hanning(n))
    centred = images - images.mean((1, 2), keepdims=True)
    power = np.square(np.abs(np.fft.fft2(centred * window))).mean(0)
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(n, 1 / n), np.fft.fftfreq(n, 1 / n)))
    rings = radius.round().astype(int)
    total = np.bincount(rings.ravel(), power.ravel())[1 : n // 2]
    return np.arange(1, n // 2) / extent, total / total.sum()


def square(n: int, reach: float = 0.9) -> Tensor:
    """Head coordinates ``(3, n, n)`` of a square in the middle axial plane."""
    along = torch.linspace(-reach, reach, n)
    x, y = torch.meshgrid(along, along, indexing="ij")
    return torch.stack([x, y, torch.zeros_like(x)])


def fitted(siren: Siren, case: Case, name: str, steps: int) -> list[float]:
    """PSNR before and after each full-batch step of a fit of the truth."""
    optimiser, rate, falls, solve = RUNS[name]
    stack = SirenStack(siren, 1)
    target = torch.from_numpy(case.truth).flatten(1)[..., None]  # (1, N, 1)
    if solve:
        heads = solve_readouts(siren, case.coords, case.operator, 2 * torch.from_numpy(case.truth) - 1)
        stack.set_readouts(heads.mean.unsqueeze(1))
    engines = optimisers(stack, optimiser, rate, BESIDE * rate)
    rates = [float(engine.param_groups[0]["lr"]) for engine in engines]
    points, curve = case.coords.flatten(2).mT, []
    for step in range(steps + 1):
        x = (stack(points) + 1) / 2
        image = x.detach().reshape(case.truth.shape).numpy()
        curve.append(psnr(image, case.truth, data_range=case.peak, mask=case.mask))
        for engine, full in zip(engines, rates):
            set_rate(engine, full * (falling(step, steps, 0.1) if falls else 1.0))
            engine.zero_grad(set_to_none=True)
        (x - target).square().mean().backward()
        for engine in engines:
            engine.step()
    return curve


def small_case(path: Path, stride: int) -> Case:
    """Build the case of a middle slice, at every ``stride``-th pixel."""
    case = degrade(read(path), load_prior(), 1, 0.0, (0.5,))
    some = (slice(None), slice(None, None, stride), slice(None, None, stride))
    coords = case.coords[:, :, ::stride, ::stride]
    shape = case.truth[some].shape[1:]
    operator = type(case.operator)(shape)  # type: ignore[arg-type]
    return replace(case, operator=operator, truth=case.truth[some].copy(), mask=case.mask[some], coords=coords)


def restored(path: Path, task: str, name: str, steps: int, seed: int) -> float:
    """PSNR of a middle slice, restored as ``method="coordinates"`` does, at the rates of one of ``RUNS``."""
    prior, rate = load_prior(), RUNS[name][1]
    case = degrade(read(path), prior, *MEASURED[task], levels=(0.5,), seed=seed)
    fit = fit_slices(
        prior.network,
        case.coords,
        Measurement(case.operator, case.y, case.noise),
        FitOptions(steps=steps, rate=rate, readout_rate=BESIDE * rate),
        seed=seed,
    )
    images = fit.data.images.clamp_min(0).numpy()
    return float(psnr(images, case.truth, data_range=case.peak, mask=case.mask))


def figure(results: Results, networks: dict[str, Siren], case: Case | None) -> Path:
    """Similarity per layer, spectra, pictures of the partition."""
    rows = results.rows()
    shown = plt.figure(figsize=(11, 6.4), layout="constrained")
    upper, lower = shown.subfigures(2, 1, height_ratios=[1, 0.95])
    left, middle, right = upper.subplots(1, 3)
    for a, b in PAIRS:
        mine = [row for row in rows if row["kind"] == "alike" and row["name"] == f"{a}, {b}"]
        left.plot([int(row["part"]) for row in mine], [float(row["value"]) for row in mine], "o-", label=f"{a}, {b}")
    left.set(xlabel="layer", ylabel="linear CKA", ylim=(0, 1.02))
    left.legend(fontsize=6, loc="lower left", bbox_to_anchor=(0.34, 0.06), framealpha=1, edgecolor="none")
    if case is not None:
        frequency, power = spectrum(_middle(case)[None], 1.0)
        middle.loglog(frequency, power, "k--", label="a head")
    for k, layer in enumerate(layers_of(networks["shipped"], square(96))):
        middle.loglog(*spectrum(layer.numpy(), 1.0), color=plt.get_cmap("viridis")(k / 5), label=f"layer {k + 1}")
    middle.set(xlabel="cycles per head", ylabel="fraction of power", title="shipped encoder", ylim=(1e-8, 1))
    middle.legend(frameon=False, fontsize=7)
    drops = dropped(rows)
    names = list(dict.fromkeys(name for name, _ in drops))
    for k, start in enumerate(dict.fromkeys(start for _, start in drops)):
        values = [drops.get((name, start), (0.0,))[0] for name in names]
        right.barh(np.arange(len(names)) + 0.2 - 0.4 * k, values, 0.38, label=start)
    right.set_yticks(range(len(names)), names, fontsize=7)
    right.invert_yaxis()
    right.set(xlabel=f"drops of more than {DROP:g} dB")
    right.legend(frameon=False, fontsize=7)
    grid = lower.subplots(2, 5, squeeze=False)
    for line, name in zip(grid, ("shipped", "fresh one")):
        for k, (place, layer) in enumerate(zip(line, layers_of(networks[name], square(192)))):
            flips = (layer[:, 1:, 1:].sign() != layer[:, :-1, 1:].sign()) | (
                layer[:, 1:, 1:].sign() != layer[:, 1:, :-1].sign()
            )
            place.imshow(flips.float().mean(0).T.flip(0), cmap="magma", vmin=0)
            place.set_title(f"{name}, layer {k + 1}", fontsize=8)
            place.axis("off")
    lower.suptitle(
        "fraction of units that change sign from pixel to pixel: how finely a layer cuts the head", fontsize=9
    )
    shown.savefig(results.figure(), dpi=120)
    plt.close(shown)
    return results.figure()


def _middle(case: Case) -> NDArray[Any]:
    """Cut a square from the middle of the slice."""
    image = case.truth[0]
    n = min(image.shape) // 2 * 2
    r, c = ((m - n) // 2 for m in image.shape)
    return image[r : r + n, c : c + n]


def dropped(rows: list[dict[str, str]]) -> dict[tuple[str, str], tuple[float, float, float]]:
    """Per way and start: drops in the mean over slices, the worst of all, and the last PSNR in the mean."""
    found: dict[tuple[str, str], tuple[float, float, float]] = {}
    fits = [row for row in rows if row["kind"] == "fit"]
    for name, start in dict.fromkeys((name, row["part"]) for name in RUNS for row in fits if row["name"] == name):
        some = np.array(
            [
                [float(row[k]) for k in ("value", "worst", "last")]
                for row in fits
                if (row["name"], row["part"]) == (name, start)
            ]
        )
        found[name, start] = (float(some[:, 0].mean()), float(some[:, 1].max()), float(some[:, 2].mean()))
    return found


def show(results: Results, networks: dict[str, Siren], case: Case | None) -> None:
    """Tables of similarity and frequency per layer, and of drops."""
    rows = results.rows()
    layers: list[list[Any]] = []
    for kind in ("alike", "spectrum"):
        for name in dict.fromkeys(row["name"] for row in rows if row["kind"] == kind):
            values = [float(row["value"]) for row in rows if row["kind"] == kind and row["name"] == name]
            layers.append([f"{'CKA' if kind == 'alike' else 'cycles per head'}: {name}", *values])
    fits = [[*which, *scores] for which, scores in dropped(rows).items()]
    if networks:
        figure(results, networks, case)
    text = markdown(["layer", "1", "2", "3", "4", "5"], layers)
    text += "\n\n" + markdown(["200 full-batch steps", "start", "drops > 1 dB", "worst, dB", "last PSNR"], fits)
    lines: list[list[Any]] = []
    for name in RESTORED:
        some = {
            task: [float(r["value"]) for r in rows if (r["kind"], r["name"], r["part"]) == ("restore", name, task)]
            for task in TASKS
        }
        lines.append([name, *(float(np.mean(values)) if values else None for values in some.values())])
    text += "\n\n" + markdown(["restored, PSNR in the head, dB", *TASKS], lines)
    results.show(text, results.figure())


def main(argv: Sequence[str] | None = None) -> None:
    """Make the rows that are missing, then the tables and the figure."""
    args, results = asked("what_transfers", __doc__, ("kind", "name", "part", "scan"), argv)
    if args.show:
        show(results, {}, None)
        return
    folder, validation = results.home / "runs" / "what_transfers", split_scans(args.dataset)[1][: 1 if args.tiny else 3]
    coords = square(16 if args.tiny else 64)

    @cache
    def network(name: str) -> Siren:  # halves of the cohort are trained only where a row wants them
        return encoder(name, args.dataset, folder, args.seed, args.tiny)

    for a, b in PAIRS:
        for row in results.missing({"kind": "alike", "name": f"{a}, {b}", "part": k, "scan": ""} for k in range(1, 6)):
            one, two = ([*layers_of(network(name), coords)][row["part"] - 1].flatten(1) for name in (a, b))
            results.add({**row, "value": alike(one, two)})
    for name in SHOWN:
        for row in results.missing({"kind": "spectrum", "name": name, "part": k, "scan": ""} for k in range(1, 6)):
            layer = [*layers_of(network(name), square(96))][row["part"] - 1]
            frequency, power = spectrum(layer.numpy(), 1.0)
            results.add({**row, "value": float((frequency * power).sum())})
    for path, name in product(validation, list(RUNS)[: 1 if args.tiny else None]):
        case = small_case(path, 8 if args.tiny else 4)
        for start in ("cold", "pretrained"):
            case_of = {"kind": "fit", "name": name, "part": start, "scan": path.parent.parent.name}
            for row in results.missing([case_of]):
                method = "siren" if start == "cold" else "strainer_paper"
                siren = initial_network(method, network("shipped"), args.seed)
                if start == "pretrained" and RUNS[name][-1]:
                    siren = network("shipped")
                curve = np.array(fitted(siren, case, name, 2 if args.tiny else 200))
                falls = -np.diff(curve)
                scores = {
                    "value": int((falls > DROP).sum()),
                    "worst": float(falls.max().clip(0)),
                    "last": float(curve[-1]),
                }
                results.add({**row, **scores})
    for path, name, task in product(validation, RESTORED, TASKS[: 1 if args.tiny else None]):
        for row in results.missing([{"kind": "restore", "name": name, "part": task, "scan": path.parent.parent.name}]):
            results.add({**row, "value": restored(path, task, name, 1 if args.tiny else 100, args.seed)})
    show(results, {name: network(name) for name in ("shipped", "fresh one")}, small_case(validation[0], 1))


if __name__ == "__main__":
    main()
