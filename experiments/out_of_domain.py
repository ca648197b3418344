# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Out of domain: what is a prior from brains worth on other images, and does the out-of-cohort score see them coming?

python -m experiments.out_of_domain DATASET

Domains are whole volumes: unseen brains in three planes, brains with another contrast, heads of other scanners (DICOM
series in the folder `dicom` beside the dataset), photographs, textures, text and tissue under the microscope
(scikit-image's, grown into volumes by drifting over the picture), and noise. Their middle slice is measured and
restored; the whole volume is scored by `likeness`, as restore does it. The ROC curve is that of the highest of the four
scores: unseen brains, as they are and with noise, against everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from experiments.results import Results, asked, markdown
from monai_strainer import Grid, Prior, Volume, load_prior, read
from monai_strainer.anatomy.coarse_image import coarse_head
from monai_strainer.anatomy.foreground import foreground, intensity_scale_of
from monai_strainer.anatomy.head_frame import find_pose
from monai_strainer.cohorts.read import split_scans
from monai_strainer.evaluation.benchmark import evaluate
from monai_strainer.geometry import PLANES
from monai_strainer.physics import RicianNoise
from monai_strainer.priors.similarity import LIMIT, WORDS, aligned, similarity_scores

METHODS = ("input", "cubic", "kriging_only", "cold", "coordinates", "detail", "ours")
TASKS = ("x2", "denoise3")
SIDE = 128  # of the volumes that are made
PICTURES = {
    "photographs": ("camera", "astronaut", "chelsea", "coffee"),
    "textures": ("brick", "grass", "gravel"),
    "text": ("page", "text"),
    "microscope": ("immunohistochemistry", "cell"),
}
BRAINS = ("brain, axial", "brain, coronal", "brain, sagittal")
Source = Callable[[], Volume]


def drifting(image: NDArray[Any]) -> Volume:
    """Make a volume from a picture: every slice sees it from a little further on."""
    grey = np.asarray(image, np.float32)
    grey = grey.mean(2) if grey.ndim == 3 else grey
    grey = ndimage.zoom(grey, max(1.0, 1.5 * SIDE / min(grey.shape)), order=1)
    steps = np.linspace(0, 1, SIDE // 2)
    rows, columns = (np.round(steps * min(SIDE // 4, n - SIDE)).astype(int) for n in grey.shape)
    data = np.stack([grey[r : r + SIDE, c : c + SIDE] for r, c in zip(rows, columns)], axis=2)
    return _volume(data - data.min() + 0.02 * np.ptp(data))


def _volume(data: NDArray[Any]) -> Volume:
    x, y, z = data.shape
    return Volume(data.astype(np.float32), Grid((x, y, z), np.diag([1.2, 1.4, 2.2, 1.0])), slice_axis=2)


def made_of_noise(kind: str, seed: int) -> Volume:
    """White noise, or noise whose power falls with the frequency."""
    rng = np.random.default_rng(seed)
    data = rng.standard_normal((SIDE, SIDE, SIDE // 2))
    if kind == "1/f":
        frequency = np.sqrt(sum(f**2 for f in np.meshgrid(*map(np.fft.fftfreq, data.shape), indexing="ij")))
        data = np.fft.ifftn(np.fft.fftn(data) / np.maximum(frequency, 1 / SIDE)).real
    return _volume(data - data.min())


def changed(scan: Volume, how: str) -> Volume:
    """Change the contrast of a brain: invert it, or darken its grey matter."""
    head = foreground(scan.data)
    top = float(np.percentile(scan.data[head], 99.5))
    relative = np.clip(scan.data / top, 0, 1)
    data = np.where(head, 1.1 - relative if how == "inverted" else relative**2.5, 0) * top
    return Volume(data.astype(np.float32), scan.grid, slice_axis=scan.slice_axis)


def sources(dataset: Path, few: bool) -> Iterator[tuple[str, str, Source]]:
    """Domain, name and maker of every volume."""
    from skimage import data as pictures

    val = split_scans(dataset)[1][: 1 if few else 5]
    for path in val:
        name = path.parent.parent.name
        for domain in BRAINS[: 1 if few else None]:
            yield domain, name, lambda path=path: read(path)
        for how in ("inverted", "gamma 2.5")[: 1 if few else None]:
            yield f"brain, {how}", name, lambda path=path, how=how: changed(read(path), how)
    for domain, names in list(PICTURES.items())[: 1 if few else None]:
        for name in names[: 1 if few else None]:
            yield domain, name, lambda name=name: drifting(getattr(pictures, name)())
    for kind in () if few else ("white", "1/f"):
        for seed in range(1 if few else 3):
            yield f"noise, {kind}", str(seed), lambda kind=kind, seed=seed: made_of_noise(kind, seed)
    for what, name in (("fruit", "ge_sagittal"), ("head", "structural")):  # a melon, and a head
        if (folder := dataset.parent / "dicom" / name).is_dir():
            yield f"{what}, {name}", name, lambda folder=folder: read(folder)


def scored(scan: Volume, prior: Prior) -> dict[str, float]:
    """Return the four scores of a whole volume."""
    assert prior.typical is not None
    head = foreground(scan.data)
    coarse = coarse_head(
        scan.data, find_pose(head, scan.grid), intensity_scale_of(scan.data, head, prior.percentile), prior.plane
    )
    return prior.typical.scores(similarity_scores(prior.network, aligned(prior.network, coarse)[0], prior.typical))


def own_noise(scan: Volume) -> float:
    """Return the PSNR in dB that a perfect restoration would have against a scan that is taken for the truth."""
    level = float(RicianNoise.measure(torch.from_numpy(np.ascontiguousarray(scan.slices(scan.slice_axis)))).sigma)
    return float(20 * np.log10(np.percentile(scan.data[foreground(scan.data)], 99.9) / max(level, 1e-9)))


def noisy(scan: Volume, fraction: float, seed: int = 0) -> Volume:
    """Add Rician noise to a brain."""
    rng = np.random.default_rng(seed)
    level = fraction * float(np.percentile(scan.data, 99.9))
    a, b = (level * rng.standard_normal(scan.data.shape) for _ in range(2))
    return replace(scan, data=np.hypot(scan.data + a, b).astype(np.float32))


def roc(known: NDArray[np.floating], unlike: NDArray[np.floating]) -> tuple[NDArray[Any], NDArray[Any], float]:
    """Shares of false and of right alarms for every threshold, and the area under the curve."""
    limits = np.concatenate([[np.inf], np.unique(np.concatenate([known, unlike]))[::-1]])
    false, right = (np.array([(values >= limit).mean() for limit in limits]) for values in (known, unlike))
    return false, right, float(np.mean((unlike[:, None] > known) + 0.5 * (unlike[:, None] == known)))


def figure(results: Results) -> tuple[Path, float]:
    """Gain of the priors per domain, and the ROC curve; the area under it."""
    rows = results.rows()
    shown, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained", width_ratios=[2, 1])
    domains = [d for d in dict.fromkeys(row["domain"] for row in rows) if _gain(rows, d, "x2", "ours") is not None]
    place = np.arange(len(domains))
    bars = [("x2", "ours"), ("x2", "coordinates"), ("denoise3", "ours"), ("denoise3", "coordinates")]
    for k, (task, method) in enumerate(bars):
        gains = [_gain(rows, domain, task, method) or 0.0 for domain in domains]
        label = f"{task}: {'both priors' if method == 'ours' else 'coordinate prior'}"
        left.barh(place + 0.3 - 0.2 * k, gains, 0.18, label=label, color=f"C{k // 2}", alpha=1 - 0.5 * (k % 2))
    left.axvline(0, color="black", linewidth=0.8)
    left.set_yticks(place, domains)
    left.invert_yaxis()
    left.set_xlabel("dB over our data step without any prior")
    left.legend(frameon=False, fontsize=8)
    known, unlike = _scores(rows)
    false, hits, area = roc(known, unlike)
    right.plot(false, hits, drawstyle="steps-post")
    alarms = ((known > LIMIT).mean(), (unlike > LIMIT).mean())
    right.plot(*alarms, "o", color="tab:red", label=f"warning at {LIMIT:g}: {alarms[1]:.0%} of unlike scans")
    right.set_xlabel("false alarms among unseen brains")
    right.set_ylabel("unlike scans that are detected")
    right.set_title(f"area under the curve {area:.3f}", fontsize=10)
    right.legend(frameon=False, fontsize=8, loc="lower right")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    shown.savefig(results.figure(), dpi=130)
    plt.close(shown)
    return results.figure(), area


def _scores(rows: list[dict[str, str]]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return the highest scores of unseen brains and of scans unlike them."""
    some = [(row["domain"], float(row["score"])) for row in rows if row["task"] == "likeness"]
    is_known = [domain.startswith(("brain, axial", "brain, noise")) for domain, _ in some]
    values = np.array([score for _, score in some])
    return values[is_known], values[np.logical_not(is_known)]


def _psnr(rows: list[dict[str, str]], domain: str, task: str, method: str) -> float | None:
    some = [row for row in rows if (row["domain"], row["task"], row["method"]) == (domain, task, method)]
    return float(np.mean([float(row["psnr"]) for row in some])) if some else None


def _gain(rows: list[dict[str, str]], domain: str, task: str, method: str) -> float | None:
    """Over our data step without a network."""
    ours, base = _psnr(rows, domain, task, method), _psnr(rows, domain, task, "kriging_only")
    return None if ours is None or base is None else ours - base


def show(results: Results) -> None:
    """PSNR per domain and method, scores and warnings."""
    rows, lines = results.rows(), []
    for domain in dict.fromkeys(row["domain"] for row in rows):
        cells: list[Any] = [domain]
        for task, first in zip(TASKS, ("cubic", "input")):
            cells += [_psnr(rows, domain, task, m) for m in (first, *METHODS[2:])]
        cells += [_psnr(rows, domain, "own noise", "")]
        some = [float(row["score"]) for row in rows if row["domain"] == domain and row["task"] == "likeness"]
        cells += [float(np.median(some)) if some else None]
        cells += [f"{sum(score > LIMIT for score in some)} of {len(some)}" if some else ""]
        lines.append(cells)
    columns = [f"{task} {m}" for task, first in zip(TASKS, ("cubic", "noisy")) for m in (first, *METHODS[2:])]
    file, area = figure(results)
    known, unlike = _scores(rows)
    text = (
        f"Area under the ROC curve of the highest score {area:.3f}; at the limit of {LIMIT:g} the report warns of "
        f"{(unlike > LIMIT).sum()} of {len(unlike)} unlike scans and {(known > LIMIT).sum()} of {len(known)} brains."
    )
    table = markdown(["domain", *(c.replace("_", " ") for c in columns), "its own noise", "score", "warned"], lines)
    results.show(f"{table}\n\n{text}", file)


def main(argv: Sequence[str] | None = None) -> None:
    """Make the rows that are missing, then the table and the figure."""
    args, results = asked("out_of_domain", __doc__, ("domain", "name", "task", "method"), argv)
    if args.show:
        show(results)
        return
    prior, steps = load_prior(), 1 if args.tiny else 20
    everything = list(sources(args.dataset, args.tiny))
    for domain, name, source in everything:  # the scores first: they are cheap
        if domain in BRAINS[1:]:
            continue  # the same brain
        for row in results.missing([{"domain": domain, "name": name, "task": "likeness", "method": ""}]):
            scores = scored(source(), prior)
            results.add({**row, **{word: scores[word] for word in WORDS}, "score": max(scores.values())})
        if domain.startswith((BRAINS[0], "head", "fruit")):
            for row in results.missing([{"domain": domain, "name": name, "task": "own noise", "method": ""}]):
                results.add({**row, "psnr": own_noise(source())})
        for fraction in (0.03, 0.06) if domain == BRAINS[0] and not args.tiny else ():
            case = {"domain": f"brain, noise of {100 * fraction:g} %", "name": name, "task": "likeness", "method": ""}
            for row in results.missing([case]):
                scores = scored(noisy(source(), fraction), prior)
                results.add({**row, **{word: scores[word] for word in WORDS}, "score": max(scores.values())})
    turns: dict[str, list[tuple[str, str, Source]]] = {}
    for one in everything:
        turns.setdefault(one[0], []).append(one)
    firsts = [some[k] for k in range(2) for some in turns.values() if len(some) > k]  # of each domain, two are restored
    for domain, name, source in firsts:
        plane = domain.split()[-1] if domain in BRAINS else prior.plane
        scan = None
        for task in TASKS:
            unsuitable = {"input"} if task == "x2" else {"cubic"}
            cases = [
                {"domain": domain, "name": name, "task": task, "method": m} for m in METHODS if m not in unsuitable
            ]
            for row in results.missing(cases):
                scan = scan or source()
                seen = replace(prior, plane=next(p for p in PLANES if p == plane))
                found = evaluate(
                    [(name, scan)],
                    seen,
                    tasks=[task],
                    methods=[row["method"]],
                    levels=(0.5,),
                    steps=steps,
                    seed=args.seed,
                )
                cells = {"psnr": found[0]["psnr_mask"], "ssim": found[0]["ssim_mask"], "seconds": found[0]["seconds"]}
                results.add({**row, **cells})
    show(results)


if __name__ == "__main__":
    main()
