# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Compare methods: scans are degraded by a known forward model, and every method restores the same data.

The protocol: a few axial slices per scan at fixed heights in the head; scores are computed in the head's mask; the
peak is the 99.9th percentile within it; draws are seeded; the noise level is known to every method that asks for it;
all networks take the same number of steps. The head is placed and scaled by the whole clean scan.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from ..errors import InputError
from ..io import read
from ..priors.prior import Prior
from ..reporting.figure import Strip, picture, upright
from ..restoring.options import changed
from ..storage.atomic import stem
from ..storage.tables import write_csv
from ..volume import Volume
from .degraded_case import Case, degrade
from .methods import METHODS, TASKS, MethodResult, initial_network, is_denoising, lacking_methods, run_method
from .scores import scores_of
from .table import COLUMNS, markdown

__all__ = [
    "COLUMNS",
    "METHODS",
    "TASKS",
    "BenchmarkOptions",
    "evaluate",
    "initial_network",
    "markdown",
    "missing",
    "write_csv",
]

SERIES = (0, 25, 50, 100, 200)  # steps at which the task "fit" is scored


@dataclass(frozen=True, eq=False)
class BenchmarkOptions:
    """What is compared.

    Args:
        tasks: of ``TASKS``. ``fit`` asks how well networks learn a clean slice, after each of ``SERIES`` steps.
        methods: of ``METHODS``; all by default. One that does not apply to a task gives no row. One whose package is
            missing is refused where it was asked for, and left out with a warning by default.
        levels: heights of the slices in the head, 0 at the bottom and 1 at the top.
        steps: of every network in all tasks but ``fit``.
        seed: of noise, fresh networks and draws.

    Raises:
        InputError: an unknown task or method, or a level outside 0 to 1.
    """

    tasks: Sequence[str] = tuple(TASKS)
    methods: Sequence[str] | None = None
    levels: Sequence[float] = (0.35, 0.5, 0.65)
    steps: int = 60
    seed: int = 0

    def __post_init__(self) -> None:
        _known(self.tasks, TASKS, "task")
        _known(self.methods or (), METHODS, "method")
        if not self.levels or not all(0 <= level <= 1 for level in self.levels):
            finding = f"levels of {list(self.levels)} are not heights in a head"
            raise InputError(finding, "give fractions between 0 and 1")


def evaluate(
    scans: Iterable[Path | tuple[str, Volume]],
    prior: Prior,
    options: BenchmarkOptions | None = None,
    *,
    device: str | torch.device = "cpu",
    picture_to: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    **changes: Any,
) -> list[dict[str, Any]]:
    """Compare methods on scans whose truth is known.

    Args:
        scans: files of whole, clean heads, or pairs of a name and a volume.
        prior: what ``ours`` and ``strainer_paper`` start from.
        options: tasks, methods and slices.
        device: where the networks compute.
        picture_to: PNG of the middle slice of the first scan, one row per task but ``fit``.
        progress: called with the pairs of scan and task done, and their total.
        changes: options by name, such as ``tasks=["x2"]``; unknown ones are refused.

    Returns:
        one row per task, method, scan, level and number of steps, with the keys ``COLUMNS``; ``seconds`` is per slice,
        ``coverage90`` the fraction of the mask within 90 % error bars and ``best_step`` where a network stopped (-1: it
        did not help), both None for methods that do not say.

    Raises:
        InputError: an option that is not usable, an unusable scan, no matplotlib for a picture, or no package for a
            method that was asked for.

    Example:
        >>> rows = evaluate(["sub-01_T1w.nii.gz"], Prior.cold(), tasks=["x2"])  # doctest: +SKIP
        >>> print(markdown(rows))  # doctest: +SKIP
    """
    options = changed(options or BenchmarkOptions(), changes)
    tasks, levels, methods = options.tasks, options.levels, _with_packages(options)
    if picture_to is not None and find_spec("matplotlib") is None:  # said before the work, not after it
        raise InputError("pictures need matplotlib", 'run pip install "monai_strainer[pictures]"')
    named = [scan if isinstance(scan, tuple) else (stem(Path(scan).name), scan) for scan in scans]
    rows: list[dict[str, Any]] = []
    strips: list[Strip] = []
    for number, (name, source) in enumerate(named):
        scan = source if isinstance(source, Volume) else read(source)
        for k, task in enumerate(tasks):
            case = degrade(scan, prior, *TASKS[task], levels, options.seed, device)
            images: dict[str, MethodResult] = {}
            for count in SERIES if task == "fit" else (options.steps,):
                images = {}
                for method in methods:
                    image = run_method(method, task, case, prior, count, options.seed)
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
    """Return the methods that were asked for and gave no row of :func:`evaluate`, with the reason.

    Args:
        rows: of :func:`evaluate`.
        prior, tasks, methods: as they were passed to it.
    """
    there = {row["method"] for row in rows}
    found = {}
    for method in [name for name in methods or METHODS if name not in there]:
        if method in ("ours", "detail") and prior.detail is None:
            found[method] = "the prior has no detail prior"
        elif method in lacking_methods() and any(is_denoising(task) for task in tasks or TASKS):
            found[method] = ": ".join(lacking_methods()[method])
        else:
            found[method] = "it does not apply to these tasks"
    return found


def _with_packages(options: BenchmarkOptions) -> Sequence[str]:
    """Return the methods that can run here; refuse, before any work, one that was asked for by name and cannot run."""
    methods, has_noise = options.methods, any(is_denoising(task) for task in options.tasks)
    lacking = lacking_methods() if has_noise else {}
    for name, (finding, remedy) in lacking.items():
        if name in (methods or ()):
            raise InputError(f"the method {name} cannot run: {finding}", remedy)
        if methods is None:
            warnings.warn(f"{name} is left out: {finding}: {remedy}", stacklevel=3)
    return [name for name in METHODS if name not in lacking] if methods is None else methods


def _known(names: Sequence[str], known: Iterable[str], what: str) -> None:
    for name in names:
        if name not in known:
            raise InputError(f"there is no {what} {name!r}", f"choose from {', '.join(known)}")


def _scored(
    image: MethodResult, case: Case, task: str, method: str, name: str, levels: Sequence[float]
) -> Iterable[dict[str, Any]]:
    """One row per slice."""
    for k, level in enumerate(levels):
        x, truth, mask, peak = image.pixels[k], case.truth[k], case.mask[k], case.peak
        row: dict[str, Any] = {"task": task, "method": method, "scan": name, "level": level}
        row |= scores_of(x, truth, mask, peak, None if image.std is None else image.std[k])
        row["seconds"], row["steps"] = image.seconds / len(levels), image.steps
        row["best_step"] = None if image.best_step is None else image.best_step[k]
        yield row


def _strip(task: str, case: Case, images: dict[str, MethodResult], scan: Volume, prior: Prior, k: int) -> Strip:
    """Build a row of the picture: slice ``k``, by the first of the methods that a clinic has, and by ours."""
    axis = scan.grid.axis_of(prior.plane)

    def show(slices: NDArray[Any]) -> NDArray[Any]:
        return upright(slices[k], scan.grid, axis)

    peers = [name for name in ("cubic", "non_local_means", "kriging_only") if name in images][:1]
    shown = {name: show(images[name].pixels) for name in (*peers, "ours") if name in images}
    std = images["ours"].std if "ours" in images else None
    sure = None if std is None else show(std)
    return Strip(task, show(case.truth), show(case.y.cpu().numpy()), shown, sure, case.peak, show(case.mask))
