# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Measure a slab of any scan by known physics: noise of every kind, larger voxels in-plane, thick slices, all axes.

Noise is Rician, its level a fraction of the 99th percentile within the object's mask, its seed the names of task and
volume. Denoising and in-plane tasks take the middle 8 slices. `thick3` and the factors on all axes take the middle 24,
and are left out where there are fewer; the factors on all axes take the first nearly isotropic volume of every group.

Noise that is not white: the complex data get white noise, then their k-space is cropped and filled up with zeros, or
their plane is filtered with a Gaussian of 1.5 or 1.2 voxels (full width at half maximum). What the crop or the filter
does to the clean volume belongs to the truth: these tasks ask for the noise to be taken off, not for the lost detail.
The level is that of the result. Noise that is not uniform: the level rises smoothly from 1 at the border of the plane
to 3 in its middle, as a g-factor does, with the root of the mean square within the mask at the level of the task;
rivals and `ours_told` are given that one number.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import torch
from any_scan_data import DEPTH, Entry, Scan, load, middle, part
from numpy.typing import NDArray

from monai_strainer import Volume
from monai_strainer.physics import Blur, Profile, RicianNoise, Separable

SLICES = 8
BOX, KSPACE = Profile(), Profile("kspace")
NEARLY = 1.1  # ratio of spacings up to which a volume is nearly isotropic


@dataclass(frozen=True)
class Task:
    """What is done to a slab.

    Args:
        noise: fraction of the 99th percentile within the mask.
        factor: of the larger voxels.
        where: which axes the factor is for: "plane", "thick" (the slice axis) or "all".
        profile: of the larger voxels.
        colour: of the noise: "white", "zerofill" by `stretch`, "filtered" by `width` or "gfactor".
        stretch: of the grid that is filled up with zeros.
        width: of the filter, in voxels.
    """

    noise: float = 0.0
    factor: float = 1.0
    where: str = "plane"
    profile: Profile = BOX
    colour: str = "white"
    stretch: float = 1.0
    width: float = 1.5


TASKS: dict[str, Task] = {
    "denoise3": Task(0.03),
    "x2": Task(0, 2),
    "x2_kspace": Task(0, 2, profile=KSPACE),
    "denoise9": Task(0.09),
    "denoise1": Task(0.01),
    "denoise5": Task(0.05),
    "denoise3_zerofill1.5": Task(0.03, colour="zerofill", stretch=1.5),
    "denoise3_zerofill2": Task(0.03, colour="zerofill", stretch=2),
    "denoise9_zerofill1.5": Task(0.09, colour="zerofill", stretch=1.5),
    "denoise3_filtered": Task(0.03, colour="filtered"),
    "denoise3_filtered1.2": Task(0.03, colour="filtered", width=1.2),
    "denoise3_gfactor": Task(0.03, colour="gfactor"),
    "thick3": Task(0, 3, "thick"),
    **{f"all{f:g}" + (f"_noise{p}" if p else ""): Task(p / 100, f, "all") for f in (1.2, 1.5, 2.0) for p in (0, 3, 9)},
}


@dataclass(frozen=True, eq=False)
class Case:
    """A measured slab: what every method is given, and the truth it is scored by.

    Args:
        truth, mask: (X, Y, Z) of the slab.
        low: what was measured.
        operator: from the truth's grid to that of `low`; the identity for denoising.
        sigma: of the added noise, in the scan's units.
        own: noise that the truth itself has, in the scan's units.
        scale: for `restore`: one factor in-plane, or three.
        task: what was done.
        note: choices made for this volume.
    """

    truth: NDArray[np.float32]
    mask: NDArray[np.bool_]
    low: Volume
    operator: Separable
    sigma: float
    own: float
    scale: float | tuple[float, ...]
    task: Task
    note: str

    @property
    def axis(self) -> int:
        """The slice axis."""
        return self.low.slice_axis

    @property
    def is_denoising(self) -> bool:
        """Return whether the grid stays as it is."""
        return self.task.factor == 1


