# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Put balls and straight vessels into a clean scan, and say how much of their contrast an image shows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from monai_strainer import Volume
from monai_strainer.anatomy.foreground import foreground

__all__ = [
    "BALLS",
    "SIZES",
    "Lesion",
    "Lesions",
    "centreline",
    "erased",
    "false_spots",
    "profile",
    "recovered",
    "with_lesions",
]

BALLS = ("1 mm", "2 mm", "3 mm", "5 mm", "8 mm")
VESSELS = ("vessel 1 mm", "vessel 2 mm", "vessel 3 mm")
SIZES = (*BALLS, *VESSELS)
LENGTH = 20.0  # mm, of a vessel
EACH, FINE, CONTRAST, GAP = 4, 5, 0.3, 4.0  # of each size; parts of a voxel; of the 90th percentile; mm between them
Image = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Lesion:
    """One lesion of a slab.

    Args:
        size: one of ``SIZES``.
        where: the box that holds it.
        weight: of the voxels of that box: the lesion itself for a ball, 1 on the centreline of a vessel.
    """

    size: str
    where: tuple[slice, ...]
    weight: Image


@dataclass(frozen=True, eq=False)
class Lesions:
    """A slab, and the same slab with lesions.

    Args:
        scan: without lesions.
        changed: with all of them.
        parts: every one.
    """

    scan: Volume
    changed: Volume
    parts: tuple[Lesion, ...]


def profile(size: str, spacing: NDArray[np.float64], axis: int, angle: float = 0.0) -> Image:
    """Return the share of every voxel that a ball, or a vessel within the plane, fills.

    Args:
        size: one of ``SIZES``, or another diameter.
        spacing: ``(3,)`` in mm.
        axis: across the slices.
        angle: of a vessel to the first axis of the plane.

    Example:
        >>> share = profile("3 mm", np.ones(3), 2)
        >>> share.shape, round(float(share.sum()), 1)  # mm^3
        ((3, 3, 3), 14.2)
    """
    diameter = float(size.split()[-2])
    radius = diameter / 2
    half = _half(size, spacing, axis, radius)
    along, across = _along_and_across([_fine(n) * s for n, s in zip(half, spacing)], axis, angle)
    if size in VESSELS:
        inside = (across <= radius**2) & (np.abs(along) <= LENGTH / 2)
    else:
        inside = along**2 + across <= radius**2
    shape = [m for n in half for m in (2 * n + 1, FINE)]
    share: Image = inside.reshape(shape).mean((1, 3, 5)).astype(np.float32)
    return share[ndimage.find_objects((share > 0).astype(int))[0]]


def centreline(share: Image, spacing: NDArray[np.float64], axis: int, angle: float) -> Image:
    """Return 1 at the voxels of a vessel's box whose middle is within half a voxel of its axis, 2 mm from its ends."""
    places = [(np.arange(n) - (n - 1) / 2) * s for n, s in zip(share.shape, spacing)]
    along, across = _along_and_across(places, axis, angle)
    near = np.sqrt(across) <= 0.5 * max(s for k, s in enumerate(spacing) if k != axis)
    on: Image = (near & (np.abs(along) <= LENGTH / 2 - 2)).astype(np.float32)
    return on


def _half(size: str, spacing: NDArray[np.float64], axis: int, radius: float) -> list[int]:
    """Return voxels on either side of the middle that hold the whole lesion at any angle."""
    reach = [LENGTH / 2 + radius if size in VESSELS and k != axis else radius for k in range(3)]
    return [int(np.ceil(r / s)) + 1 for r, s in zip(reach, spacing)]


def _fine(half: int) -> NDArray[np.float64]:
    """Positions within voxels ``-half .. half``, ``FINE`` in each."""
    return (np.arange((2 * half + 1) * FINE) + 0.5) / FINE - half - 0.5


