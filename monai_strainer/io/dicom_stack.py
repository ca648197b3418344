# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Where the slices of a DICOM series lie: their positions decide the order, never their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from .dicom_frames import Fault, Frame, names_of

__all__ = ["TILED", "are_tiled", "is_a_stack", "is_orthonormal", "normal_of", "places_of"]

TILED = ("MOSAIC", "VFRAME")  # words of Siemens and United Imaging for many slices side by side in one image


def are_tiled(frames: Sequence[Frame]) -> bool:
    """Whether an image holds many slices side by side, so that its position means nothing."""
    return any(word in frame.image_type for frame in frames for word in TILED)


def is_orthonormal(iop: NDArray[np.float64]) -> bool:
    """Whether six numbers are two perpendicular unit vectors."""
    row, column = iop[:3], iop[3:]
    return bool(max(abs(row @ row - 1), abs(column @ column - 1), abs(row @ column)) < 2e-3)


def normal_of(frames: Sequence[Frame]) -> NDArray[np.float64] | None:
    """(3,) the direction across the slices, LPS; None where the orientation is not told or is nonsense."""
    iop = frames[0].numbers("ImageOrientationPatient", 6)
    return None if iop is None or not np.isfinite(iop).all() or not is_orthonormal(iop) else np.cross(iop[:3], iop[3:])


def places_of(frames: Sequence[Frame]) -> NDArray[np.float64] | None:
    """(frames, 3) positions of the first voxels, LPS mm; None where one is not told or is nonsense."""
    places = [f.numbers("ImagePositionPatient", 3) for f in frames]
    told = [place for place in places if place is not None and np.isfinite(place).all()]
    return np.stack(told) if len(told) == len(frames) else None


def is_a_stack(frames: Sequence[Frame]) -> Iterable[Fault]:
    """One image per place, places on a straight line across the slices, one step apart."""
    normal, places = normal_of(frames), places_of(frames)
    if normal is None or places is None or len(frames) < 2 or are_tiled(frames):
        return
    heights = places @ normal
    order = np.argsort(heights, kind="stable")
    steps, ordered = np.diff(heights[order]), [frames[k] for k in order]
    usual = float(np.median(steps))
    same = np.flatnonzero(steps < max(1e-3, 0.01 * usual))
    if same.size:
        pair = ordered[same[0]], ordered[same[0] + 1]
        many = (
            "an image lies where another one does" if same.size == 1 else f"{same.size} images lie where another does"
        )
        yield Fault(
            f"{many}, and nothing in their headers tells volumes apart",
            "remove what is there twice, or convert the series with dcm2niix and choose one volume of it with --volume",
            names_of(pair),
        )
        return
    odd = np.flatnonzero(np.abs(steps - usual) > max(0.01 * usual, 2e-3))
    if odd.size:
        k = int(odd[0])
        yield Fault(
            f"the slices are {usual:.3g} mm apart, but {steps[k]:.3g} mm here: slices are missing, or the step varies",
            "fetch the missing slices",
            names_of(ordered[k : k + 2]),
        )
        return
    line = places[order[-1]] - places[order[0]]
    along = float(line @ normal)
    if np.linalg.norm(line - along * normal) > 0.01 * abs(along):
        drift = np.linalg.norm(line - along * normal) / (len(frames) - 1)
        yield Fault(
            f"the slices are shifted by {drift:.3g} mm from one to the next: the stack is sheared (gantry tilt)",
            "convert it with dcm2niix, which straightens it",
            names_of(ordered[:1]),
        )
        return
    ideal = places[order[0]] + np.outer(np.linspace(0, 1, len(frames)), line)
    off = np.abs(places[order] - ideal).max(axis=1)
    spacing = frames[0].numbers("PixelSpacing", 2)
    allowed = 0.1 * float(spacing.min()) if spacing is not None and np.isfinite(spacing).all() else 0.1
    if off.max() > max(allowed, 0.01 * usual):
        yield Fault(
            f"the slices do not lie on one line: one is {off.max():.3g} mm beside it",
            "export the series from the archive again",
            names_of([ordered[int(off.argmax())]]),
        )
