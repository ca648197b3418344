# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Compare two visits of one person by tissues, and different people by their detail on a common grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from experiments.rigid import carried, rigid
from monai_strainer import Volume, read
from monai_strainer.anatomy.foreground import foreground
from monai_strainer.anatomy.head_frame import Pose, find_pose, laid
from monai_strainer.geometry import centres
from monai_strainer.metrics import psnr
from monai_strainer.restoring.quality import tissue_thresholds

__all__ = ["TISSUES", "Pair", "Slab", "agreement", "cut", "details", "distances", "identities", "paired", "shared"]

TISSUES = ("csf", "gm", "wm")
HEIGHT = 0.1  # of the slab's middle in the head's box, -1 to 1
FRAME, REACH = (15, 176, 140), 0.12  # slices, rows and columns of the common grid; its slices reach so far from HEIGHT
COARSE = 4.0  # voxels of the common grid: the high-pass image is what a Gaussian of this deviation takes away
Image = NDArray[np.float32]
Rows = NDArray[np.float64]
Same = Callable[[int, int], bool]


@dataclass(frozen=True, eq=False)
class Slab:
    """Some axial slices of a scan.

    Args:
        name: of the scan.
        volume: the slices, in-plane cropped to even sides.
        pose: where the head is in them.
        bright: 99th percentile of the slices; noise is relative to it.
        split: "train" or "val", of the cohort's prior.
    """

    name: str
    volume: Volume
    pose: Pose
    bright: float
    split: str


def cut(path: Path, split: str, depth: int) -> Slab:
    """Cut the slab at ``HEIGHT`` out of a scan."""
    scan = read(path)
    axis = scan.grid.axis_of("axial")
    pose = find_pose(foreground(scan.data), scan.grid)
    n = scan.grid.shape[axis]
    place = pose.axes[axis][1] * HEIGHT * pose.half[axis] + pose.centre[axis]
    start = int(np.clip(round((place + 1) * n / 2 - depth / 2), 0, n - depth))
    part = [slice(m // 4 * 4) for m in scan.grid.shape]
    part[axis] = slice(start, start + depth)
    data = np.ascontiguousarray(np.maximum(scan.data[tuple(part)], 0))
    affine = scan.grid.affine.copy()
    affine[:3, 3] += affine[:3, axis] * start
    volume = Volume(data, replace(scan.grid, shape=data.shape, affine=affine), slice_axis=axis)
    bright = float(np.percentile(data, 99))
    return Slab(path.parent.parent.name, volume, pose.within(scan.grid.shape, part), bright, split)


@dataclass(frozen=True, eq=False)
class Pair:
    """Two visits of one person, and how the second lies in the first.

    Args:
        visits: first and second.
        motion: from :func:`experiments.rigid.rigid`.
        mask: voxels of the first slab that both show, by the clean scans.
        gain: that brings the second to the intensities of the first, by the clean scans.
        limits: between three tissues, by the clean first visit.
    """

    visits: tuple[Slab, Slab]
    motion: Rows
    mask: NDArray[np.bool_]
    gain: float
    limits: tuple[float, float]

    def carry(self, second: Image) -> Image:
        """Carry an image of the second visit to the first; NaN where there is none."""
        one, two = self.visits
        return carried(second, two.volume.grid, one.volume.grid, self.motion)


def paired(one: Slab, two: Slab, whole: tuple[Volume, Volume]) -> Pair:
    """Register the clean scans, and fix what all states of a pair are compared by."""
    motion = rigid(*whole)
    moved = carried(two.volume.data, two.volume.grid, one.volume.grid, motion)
    inside = foreground(two.volume.data).astype(np.float32)
    there = carried(inside, two.volume.grid, one.volume.grid, motion, order=1)
    mask = foreground(one.volume.data) & (np.nan_to_num(there) > 0.5) & np.isfinite(moved)
    values = one.volume.data[mask]
    low, high = tissue_thresholds(values) or np.percentile(values, [33, 67])
    gain = float(np.median(values) / np.median(moved[mask]))
    return Pair((one, two), motion, mask, gain, (float(low), float(high)))


def agreement(pair: Pair, first: Image, second: Image) -> dict[str, float]:
    """Compare two visits: PSNR in dB, Dice and volume difference in percent of three tissues by fixed thresholds."""
    moved, mask = pair.gain * pair.carry(second), pair.mask
    peak = float(np.percentile(pair.visits[0].volume.data[mask], 99.9))
    found = {"psnr": psnr(moved[mask], first[mask], data_range=peak)}
    classes = [np.digitize(x[mask], pair.limits) for x in (first, moved)]
    for k, tissue in enumerate(TISSUES):
        a, b = (c == k for c in classes)
        both, sizes = int((a & b).sum()), (int(a.sum()), int(b.sum()))
        found[f"dice_{tissue}"] = 2 * both / max(sum(sizes), 1)
        found[f"volume_{tissue}"] = 200 * (sizes[1] - sizes[0]) / max(sum(sizes), 1)
    found["dice"] = float(np.mean([found[f"dice_{tissue}"] for tissue in TISSUES]))
    return found


def in_frame(slab: Slab, data: Image, frame: tuple[int, int, int] = FRAME) -> Image:
    """Lay a slab onto the common grid of head coordinates."""
    axes = [HEIGHT + REACH * centres(frame[0]), centres(frame[1]), centres(frame[2])]
    return laid(data, slab.pose, axes, order=(2, 1, 0))


def shared(slabs: Sequence[Slab]) -> NDArray[np.bool_]:
    """Return the voxels of the common grid that lie inside every head, less three at its edge."""
    masks = [in_frame(slab, foreground(slab.volume.data).astype(np.float32)) > 0.5 for slab in slabs]
    return np.asarray(ndimage.binary_erosion(np.all(masks, axis=0), np.ones((1, 3, 3)), iterations=3))


def details(slabs: Sequence[Slab], images: Sequence[Image], inside: NDArray[np.bool_]) -> Rows:
    """Return ``(n, N)`` high-pass images on the common grid, each with mean 0 and length 1, in the mask."""
    found = []
    for slab, data in zip(slabs, images):
        x = in_frame(slab, data).astype(np.float64)
        high = (x - ndimage.gaussian_filter(x, COARSE))[inside]
        high -= high.mean()
        found.append(high / np.linalg.norm(high))
    return np.stack(found)


def identities(slabs: Sequence[Slab], clean: Rows, restored: Mapping[int, Rows], same: Same) -> list[dict[str, Any]]:
    """Say, for every restored scan, which clean scan is nearest, and which clean scan of another visit or person.

    Args:
        slabs: all scans.
        clean: their high-pass images.
        restored: high-pass images of some of them, by index.
        same: whether two indices are one person.
    """
    rows = []
    for k, image in restored.items():
        r = clean @ image
        order = [int(j) for j in np.argsort(-r)]
        others = [j for j in order if j != k]
        unrelated = [j for j in others if not same(j, k)]
        row = {"scan": slabs[k].name, "own": float(r[k]), "unrelated": float(r[unrelated[0]])}
        row |= {"is_own": int(same(order[0], k))}
        if len(unrelated) < len(others):  # there is another visit
            row |= {"visit": float(max(r[j] for j in others if same(j, k))), "is_visit": int(same(others[0], k))}
        rows.append(row)
    return rows


def distances(images: Rows, index: Sequence[int], same: Same) -> Rows:
    """Return one minus the correlation of every two images of different people."""
    r = images @ images.T
    found = [1 - r[a, b] for a in range(len(index)) for b in range(a) if not same(index[a], index[b])]
    return np.asarray(found)
