# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Show the method: degrade a scan that comes with nilearn in two ways, restore it, and make a table and a picture.

The scan is the MNI152 T1 template, an average of 152 heads: smoother than any patient's, and of none of them. It shows
that everything works; how well is for the benchmark to say.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..anatomy.foreground import foreground
from ..errors import InputError
from ..evaluation.baselines import cubic
from ..evaluation.scores import scores_of
from ..geometry import Grid
from ..io import write
from ..physics import Downsample, Identity, RicianNoise
from ..pretraining.phases import announce
from ..priors.prior import Prior
from ..priors.store import load_prior
from ..reporting.figure import Strip, picture, upright
from ..restoring.restore import Restored, restore
from ..volume import Volume

__all__ = ["demo", "template"]

AXIAL = 2  # array axis of the template
PICTURE = "demo.png"


@dataclass(frozen=True)
class _Task:
    name: str
    title: str
    scale: float
    noise: float  # Rician sigma as a fraction of the peak


TASKS = (
    _Task("superresolution", "2x super-resolution, 1 % noise", 2, 0.01),
    _Task("denoising", "denoising, 5 % noise", 1, 0.05),
)


def template() -> Volume:
    """Load the MNI152 T1 template at 1 mm, brain only; nothing is downloaded.

    Raises:
        InputError: nilearn is not installed.
    """
    try:
        from nilearn.datasets import load_mni152_template
    except ImportError as error:
        raise InputError("the demonstration needs nilearn", 'run pip install "monai_strainer[demo]"') from error
    image = load_mni152_template(resolution=1)
    data = np.asarray(image.dataobj, dtype=np.float32)
    return Volume(1000 * data, Grid(data.shape, image.affine), slice_axis=AXIAL)  # the numbers of a usual scan


