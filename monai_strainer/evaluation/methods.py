# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Run the methods of the benchmark on its tasks: classical ones, networks fitted to the case, and our priors."""

from __future__ import annotations

import sys
import time
from copy import deepcopy
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from ..fitting import CoordinateFeatures, FitOptions, amortise, fit_slices, refine
from ..networks import Siren
from ..physics import Measurement, Separable
from ..priors.prior import Prior
from .baselines import back_projection, cubic, kriging_only, network_alone, non_local_means
from .degraded_case import Case

__all__ = [
    "METHODS",
    "NETWORKS",
    "TASKS",
    "MethodResult",
    "initial_network",
    "is_denoising",
    "lacking_methods",
    "run_method",
]

TASKS: dict[str, tuple[float, float]] = {  # in-plane factor of the area average; Rician sigma as a fraction of the peak
    "fit": (1, 0.0),
    "x2": (2, 0.003),
    "x4": (4, 0.003),
    "denoise3": (1, 0.03),
    "denoise9": (1, 0.09),
}
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
class MethodResult:
    """What a method made of a case.

    Args:
        pixels: ``(S, H, W)``, 0 or above.
        seconds: for all slices.
        steps: gradient steps that were allowed.
        best_step: where the network of each slice stopped; -1 where it did not help. None for methods without.
        std: ``(S, H, W)`` standard deviation, if the method gives one.
    """

    pixels: NDArray[np.float32]
    seconds: float
    steps: int = 0
    best_step: list[int] | None = None
    std: NDArray[np.float32] | None = None


def lacking_methods() -> dict[str, tuple[str, str]]:
    """Return the methods whose package is missing, with what is missing and how to get it."""
    there = sys.modules.get("skimage", find_spec) is not None and find_spec("skimage") is not None
    return {} if there else {"non_local_means": ("it needs scikit-image, which is not installed", SKIMAGE)}


def is_denoising(task: str) -> bool:
    """Return whether a task adds noise and nothing else."""
    return TASKS[task][0] == 1 and task != "fit"


def run_method(method: str, task: str, case: Case, prior: Prior, steps: int, seed: int) -> MethodResult | None:
    """Run one method on a degraded case.

    Args:
        method: of ``METHODS``.
        task: of ``TASKS``, as it degraded the case.
        case: the data, and what is known of them.
        prior: what ``ours`` and ``strainer_paper`` start from.
        steps: of a network that is fitted.
        seed: of fresh networks and of draws.

    Returns:
        None where the method does not apply to the task.
    """
    if method in NETWORKS:
        return _fitted(method, case, prior, steps, seed, is_series=task == "fit")
    if method in ("ours", "detail"):
        return _joint(method, case, prior) if prior.detail is not None and task != "fit" else None
    unsuitable = {"input", "non_local_means"} if TASKS[task][0] > 1 else {"cubic", "back_projection"}
    if task == "fit" or method in unsuitable:
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
    return None if pixels is None else MethodResult(np.maximum(pixels, 0), seconds)


def _joint(method: str, case: Case, prior: Prior) -> MethodResult:
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
    return MethodResult(pixels, time.perf_counter() - start, std=found.std.cpu().numpy())


def initial_network(method: str, network: Siren, seed: int = 0) -> Siren:
    """Return where a network method starts: fresh, from the cohort, or from the cohort's encoder with a fresh readout.

    Args:
        method: of ``NETWORKS``.
        network: the coordinate network of the prior; not changed.
        seed: of what is drawn.
    """
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


def _fitted(method: str, case: Case, prior: Prior, steps: int, seed: int, is_series: bool) -> MethodResult:
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
    return MethodResult(pixels, time.perf_counter() - start, steps, best.tolist(), std)
