# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Sort the slices of a DICOM series by their positions, never by their numbers, and find where they lie."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation

import numpy as np
from numpy.typing import NDArray

from .frame import Fault, Frame, names_of

__all__ = [
    "TILED",
    "are_tiled",
    "is_a_stack",
    "is_orthonormal",
    "line_of",
    "normal_of",
    "positions_of",
    "stated_spacing",
]

TILED = ("MOSAIC", "VFRAME")  # words of Siemens and United Imaging for many slices side by side in one image


def are_tiled(frames: Sequence[Frame]) -> bool:
    """Return whether an image holds many slices side by side, so that its position means nothing."""
    return any(word in frame.image_type for frame in frames for word in TILED)


def is_orthonormal(iop: NDArray[np.float64]) -> bool:
    """Return whether six numbers are two perpendicular unit vectors."""
    row, column = iop[:3], iop[3:]
    return bool(max(abs(row @ row - 1), abs(column @ column - 1), abs(row @ column)) < 2e-3)


def normal_of(frames: Sequence[Frame]) -> NDArray[np.float64] | None:
    """(3,) the direction across the slices, LPS; None where the orientation is missing or is nonsense."""
    iop = frames[0].numbers("ImageOrientationPatient", 6)
    return None if iop is None or not np.isfinite(iop).all() or not is_orthonormal(iop) else np.cross(iop[:3], iop[3:])


def positions_of(frames: Sequence[Frame]) -> NDArray[np.float64] | None:
    """(frames, 3) positions of the first voxels, LPS mm; None where one is missing or is nonsense."""
    positions = [f.numbers("ImagePositionPatient", 3) for f in frames]
    stated = [position for position in positions if position is not None and np.isfinite(position).all()]
    return np.stack(stated) if len(stated) == len(frames) else None


def stated_spacing(frames: Sequence[Frame]) -> float | None:
    """SpacingBetweenSlices in mm, where it is a length; some vendors sign it."""
    value = frames[0].number("SpacingBetweenSlices")
    return abs(value) if value is not None and math.isfinite(value) and value != 0 else None


def units_of(frames: Sequence[Frame]) -> NDArray[np.float64]:
    """(3,) mm: the last decimal in which positions are written, for each of their coordinates."""
    finest = [0, 0, 0]
    for frame in frames:
        for axis, number in enumerate(frame.get("ImagePositionPatient") or ()):
            try:
                exponent = Decimal(str(getattr(number, "original_string", number)).strip()).as_tuple().exponent
            except InvalidOperation:
                continue
            if axis < 3 and isinstance(exponent, int):
                finest[axis] = min(finest[axis], exponent)
    return 10.0 ** np.array(finest)


def _steps_that_fit(heights: NDArray[np.float64], half: float) -> tuple[float, float]:
    """Return the least and the greatest step of a line that passes every height within ``half``; none where they cross.

    A line of step b does where ``(h_j - h_i - 2 half) / (j - i) <= b <= (h_j - h_i + 2 half) / (j - i)`` for all i < j.
    """
    low, high = -math.inf, math.inf
    for apart in range(1, len(heights)):
        rise = heights[apart:] - heights[:-apart]
        low = max(low, float(rise.max() - 2 * half) / apart)
        high = min(high, float(rise.min() + 2 * half) / apart)
    return low, high


