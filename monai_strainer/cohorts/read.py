# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read a folder of scans as a cohort: every head cropped, normalised, and resampled to one grid of head coordinates."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..anatomy.aligned_slices import AlignedSlices
from ..anatomy.foreground import foreground, intensity_scale_of
from ..anatomy.head_frame import Pose, find_pose, laid
from ..anatomy.label_map import is_label_map
from ..errors import InputError
from ..geometry import PLANES, Plane, centres
from ..io import read
from ..physics.acquired import acquired_size, fourier_resize
from ..pretraining.patches import CleanScan
from ..storage.atomic import reserve
from ..volume import Volume
from .selection import choose_scans

__all__ = ["Cohort", "read_cohort", "read_heads", "split_scans"]

MARGIN = 1.2  # rows and columns reach this far beyond the head's box, so that the encoder knows the air around it
THICK = 1.6  # ratio of spacings above which slices are thick
NARROW = 48  # voxels below which an axis is too short for a patch, where there are other axes to cut along
REACH = 0.97  # slices stop short of the box, where there is hardly any head


@dataclass(frozen=True, eq=False)
class Cohort:
    """Aligned slices and what must be known to use a prior made from them.

    Args:
        slices: the images.
        plane: their plane.
        percentile: of the foreground that became 1.
        half_mm: (3,) mean half size of the heads, RAS order; gives the position of scans that hold only part of a head.
        digest: sha256 over the files' hashes: names no person, and differs between cohorts.
    """

    slices: AlignedSlices
    plane: Plane
    percentile: float
    half_mm: tuple[float, float, float]
    digest: str


def split_scans(folder: str | Path, contrast: str | None = None) -> tuple[list[Path], list[Path]]:
    """Split the scans of a folder into those that train and those that only validate.

    See :func:`monai_strainer.cohorts.selection.choose_scans`.

    Args:
        folder: with the scans.
        contrast: BIDS suffix of the images to use, such as ``"T2w"``; None takes T1w where there is one.

    Returns:
        files that train, and files that validate.

    Raises:
        InputError: the folder is missing or empty, or its table cannot be understood or names no scan to train on.
    """
    choice = choose_scans(folder, contrast)
    return choice.train, choice.validation


def _placed(path: Path, percentile: float) -> tuple[Volume, Pose, float]:
    """Read a scan; return it, where its head is, and the intensity that stands for 1.

    Raises:
        InputError: it cannot be read or is empty; the message names it.
    """
    scan = read(path)
    if is_label_map(scan.data):
        raise InputError("this is a mask or a label map, by its values", "leave it out of the cohort", path)
    mask = foreground(scan.data)
    try:
        return scan, find_pose(mask, scan.grid), intensity_scale_of(scan.data, mask, percentile)
    except InputError as error:
        raise InputError(error.finding, error.remedy, path) from error


def read_cohort(
    paths: Iterable[Path],
    *,
    plane: Plane = "axial",
    shape: tuple[int, int, int] = (96, 152, 200),
    percentile: float = 99.5,
    cache: Path | None = None,
    progress: Callable[[list[Path]], Iterable[Path]] = iter,
) -> Cohort:
    """Read scans and align them.

    Args:
        paths: NIfTI files.
        plane: which slices to learn from.
        shape: slices, rows, columns of the common grid; the default is about 1.3 x 1 x 1 mm for an adult brain.
        percentile: of the foreground that becomes 1.
        cache: a ``.npy`` file to keep the images in; they are then mapped from disk and never all in memory.
        progress: wraps the list of paths, for a progress bar.

    Raises:
        InputError: no scans, or one that cannot be read or is empty; the message names it.
    """
    scans = list(paths)
    if not scans:
        raise InputError("the cohort is empty", "pass at least one scan")
    if plane not in PLANES:
        raise InputError(f"there is no plane called {plane!r}", f"choose one of {', '.join(sorted(PLANES))}")
    order = PLANES[plane]
    reach = (REACH, MARGIN, MARGIN)
    axes = tuple((r * centres(n)).astype(np.float32) for r, n in zip(reach, shape))
    full = (len(scans), *shape)
    if cache is None:
        images = np.empty(full, np.float16)
    else:
        cache.parent.mkdir(parents=True, exist_ok=True)
        reserve(cache, 2 * math.prod(full) + 128)
        images = np.lib.format.open_memmap(cache, mode="w+", dtype=np.float16, shape=full)
    halves, digest = [], hashlib.sha256(repr((plane, shape, percentile)).encode())
    for k, path in enumerate(progress(scans)):
        scan, pose, unit = _placed(path, percentile)
        if min(scan.grid.shape) < 8:
            raise InputError(f"the scan has only {scan.grid.shape} voxels", "pretrain on whole heads", path)
        images[k] = np.clip(laid(scan.data, pose, axes, order), 0, None) / unit
        halves.append(pose.half_mm(scan.grid))
        digest.update(scan.data.tobytes())
    x, y, z = np.mean(halves, axis=0)
    slices = AlignedSlices(images, (axes[0], axes[1], axes[2]), order)
    return Cohort(slices, plane, percentile, (float(x), float(y), float(z)), digest.hexdigest())


def read_heads(
    paths: Iterable[Path],
    *,
    percentile: float = 99.5,
    progress: Callable[[list[Path]], Iterable[Path]] = iter,
) -> list[CleanScan]:
    """Read scans for a detail prior to learn from: normalised, placed, on the grid that was acquired.

    A zero-filled axis is cropped in k-space to what was measured: else the network
    learns that edges are soft. Thick slices are not cut across.

    Args:
        paths: NIfTI files.
        percentile: of the foreground that becomes 1.
        progress: wraps the list of paths, for a progress bar.

    Raises:
        InputError: a scan cannot be read or is empty; the message names it.
    """
    heads = []
    for path in progress(list(paths)):
        scan, pose, unit = _placed(path, percentile)
        image = torch.from_numpy(np.clip(scan.data, 0, None) / np.float32(unit))
        for axis in range(3):
            image = fourier_resize(image.movedim(axis, -1), acquired_size(scan.data, axis)).movedim(-1, axis)
        data = np.ascontiguousarray(image.clamp_min(0).numpy().astype(np.float16))
        x, y, z = (pose.axis_coordinates(k, n) for k, n in enumerate(data.shape))
        i, j, k = (ras for ras, _ in pose.axes)
        a, b, c = (float(extent) / n for extent, n in zip(scan.grid.extent, data.shape))
        heads.append(CleanScan(data, (x, y, z), (i, j, k), (a, b, c), _axes_to_cut(scan, data.shape)))
    return heads


def _axes_to_cut(scan: Volume, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Array axes along which slices are fit to learn from: not across thick slices, nor where a slice is narrow."""
    spacing = scan.grid.spacing
    axes = (scan.slice_axis,) if max(spacing) / min(spacing) > THICK else (0, 1, 2)
    wide = [axis for axis in axes if min(n for k, n in enumerate(shape) if k != axis) >= NARROW]
    return tuple(wide) or axes
