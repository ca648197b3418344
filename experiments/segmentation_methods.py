# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The slabs whose tissue is segmented, what is measured of them, and how each method restores it."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.rivals import bm4d, stabilised
from monai_strainer import Prior, Volume, restore
from monai_strainer.anatomy.foreground import foreground
from monai_strainer.evaluation.baselines import back_projection, cubic
from monai_strainer.physics import Profile, RicianNoise, Separable
from monai_strainer.physics.noise_estimation import otsu

SLICES, DEPTH_MM, THICK_MM, MARGIN = 8, 65.0, 5.0, 8
Image = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Task:
    """What is done to a brain.

    Args:
        noise: standard deviation as a share of the brain's 99.9th percentile.
        in_plane: factor by which in-plane voxels are larger.
        thick: slices of 5 mm.
        fwhm_mm: width of a Gaussian that smooths the clean scan.
    """

    noise: float = 0.0
    in_plane: int = 1
    thick: bool = False
    fwhm_mm: float = 0.0


TASKS = {
    "denoise3": Task(0.03),
    "denoise9": Task(0.09),
    "x2": Task(in_plane=2),
    "thick5": Task(thick=True),
    "smooth1": Task(fwhm_mm=1.0),
}
DENOISERS = {"input": None, "ants": "ants", "bm4d": "bm4d", "ndsafir": "ndsafir", "ours": None}  # package they need
REFINERS = {"cubic": None, "back_projection": None, "ours": None}
COHORT = "ours_cohort"  # the prior of the cohort alone, where no choice is made: 5 mm slices