def _along_and_across(
    places: list[NDArray[np.float64]], axis: int, angle: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the position along a direction of the plane, and the square of the distance from that line."""
    grid = np.meshgrid(*places, indexing="ij", sparse=True)
    first, second = (grid[k] for k in range(3) if k != axis)
    along = np.cos(angle) * first + np.sin(angle) * second
    aside = np.cos(angle) * second - np.sin(angle) * first
    return along, aside**2 + grid[axis] ** 2


def with_lesions(scan: Volume, sign: int, seed: int) -> Lesions:
    """Put lesions at random places 3 mm inside the object, apart from one another; vessels in random directions.

    Args:
        scan: a slab without lesions.
        sign: 1 for bright, -1 for dark ones.
        seed: of places and directions.
    """
    rng, spacing, axis = np.random.default_rng(seed), scan.grid.spacing, scan.slice_axis
    head = foreground(scan.data)
    free = ndimage.distance_transform_edt(head, spacing) > 3
    changed, parts = scan.data.copy(), []
    height = sign * CONTRAST * float(np.percentile(scan.data[head], 90))
    for size in sorted(SIZES, key=lambda name: (name not in VESSELS, -float(name.split()[-2]))):
        for _ in range(EACH):
            angle = float(rng.uniform(0, np.pi)) if size in VESSELS else 0.0
            share = profile(size, spacing, axis, angle)
            window = [min(m, n) for m, n in zip(share.shape, free.shape)]
            places = np.argwhere(ndimage.minimum_filter(free, window, mode="constant", cval=0))
            if not len(places):
                break
            middle = places[rng.integers(len(places))]
            reach = [n // 2 for n in share.shape]
            where = tuple(slice(max(0, m - r), m + r + 1) for m, r in zip(middle, reach))
            some = tuple(slice(max(0, r - m), min(2 * r + 1, n - m + r)) for m, r, n in zip(middle, reach, free.shape))
            before = changed[where].copy()
            changed[where] = np.maximum(before + height * share[some], 0)
            line = centreline(share, spacing, axis, angle)[some] if size in VESSELS else changed[where] - before
            parts.append(Lesion(size, where, line))
            gap = [int(np.ceil(GAP / s)) for s in spacing]
            free[tuple(slice(max(0, w.start - g), w.stop + g) for w, g in zip(where, gap))] = False
    return Lesions(scan, replace(scan, data=changed), tuple(parts))


def erased(scan: Volume, seed: int) -> Lesions:
    """Erase balls of 10 mm where a slab has most structure, and return the original slab as the changed one.

    What :func:`recovered` says of `restored - scan` is then the share of the erased structure that comes back.

    Args:
        scan: a slab.
        seed: of the choice among the places.
    """
    rng, spacing = np.random.default_rng(seed), scan.grid.spacing
    smooth = ndimage.gaussian_filter(scan.data, 4 / spacing)
    structure = np.square(scan.data - smooth)
    deep = ndimage.distance_transform_edt(foreground(scan.data), spacing) > 6
    free = deep & (ndimage.gaussian_filter(structure, 2 / spacing) > np.percentile(structure[deep], 80))
    data, parts, index = scan.data.copy(), [], np.indices(scan.data.shape)
    while free.any() and len(parts) < 2 * EACH:
        places = np.argwhere(free)
        away = (index - places[rng.integers(len(places))].reshape(3, 1, 1, 1)) * spacing.reshape(3, 1, 1, 1)
        distance = np.sqrt(np.square(away).sum(0))
        gone = np.clip((5 - distance) / 2, 0, 1).astype(np.float32)
        where = ndimage.find_objects((gone > 0).astype(int))[0]
        data[where] += (gone * (smooth - data))[where]
        parts.append(Lesion("erased", where, (scan.data - data)[where]))
        free &= distance > 10 + GAP
    return Lesions(replace(scan, data=data), scan, tuple(parts))


def recovered(made: Lesions, change: Image) -> dict[str, float]:
    """Return the mean share of the contrast that is left, by size.

    Args:
        made: the lesions.
        change: (X, Y, Z), restored with lesions less restored without.
    """
    lesion = made.changed.data - made.scan.data
    found: dict[str, list[float]] = {}
    for part in made.parts:
        whole = float((lesion[part.where] * part.weight).sum())
        if whole != 0:
            found.setdefault(part.size, []).append(float((change[part.where] * part.weight).sum()) / whole)
    return {size: float(np.mean(values)) for size, values in found.items()}


def false_spots(error: Image, scan: Volume, size: str = "2 mm") -> float:
    """Count the spots that a restored control shows and the truth does not, in 100 ml of the object.

    A spot is where the best fit of a ball to the error has at least half the contrast of the lesions above.

    Args:
        error: (X, Y, Z), restored less truth.
        scan: the truth.
        size: of the ball.
    """
    head, spacing = foreground(scan.data), scan.grid.spacing
    ball = profile(size, spacing, scan.slice_axis)
    fit = ndimage.correlate(error, ball / np.square(ball).sum(), mode="constant")
    limit = CONTRAST / 2 * float(np.percentile(scan.data[head], 90))
    spots = sum(ndimage.label(head & (side * fit > limit))[1] for side in (1, -1))
    return float(spots / (head.sum() * np.prod(spacing) / 1e5))
