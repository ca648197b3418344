# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Count the images of a series against what their headers say, and name what seems to be missing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from .frame import Frame, integer_of, tag_of
from .stack import line_of, normal_of, stated_spacing

__all__ = ["missing_of"]

RUNS = 4  # runs of missing numbers named one by one


def missing_of(series: Sequence[Frame], volume: Sequence[Frame]) -> list[str]:
    """List what seems to be missing, in sentences.

    These are warnings, not refusals: numbers may count what was acquired, of which a series is only a part.

    Args:
        series: all its images.
        volume: those of one volume, in the order of their positions.
    """
    found = [*_of_series(series), *_of_volume(volume), *_of_numbers(series), *_of_step(volume)]
    return list(dict.fromkeys(found))


def _most(frames: Sequence[Frame], keyword: str) -> int:
    """Return the greatest number that an attribute holds, or 0 where there is none."""
    return max((integer_of(frame.get(keyword)) or 0 for frame in frames), default=0)


def _short(name: str, declared: int, here: int, what: str) -> Iterator[str]:
    if 0 < here < declared < 2**31:
        yield f"{name} says {declared} {what}, {here} are here: {declared - here} may be missing"


def _of_series(series: Sequence[Frame]) -> Iterator[str]:
    """Images, files and times of the whole series."""
    declared = _most(series, "ImagesInAcquisition")
    here = Counter(frame.text("AcquisitionNumber") for frame in series)
    is_each = len(series) > declared  # several acquisitions, each with its own count
    yield from _short(tag_of("ImagesInAcquisition"), declared, min(here.values()) if is_each else len(series), "images")
    files = len({frame.file for frame in series})
    yield from _short(
        tag_of("NumberOfSeriesRelatedInstances"), _most(series, "NumberOfSeriesRelatedInstances"), files, "files"
    )
    if not declared:
        declared = _private(series, "GEMS_SERS_01", 0x0025, 0x07)
        yield from _short("the private element (0025,1007) of GE", declared, len(series), "images")
    times = {f.text("TemporalPositionIdentifier") or f.text("TemporalPositionIndex") for f in series}
    positions = Counter(f.text("ImagePositionPatient") for f in series)
    count = max(len(times), max(positions.values()))
    yield from _short(tag_of("NumberOfTemporalPositions"), _most(series, "NumberOfTemporalPositions"), count, "times")
    parts = {f.text("InConcatenationNumber") for f in series}
    yield from _short(
        tag_of("InConcatenationTotalNumber"), _most(series, "InConcatenationTotalNumber"), len(parts), "parts"
    )


def _of_volume(volume: Sequence[Frame]) -> Iterator[str]:
    """Slices of one volume."""
    for name, declared in (
        (tag_of("NumberOfSlices"), _most(volume, "NumberOfSlices")),
        ("the private element (2001,1018) of Philips", _private(volume, "Philips Imaging DD 001", 0x2001, 0x18)),
        ("the private element (0021,104F) of GE", _private(volume, "GEMS_RELA_01", 0x0021, 0x4F)),
    ):
        yield from _short(name, declared, len(volume), "slices")


def _private(frames: Sequence[Frame], creator: str, group: int, element: int) -> int:
    return integer_of(frames[0].private(creator, group, element)) or 0


def _of_numbers(series: Sequence[Frame]) -> Iterator[str]:
    """Gaps in InstanceNumber, where every file has its own."""
    numbers = [integer_of(frame.get("InstanceNumber")) for frame in series]
    stated = sorted({number for number in numbers if number is not None})
    if any(frame.is_enhanced for frame in series) or len(stated) < len(series) or len(stated) < 2:
        return
    steps = np.diff(stated)
    usual = int(np.bincount(np.minimum(steps, 1000)).argmax())
    gaps = [(stated[k] + usual, stated[k + 1] - usual) for k in np.flatnonzero(steps > usual)]
    if usual == 1 and 1 < stated[0] <= len(stated):
        gaps.insert(0, (1, stated[0] - 1))
    if gaps:
        runs = [str(low) if low == high else f"{low} to {high}" for low, high in gaps[:RUNS]]
        more = f" and {len(gaps) - RUNS} more gaps" if len(gaps) > RUNS else ""
        yield f"{tag_of('InstanceNumber')} {', '.join(runs)}{more} is not there: images may be missing"


def _of_step(volume: Sequence[Frame]) -> Iterator[str]:
    """Slices that lie a whole number of steps apart."""
    stated, normal = stated_spacing(volume), normal_of(volume)
    if stated is None or normal is None or len(volume) < 2:
        return
    step = float(line_of(volume)[1] @ normal)
    times = round(step / stated)
    if 2 <= times <= 4 and math.isclose(step, times * stated, rel_tol=0.01):
        yield (
            f"the slices are {step:.3g} mm apart, {tag_of('SpacingBetweenSlices')} says {stated:.3g} mm: "
            f"{times - 1} of every {times} may be missing"
        )
