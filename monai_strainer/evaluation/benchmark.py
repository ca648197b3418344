# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Compare methods: scans are degraded by a known forward model, and every method restores the same data.

The protocol: a few axial slices per scan at fixed heights in the head; scores are computed in the head's mask; the
peak is the 99.9th percentile within it; draws are seeded; the noise level is known to every method that asks for it;
all networks take the same number of steps. The head is placed and scaled by the whole clean scan.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import InputError
from ..fitting import CoordinateFeatures, FitOptions, amortise, fit_slices, refine
from ..io import read
from ..networks import Siren
from ..physics import Measurement, Separable
from ..priors.prior import Prior
from ..reporting.figure import Strip, picture, upright
from ..storage.atomic import stem
from ..storage.tables import write_csv
from ..volume import Volume
from .baselines import back_projection, cubic, kriging_only, network_alone, non_local_means
from .degraded_case import Case, degrade
from .scores import scores_of
from .table import COLUMNS, markdown

__all__ = ["COLUMNS", "METHODS", "TASKS", "evaluate", "markdown", "missing", "write_csv"]

TASKS: dict[str, tuple[float, float]] = {  # in-plane factor of the area average; Rician sigma as a fraction of the peak
    "fit": (1, 0.0),
    "x2": (2, 0.003),
    "x4": (4, 0.003),
    "denoise3": (1, 0.03),
    "denoise9": (1, 0.09),
}
SERIES = (0, 25, 50, 100, 200)  # steps at which the task "fit" is scored
METHODS: dict[str, str] = {
    "input": "the data themselves, where only noise was added",
    "cubic": "cubic spline",
    "back_projection": "iterative back-projection, 30 iterations",
    "non_local_means": "non-local means, Rician-corrected",
    "kriging_only": "our data step from an empty image",
    "siren": "fresh network, Adam: the network's image",
    "strainer_paper": "pretrained encoder with a freshly drawn readout, Adam, as in the paper: the network's image",
    "cold": "as ours, from a fresh network: without training on the cohort",
    "coordinates": "the coordinate prior alone: solved readout, Muon, data step",
    "detail": "the detail prior alone: one pass, without the coordinate prior's features and without the data step",
    "ours": "both priors and the data step, as restore does it; single slices, without neighbours",
}
SKIMAGE = "run pip install scikit-image"
NETWORKS = ("siren", "strainer_paper", "cold", "coordinates")


@dataclass(frozen=True, eq=False)
class _Image:
    """What a method made of a case; where it stopped and how sure it is, if it says."""

    pixels: NDArray[np.float32]  # (S, H, W)
    seconds: float
    steps: int = 0
    best_step: list[int] | None = None
    std: NDArray[np.float32] | None = None