def _slab(scan: Volume, slices: int) -> tuple[Volume, NDArray[np.bool_]]:
    """Neighbouring axial slices through the middle of the head, and where the brain is in them.

    Rows and columns are cut to even numbers, so that a factor of 2 is exact.
    """
    head = foreground(scan.data)
    heights = np.flatnonzero(head.any((0, 1)))
    first = int((heights[0] + heights[-1] - slices + 1) // 2)
    part = (*(slice(0, n // 2 * 2) for n in scan.grid.shape[:2]), slice(first, first + slices))
    affine = scan.grid.affine.copy()
    affine[:3, 3] += first * affine[:3, AXIAL]
    data = scan.data[part]
    return Volume(data, Grid(data.shape, affine), slice_axis=AXIAL), head[part]


def _measure(truth: Volume, task: _Task, peak: float, seed: int) -> Volume:
    """Simulate what a scanner of less resolution and more noise would have given."""
    x = torch.from_numpy(truth.slices(AXIAL))  # (S, H, W)
    shape = (x.shape[1], x.shape[2])
    operator = Identity(shape) if task.scale == 1 else Downsample(shape, task.scale)
    y = RicianNoise(task.noise * peak).sample(operator.A(x), torch.Generator().manual_seed(seed))
    h, w = operator.shape_out
    return truth.with_slices(y.numpy(), AXIAL, truth.grid.resize((h, w, len(y))))


def demo(
    output: Path,
    *,
    prior: Path | None = None,
    slices: int = 4,
    steps: int = 40,
    seed: int = 0,
    device: str | torch.device = "cpu",
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Restore a slab of the MNI152 template after 2x downsampling, and after noise; compare, print, and write.

    For each task ``output`` gets the truth, the input and the result with its standard deviation as NIfTI, and the
    record as JSON; ``demo.png`` shows the first task after half of the time, then both. It takes about a minute of one
    CPU core.

    Args:
        output: folder to write; made if missing.
        prior: bundle folder; by default the one that comes with the package.
        slices: thickness of the slab in mm.
        steps: refinement steps, with the prior and from a fresh network.
        seed: of noise and draws.
        device: where to compute.
        overwrite: replace what an earlier run wrote.
        progress: called with the slices done and their total.

    Returns:
        per task and method ``{"psnr": ..., "ssim": ...}`` in the brain, the ``seconds`` it all took, and the ``files``.

    Raises:
        InputError: nilearn or matplotlib is missing, the prior is damaged, or the output exists already.
    """
    start = time.perf_counter()
    output = Path(output)
    _check(output, overwrite)
    learned = load_prior(prior)
    truth, mask = _slab(template(), slices)
    peak = float(np.percentile(truth.data[mask], 99.9))
    results: dict[str, Any] = {}
    files: list[str] = []
    strips = []
    done = 0

    def restored_from(measured: Volume, start_from: Prior, task: _Task) -> Restored:
        def move(n: int, of: int) -> None:
            if progress is not None:
                progress(min(done + n * slices // max(1, of), done + slices), 2 * len(TASKS) * slices)

        return restore(measured, start_from, task.scale, steps=steps, seed=seed, device=device, progress=move)

    for task in TASKS:
        measured = _measure(truth, task, peak, seed)
        pair = []
        for name, start_from in (("without a prior", Prior.cold(seed)), ("with the prior", learned)):
            announce(f"{task.title}: {name}")
            pair.append(restored_from(measured, start_from, task))
            done += slices
        cold, ours = pair
        plain = measured.data
        if task.scale > 1:
            plain = np.moveaxis(cubic(measured.slices(AXIAL), truth.grid.shape[:2]), 0, AXIAL)
        images = {
            "cubic" if task.scale > 1 else "input": plain,
            "without prior": cold.volume.data,
            "ours": ours.volume.data,
        }
        results[task.name] = {name: _scores(image, truth.data, mask, peak) for name, image in images.items()}
        base = output / task.name
        for name, volume in (("truth", truth), ("input", measured)):
            write(volume, base / f"{name}.nii.gz", overwrite=overwrite)
        write(ours.volume, base / "restored.nii.gz", report=ours.report, std=ours.std, overwrite=overwrite)
        files += [str(file.relative_to(output)) for file in sorted(base.iterdir())]
        strips.append(_strip(task, truth, measured, images, ours.std, peak, mask))
        picture(output / PICTURE, strips)  # the first task is there to be looked at while the second runs
        announce(f"{PICTURE}: {len(strips)} of {len(TASKS)} tasks after {time.perf_counter() - start:.0f} s")
    results |= {"seconds": time.perf_counter() - start, "files": [*files, PICTURE]}
    print(_table(results))
    return results


def _check(output: Path, overwrite: bool) -> None:
    """Refuse to begin where a package is missing or an earlier demonstration lies."""
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        raise InputError("the demonstration needs matplotlib", 'run pip install "monai_strainer[demo]"')
    if not overwrite and (output / PICTURE).exists():
        raise InputError("an earlier demonstration is there already", "pass --overwrite or another folder", output)


def _scores(
    image: NDArray[np.float32], truth: NDArray[np.float32], mask: NDArray[np.bool_], peak: float
) -> dict[str, float | None]:
    """PSNR and slice-wise SSIM in the brain."""
    x, y = (np.moveaxis(a, AXIAL, 0) for a in (image, truth))
    found = scores_of(x, y, np.moveaxis(mask, AXIAL, 0), peak)
    return {name: found[f"{name}_mask"] for name in ("psnr", "ssim")}


def _strip(
    task: _Task,
    truth: Volume,
    measured: Volume,
    images: dict[str, NDArray[np.float32]],
    std: NDArray[np.float32],
    peak: float,
    mask: NDArray[np.bool_],
) -> Strip:
    """Build a row of the picture: the middle slice."""
    k = truth.grid.shape[AXIAL] // 2

    def show(data: NDArray[Any]) -> NDArray[Any]:
        return upright(data[:, :, k], truth.grid, AXIAL)

    peer = "cubic" if "cubic" in images else "without prior"
    shown = {name: show(images[name]) for name in (peer, "ours")}
    return Strip(task.title, show(truth.data), show(measured.data), shown, show(std), peak, show(mask))


def _table(results: dict[str, Any]) -> str:
    lines = [f"{'in the brain':<16} {'':<20} {'PSNR':>8} {'SSIM':>7}"]
    for task in TASKS:
        for name, score in results[task.name].items():
            lines.append(f"{task.name:<16} {name:<20} {score['psnr']:>5.2f} dB {score['ssim']:>7.3f}")
    return "\n".join([*lines, f"{results['seconds']:.0f} s; {len(results['files'])} files written"])