def line_of(frames: Sequence[Frame]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(3,) the first position and (3,) the step of the line through positions in their order, LPS mm.

    Least squares, as positions may be rounded. What rounding explains beside the normal is left out of the step, and
    SpacingBetweenSlices is the step where rounding allows it.
    """
    normal, positions = normal_of(frames), positions_of(frames)
    assert normal is not None and positions is not None  # the checks have seen to that
    count, units = len(frames), units_of(frames)
    index = np.arange(count) - (count - 1) / 2
    step = index @ positions / (index @ index)
    along = float(step @ normal)
    half = 0.5 * float(np.abs(normal) @ units)
    stated, (low, high) = stated_spacing(frames), _steps_that_fit(positions @ normal, half)
    beside = step - along * normal
    if (np.abs(beside) * (count - 1) <= 2 * units).all():
        beside = np.zeros(3)
    step = beside + normal * (stated if stated is not None and low <= stated <= high else along)
    return positions.mean(axis=0) - step * (count - 1) / 2, step


def _is_rounded(heights: NDArray[np.float64], half: float, stated: float | None) -> bool:
    """Return whether steps that vary are those of a line, rounded by up to ``half``, on which no slice is missing.

    Where rounding is so coarse that it may hide a missing slice, the step that the header gives must agree.
    """
    low, high = _steps_that_fit(heights, half)
    if low > high:
        return False
    length, gaps = float(heights[-1] - heights[0]), len(heights) - 1
    if stated is not None and 4 * half >= 0.5 * stated:
        return 2 * half < stated and abs(length - stated * gaps) <= min(2 * half + 0.01 * stated, 0.5 * stated)
    return 4 * half < length / gaps


def is_a_stack(frames: Sequence[Frame]) -> Iterable[Fault]:
    """One image per position, positions on a straight line across the slices, one step apart."""
    normal, positions = normal_of(frames), positions_of(frames)
    if normal is None or positions is None or len(frames) < 2 or are_tiled(frames):
        return
    order = np.argsort(positions @ normal, kind="stable")
    ordered, positions = [frames[k] for k in order], positions[order]
    for check in (_has_one_image_a_position, _has_one_step, _is_straight):
        for fault in check(ordered, positions, normal):
            yield fault
            return


def _has_one_image_a_position(
    ordered: Sequence[Frame], positions: NDArray[np.float64], normal: NDArray[np.float64]
) -> Iterable[Fault]:
    steps = np.diff(positions @ normal)
    same = np.flatnonzero(steps < max(1e-3, 0.01 * float(np.median(steps))))
    if not same.size:
        return
    pair = names_of((ordered[same[0]], ordered[same[0] + 1]))
    stated = stated_spacing(ordered)
    if stated is not None and float(units_of(ordered).max()) > stated / 2 and len(same) < len(ordered) / 2:
        yield _too_coarse(ordered, stated, pair)
        return
    many = "an image lies where another one does" if same.size == 1 else f"{same.size} images lie where another does"
    yield Fault(
        f"{many}, and nothing in their headers separates volumes",
        "remove what is there twice, or convert the series with dcm2niix and choose one volume of it with --volume",
        pair,
    )


def _too_coarse(frames: Sequence[Frame], step: float, names: tuple[str, ...]) -> Fault:
    return Fault(
        f"positions are rounded to {float(units_of(frames).max()):g} mm, too coarse for slices {step:.3g} mm apart",
        "export the series from the archive again, with all decimals of ImagePositionPatient (0020,0032)",
        names,
    )


def _has_one_step(
    ordered: Sequence[Frame], positions: NDArray[np.float64], normal: NDArray[np.float64]
) -> Iterable[Fault]:
    heights = positions @ normal
    steps = np.diff(heights)
    usual = float(np.median(steps))
    odd = np.flatnonzero(np.abs(steps - usual) > max(0.01 * usual, 2e-3))
    half = 0.5 * float(np.abs(normal) @ units_of(ordered))
    if odd.size and not _is_rounded(heights, half, stated_spacing(ordered)):
        k = int(np.abs(steps - usual).argmax()) if half > 1e-3 else int(odd[0])
        if 2 * half >= usual:
            yield _too_coarse(ordered, usual, names_of(ordered[k : k + 2]))
            return
        yield Fault(
            f"the slices are {usual:.3g} mm apart, but {steps[k]:.3g} mm here: slices are missing, or the step varies",
            "fetch the missing slices",
            names_of(ordered[k : k + 2]),
        )


def _is_straight(
    ordered: Sequence[Frame], positions: NDArray[np.float64], normal: NDArray[np.float64]
) -> Iterable[Fault]:
    units, usual = units_of(ordered), float(np.median(np.diff(positions @ normal)))
    line = positions[-1] - positions[0]
    along = float(line @ normal)
    beside = line - along * normal
    if np.linalg.norm(beside) > 0.01 * abs(along) + float(np.linalg.norm(units)):
        drift = np.linalg.norm(beside) / (len(ordered) - 1)
        yield Fault(
            f"the slices are shifted by {drift:.3g} mm from one to the next: the stack is sheared (gantry tilt)",
            "convert it with dcm2niix, which straightens it",
            names_of(ordered[:1]),
        )
        return
    ideal = positions[0] + np.outer(np.linspace(0, 1, len(ordered)), line)
    off = np.maximum(0, np.abs(positions - ideal) - units).max(axis=1)
    spacing = ordered[0].numbers("PixelSpacing", 2)
    allowed = 0.1 * float(spacing.min()) if spacing is not None and np.isfinite(spacing).all() else 0.1
    if off.max() > max(allowed, 0.01 * usual):
        yield Fault(
            f"the slices do not lie on one line: one is {off.max():.3g} mm beside it",
            "export the series from the archive again",
            names_of([ordered[int(off.argmax())]]),
        )