@dataclass(frozen=True, eq=False)
class Brain:
    """A clean scan, where its brain is, and the first of the slices that are compared.

    Args:
        scan: of any orientation; slices are axial.
        mask: (X, Y, Z) of the brain.
        start: index of the first slice.
    """

    scan: Volume
    mask: Mask
    start: int

    def cut(self, extra: int = 0) -> tuple[slice, ...]:
        """Return the slab with some slices more on either side, in-plane sides divisible by 4."""
        some = [slice(n // 4 * 4) for n in self.scan.grid.shape]
        some[self.scan.slice_axis] = slice(self.start - extra, self.start + SLICES + extra)
        return tuple(some)


def brain_of(scan: Volume, stripped: bool) -> Brain:
    """Find the brain and its slab.

    Args:
        scan: T1-weighted, axial slices.
        stripped: whether all that is left is brain; else it is searched for by `brain_mask`.
    """
    mask = foreground(scan.data) if stripped else brain_mask(scan)
    axis = scan.grid.axis_of("axial")
    sign = 1 if scan.grid.affine[2, axis] > 0 else -1
    inside = np.flatnonzero(mask.any(tuple(k for k in range(3) if k != axis)))
    top = inside[-1] if sign > 0 else inside[0]
    spacing, n = float(scan.grid.spacing[axis]), scan.grid.shape[axis]
    reach = _extra(spacing)
    middle = round(top - sign * DEPTH_MM / spacing)
    start = min(max(middle - SLICES // 2, reach), n - SLICES - reach)
    return Brain(replace(scan, slice_axis=axis), mask, start)


def _extra(spacing: float) -> int:
    """Return the slices measured on either side of the slab where they are thick, so that eight thick slices result."""
    return max(0, (8 * _thick(spacing) - SLICES) // 2)


def _thick(spacing: float) -> int:
    return max(2, round(THICK_MM / spacing))


def brain_mask(scan: Volume, reach: float = 3.0) -> Mask:
    """Return the brain of a T1-weighted head: the largest part that stays connected when 3 mm of its rim are taken off.

    Thin bridges through the meninges vanish with the rim. The rim is given back, and 1 mm more; fissures up to 8 mm
    wide are closed, holes filled slice by slice.

    Args:
        scan: a head.
        reach: mm that are taken off.
    """
    spacing, head = scan.grid.spacing, foreground(scan.data)
    smooth = ndimage.gaussian_filter(scan.data, 0.7 / spacing)
    tissue = head & (smooth > 0.75 * float(otsu(torch.from_numpy(smooth[head]))))
    away: Callable[[Mask], NDArray[np.float64]] = partial(ndimage.distance_transform_edt, sampling=spacing)
    parts, _ = ndimage.label(away(tissue) > reach)
    largest = parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])
    brain = away(~largest) < reach + 1
    closed = away(away(~brain) < 4) > 4
    axis = scan.grid.axis_of("axial")
    filled = [ndimage.binary_fill_holes(image) for image in np.moveaxis(closed | brain, axis, 0)]
    return np.ascontiguousarray(np.moveaxis(np.stack(filled), 0, axis))


@dataclass(frozen=True, eq=False)
class Measured:
    """A measured slab and what is known of it.

    Args:
        low: what the scanner gives.
        fine: (X, Y, Z) shape to restore.
        sigma: true noise standard deviation, in the scan's units.
        compared: those of the restored voxels that are compared.
        box: where the measured brain lies, with a margin; denoisers see no more.
    """

    low: Volume
    fine: tuple[int, ...]
    sigma: float
    compared: tuple[slice, ...]
    box: tuple[slice, ...]


def measured(brain: Brain, name: str) -> Measured:
    """Measure a slab as the task says; the noise depends on the task alone."""
    task, scan, axis = TASKS[name], brain.scan, brain.scan.slice_axis
    spacing = float(scan.grid.spacing[axis])
    extra = _extra(spacing) if task.thick else 0
    where = brain.cut(extra)
    truth, mask = np.ascontiguousarray(np.maximum(scan.data[where], 0)), brain.mask[where]
    if task.fwhm_mm:
        truth = ndimage.gaussian_filter(truth, task.fwhm_mm / 2.355 / scan.grid.spacing)
    factors = [(_thick(spacing) if task.thick else 1) if k == axis else task.in_plane for k in range(3)]
    shape = [n // f for n, f in zip(truth.shape, factors)]
    clean = Profile()(truth.shape, shape).A(torch.from_numpy(truth))
    sigma = task.noise * float(np.percentile(scan.data[brain.mask], 99.9))
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    y = RicianNoise(sigma).sample(clean, generator).numpy() if sigma else clean.numpy()
    grid = replace(scan.grid, shape=truth.shape).resize(shape)
    compared = tuple(slice(extra, extra + SLICES) if k == axis else slice(None) for k in range(3))
    ends = [(int(i.min()), int(i.max())) for i in np.nonzero(mask)]
    box = tuple(slice(max(0, a // f - MARGIN), b // f + 1 + MARGIN) for (a, b), f in zip(ends, factors))
    return Measured(Volume(y, grid, slice_axis=axis), truth.shape, sigma, compared, box)


def ants(y: Image, sigma: float) -> Image:
    """Run ANTs' DenoiseImage for Rician noise slice by slice, which was better on slabs than in three dimensions."""
    import ants as theirs

    made = [theirs.denoise_image(theirs.from_numpy(image), noise_model="Rician", p=1, r=2).numpy() for image in y]
    return np.stack(made).astype(np.float32)


def ndsafir(y: Image, sigma: float) -> Image:
    """Run ND-SAFIR on the variance-stabilised slab (S, H, W)."""
    from ndsafir import denoise_gaussian

    def theirs(z: NDArray[np.float64]) -> NDArray[np.float64]:
        return denoise_gaussian(np.ascontiguousarray(z, np.float32), axes="zyx", noise_std=1.0, nthreads=1)

    return stabilised(theirs, y, sigma)


def available(name: str) -> list[str]:
    """List the methods for a task whose packages are there."""
    if TASKS[name].fwhm_mm:
        return ["input"]
    methods = DENOISERS if TASKS[name].noise else {**REFINERS, COHORT: None} if TASKS[name].thick else REFINERS
    return [method for method, package in methods.items() if package is None or find_spec(package)]


def restored(method: str, given: Measured, prior: Prior) -> Image:
    """Restore a measured slab; return (X, Y, Z) of the voxels that are compared."""
    low, axis = given.low, given.low.slice_axis
    if method in ("ours", COHORT):
        prior = replace(prior, general=None) if method == COHORT else prior
        factors = [n / m for n, m in zip(given.fine, low.grid.shape)]
        return restore(low, prior, factors).volume.data[given.compared]
    if method in REFINERS:
        refine = cubic if method == "cubic" else None
        still = axis if low.grid.shape[axis] == given.fine[axis] else next(k for k in range(3) if k != axis)
        images, fine = np.moveaxis(low.data, still, 0), [n for k, n in enumerate(given.fine) if k != still]
        operator: Separable = Profile()(fine, images.shape[1:])
        made = refine(images, fine) if refine else back_projection(operator, np.ascontiguousarray(images))
        return np.moveaxis(made, 0, still)[given.compared]
    out = low.data.copy()
    if method != "input":
        run = {"ants": ants, "bm4d": bm4d, "ndsafir": ndsafir}[method]
        slices = np.ascontiguousarray(np.moveaxis(out[given.box], axis, 0))
        out[given.box] = np.moveaxis(run(slices, given.sigma), 0, axis)
    return out[given.compared]