def entries_of(task: Task, found: list[Entry]) -> list[Entry]:
    """Return the volumes that a task is for; none is read for a task in-plane."""
    if task.where == "plane":
        return found
    deep = [entry for entry in found if load(entry).volume.data.shape[load(entry).axis] >= DEPTH]
    if task.where == "thick":
        return deep
    first: dict[str, Entry] = {}
    for entry in deep:
        spacing = load(entry).volume.grid.spacing
        if spacing.max() / spacing.min() < NEARLY:
            first.setdefault(entry.group, entry)
    return list(first.values())


def measure(scan: Scan, name: str) -> Case:
    """Measure the slab of a scan as the task says."""
    task = TASKS[name]
    axis, is_sharp = scan.axis, task.factor > 1 and task.where != "thick"
    volume, mask = (scan.sharp, scan.sharp_mask) if is_sharp else (scan.volume, scan.mask)
    n = volume.data.shape[axis]
    cut = [slice(0, m) for m in volume.data.shape]
    cut[axis] = middle(n, min(n, SLICES if task.where == "plane" else DEPTH))
    truth = torch.from_numpy(np.ascontiguousarray(volume.data[tuple(cut)]))
    mask = np.ascontiguousarray(mask[tuple(cut)])
    grid, inside = part(volume.grid, cut), truth.numpy()[mask]
    sigma = task.noise * float(np.percentile(inside, 99))
    own = scan.entry.own_noise
    if own is None:
        own_level = float(RicianNoise.estimate(truth.movedim(axis, 0)).sigma)
    else:
        own_level = own * float(np.percentile(inside, 99))
    shape = tuple(truth.shape)
    axes = [k for k in range(3) if task.where == "all" or (k == axis) == (task.where == "thick")]
    factors = tuple(task.factor if k in axes else 1.0 for k in range(3))
    operator = task.profile(shape, tuple(round(m / f) for m, f in zip(shape, factors)))
    generator = torch.Generator().manual_seed(zlib.crc32(f"{name} {scan.entry.name}".encode()))
    clean = operator.A(truth)
    noise = [sigma * torch.randn(clean.shape, generator=generator) for _ in range(2)]
    if task.colour == "gfactor":
        level = gfactor(shape, axis, mask)
        noise = [level * plane for plane in noise]
    elif task.colour != "white":
        truth, noise = coloured(truth, noise, task, axis)
        clean = truth
    y = torch.hypot(clean + noise[0], noise[1]).numpy()
    note = [f"axis {k} cropped to {fraction:.2f}" for k, fraction in scan.kept.items()] if is_sharp else []
    note += [f"axis {k} zero-filled ({fraction:.2f})" for k, fraction in scan.kept.items() if not is_sharp]
    low = Volume(y, grid.resize(operator.shape_out), slice_axis=axis)
    scale = task.factor if task.where == "plane" else factors
    return Case(truth.numpy(), mask, low, operator, sigma, own_level, scale, task, "; ".join(note))


def coloured(
    truth: torch.Tensor, noise: list[torch.Tensor], task: Task, axis: int
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Crop or filter the clean magnitude and both parts of the noise as a scanner does, at the same noise level."""
    shape = tuple(truth.shape)
    if task.colour == "filtered":
        blur = Blur(shape, tuple(0 if k == axis else task.width for k in range(3)))
        made = [blur.A(image) for image in (truth, *noise)]
    else:
        crop = KSPACE(shape, tuple(m if k == axis else round(m / task.stretch) for k, m in enumerate(shape)))
        gain = float(np.prod(shape) / np.prod(crop.shape_out))
        made = [gain * crop.adjoint(crop.A(image)) for image in (truth, *noise)]
    level = float(torch.cat(noise).std()) / float(torch.cat(made[1:]).std())
    return made[0].abs(), [level * image for image in made[1:]]


def gfactor(shape: tuple[int, ...], axis: int, mask: NDArray[np.bool_]) -> torch.Tensor:
    """(X, Y, Z): a smooth map, three times as high in the middle of the plane as at its border."""
    square = torch.zeros(shape)
    for k, m in enumerate(shape):
        if k != axis:
            position = (2 * torch.arange(m) + 1) / m - 1
            square = square + (position**2).reshape([-1 if j == k else 1 for j in range(3)])
    level = 1 + 2 * torch.exp(-2 * square)
    return level / float(level[torch.from_numpy(mask)].square().mean().sqrt())