def evaluate(
    scans: Iterable[Path | tuple[str, Volume]],
    prior: Prior,
    *,
    tasks: Sequence[str] = tuple(TASKS),
    methods: Sequence[str] | None = None,
    levels: Sequence[float] = (0.35, 0.5, 0.65),
    steps: int = 60,
    seed: int = 0,
    device: str | torch.device = "cpu",
    picture_to: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, Any]]:
    """Compare methods on scans whose truth is known.

    Args:
        scans: files of whole, clean heads, or pairs of a name and a volume.
        prior: what ``ours`` and ``strainer_paper`` start from.
        tasks: of ``TASKS``. ``fit`` asks how well networks learn a clean slice, after each of ``SERIES`` steps.
        methods: of ``METHODS``; all by default. One that does not apply to a task gives no row. One whose package is
            missing is refused where it was asked for, and left out with a warning by default.
        levels: heights of the slices in the head, 0 at the bottom and 1 at the top.
        steps: of every network in all tasks but ``fit``.
        seed: of noise, fresh networks and draws.
        device: where the networks compute.
        picture_to: PNG of the middle slice of the first scan, one row per task but ``fit``.
        progress: called with the pairs of scan and task done, and their total.

    Returns:
        one row per task, method, scan, level and number of steps, with the keys ``COLUMNS``; ``seconds`` is per slice,
        ``coverage90`` the fraction of the mask within 90 % error bars and ``best_step`` where a network stopped (-1: it
        did not help), both None for methods that do not say.

    Raises:
        InputError: an unknown task or method, a level outside 0 to 1, an unusable scan, no matplotlib for a picture, or
            no package for a method that was asked for.

    Example:
        >>> rows = evaluate(["sub-01_T1w.nii.gz"], Prior.cold(), tasks=["x2"])  # doctest: +SKIP
        >>> print(markdown(rows))  # doctest: +SKIP
    """
    _known(tasks, TASKS, "task")
    methods = _with_packages(tasks, methods)
    if not levels or not all(0 <= level <= 1 for level in levels):
        raise InputError(f"levels of {list(levels)} are not heights in a head", "give fractions between 0 and 1")
    if picture_to is not None and find_spec("matplotlib") is None:  # said before the work, not after it
        raise InputError("pictures need matplotlib", 'run pip install "monai_strainer[pictures]"')
    named = [scan if isinstance(scan, tuple) else (stem(Path(scan).name), scan) for scan in scans]
    rows: list[dict[str, Any]] = []
    strips: list[Strip] = []
    for number, (name, source) in enumerate(named):
        scan = source if isinstance(source, Volume) else read(source)
        for k, task in enumerate(tasks):
            case = degrade(scan, prior, *TASKS[task], levels, seed, device)
            images: dict[str, _Image] = {}
            for count in SERIES if task == "fit" else (steps,):
                images = {}
                for method in methods:
                    image = _run(method, task, case, prior, count, seed)
                    if image is not None:
                        images[method] = image
                        rows += _scored(image, case, task, method, name, levels)
            if picture_to is not None and number == 0 and task != "fit":
                strips.append(_strip(task, case, images, scan, prior, len(levels) // 2))
            if progress is not None:
                progress(number * len(tasks) + k + 1, len(named) * len(tasks))
    if picture_to is not None and strips:
        picture(picture_to, strips)
    return rows


def missing(
    rows: Sequence[dict[str, Any]],
    prior: Prior,
    tasks: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
) -> dict[str, str]:
    """Return the methods that were asked for and gave no row of :func:`evaluate`, with the reason."""
    there = {row["method"] for row in rows}
    found = {}
    for method in [name for name in methods or METHODS if name not in there]:
        if method in ("ours", "detail") and prior.detail is None:
            found[method] = "the prior has no detail prior"
        elif method in _lacking() and any(_only_noise(task) for task in tasks or TASKS):
            found[method] = ": ".join(_lacking()[method])
        else:
            found[method] = "it does not apply to these tasks"
    return found


def _with_packages(tasks: Sequence[str], methods: Sequence[str] | None) -> Sequence[str]:
    """Return the methods that can run here; refuse, before any work, one that was asked for by name and cannot run."""
    _known(methods or (), METHODS, "method")
    lacking = {name: why for name, why in _lacking().items() if any(_only_noise(task) for task in tasks)}
    for name, (finding, remedy) in lacking.items():
        if name in (methods or ()):
            raise InputError(f"the method {name} cannot run: {finding}", remedy)
        if methods is None:
            warnings.warn(f"{name} is left out: {finding}: {remedy}", stacklevel=3)
    return [name for name in METHODS if name not in lacking] if methods is None else methods


def _lacking() -> dict[str, tuple[str, str]]:
    """Methods whose package is missing: what is missing, and how to get it."""
    there = sys.modules.get("skimage", find_spec) is not None and find_spec("skimage") is not None
    return {} if there else {"non_local_means": ("it needs scikit-image, which is not installed", SKIMAGE)}


def _only_noise(task: str) -> bool:
    return TASKS[task][0] == 1 and task != "fit"


def _known(names: Sequence[str], known: Iterable[str], what: str) -> None:
    for name in names:
        if name not in known:
            raise InputError(f"there is no {what} {name!r}", f"choose from {', '.join(known)}")


def _run(method: str, task: str, case: Case, prior: Prior, steps: int, seed: int) -> _Image | None:
    """Run one method; return its images, or None where it does not apply."""
    if method in NETWORKS:
        return _fitted(method, case, prior, steps, seed, is_series=task == "fit")
    if method in ("ours", "detail"):
        return _joint(method, case, prior) if prior.detail is not None and task != "fit" else None
    unfit = {"input", "non_local_means"} if TASKS[task][0] > 1 else {"cubic", "back_projection"}
    if task == "fit" or method in unfit:
        return None
    y, operator, noise = case.y.cpu().numpy(), deepcopy(case.operator).cpu(), deepcopy(case.noise).cpu()
    start = time.perf_counter()
    pixels: NDArray[np.float32] | None = y
    if method == "cubic":
        pixels = cubic(y, operator.shape_in)
    elif method == "back_projection":
        pixels = back_projection(operator, y)
    elif method == "non_local_means":
        pixels = non_local_means(y, float(noise.sigma))
    elif method == "kriging_only":
        pixels = kriging_only(operator, y, noise)
    seconds = time.perf_counter() - start
    return None if pixels is None else _Image(np.maximum(pixels, 0), seconds)


def _joint(method: str, case: Case, prior: Prior) -> _Image:
    """Restore a case with the detail prior, with the coordinate prior or without."""
    assert prior.detail is not None and isinstance(case.operator, Separable)
    both = method == "ours"
    start = time.perf_counter()
    found = amortise(
        prior.detail.to(case.y.device),
        Measurement(case.operator, case.y, case.noise),
        spacing_ratio=0.0,
        data_step=both,
        features=CoordinateFeatures(prior.network.to(case.y.device) if both else None, lambda some: case.coords[some]),
    )
    pixels = np.maximum(found.images.cpu().numpy(), 0)
    return _Image(pixels, time.perf_counter() - start, std=found.std.cpu().numpy())


def initial_network(method: str, network: Siren, seed: int = 0) -> Siren:
    """Where a network method of ``METHODS`` starts: fresh, from the cohort, or its encoder with a fresh readout."""
    fresh = Prior.cold(
        seed,
        spatial_dims=network.spatial_dims,
        out_channels=network.out_channels,
        hidden_channels=network.hidden_channels,
        num_layers=network.num_layers,
        omega=network.omega,
        activation=network.activation,
    ).network
    begin = deepcopy(network) if method in ("coordinates", "strainer_paper") else fresh
    if method == "strainer_paper":
        begin.readout.load_state_dict(fresh.readout.state_dict())
    return begin


def _fitted(method: str, case: Case, prior: Prior, steps: int, seed: int, is_series: bool) -> _Image:
    """Fit a network to a case; in a series, return the network's own image, without the data step."""
    given = Measurement(case.operator, case.y, case.noise)
    network = initial_network(method, prior.network, seed).to(case.y.device)
    start, std = time.perf_counter(), None
    often = steps + 1 if is_series else 10
    if method in ("siren", "strainer_paper"):
        images, best = network_alone(network, case.coords, given, steps=steps, seed=seed, every=often)
    elif is_series:
        found = refine(
            network, case.coords, given, FitOptions(steps=steps, every=often, allow_no_network=False), seed=seed
        )
        images, best = found.images, found.best_step
    else:
        fit = fit_slices(network, case.coords, given, FitOptions(steps=steps), seed=seed)
        images, best, std = fit.data.images, fit.best_step, fit.data.std.cpu().numpy()
    pixels = np.maximum(images.cpu().numpy(), 0)
    return _Image(pixels, time.perf_counter() - start, steps, best.tolist(), std)


def _scored(
    image: _Image, case: Case, task: str, method: str, name: str, levels: Sequence[float]
) -> Iterable[dict[str, Any]]:
    """One row per slice."""
    for k, level in enumerate(levels):
        x, truth, mask, peak = image.pixels[k], case.truth[k], case.mask[k], case.peak
        row: dict[str, Any] = {"task": task, "method": method, "scan": name, "level": level}
        row |= scores_of(x, truth, mask, peak, None if image.std is None else image.std[k])
        row["seconds"], row["steps"] = image.seconds / len(levels), image.steps
        row["best_step"] = None if image.best_step is None else image.best_step[k]
        yield row


def _strip(task: str, case: Case, images: dict[str, _Image], scan: Volume, prior: Prior, k: int) -> Strip:
    """Build a row of the picture: slice ``k``, by the first of the methods that a clinic has, and by ours."""
    axis = scan.grid.axis_of(prior.plane)

    def show(slices: NDArray[Any]) -> NDArray[Any]:
        return upright(slices[k], scan.grid, axis)

    peers = [name for name in ("cubic", "non_local_means", "kriging_only") if name in images][:1]
    shown = {name: show(images[name].pixels) for name in (*peers, "ours") if name in images}
    std = images["ours"].std if "ours" in images else None
    sure = None if std is None else show(std)
    return Strip(task, show(case.truth), show(case.y.cpu().numpy()), shown, sure, case.peak, show(case.mask))
