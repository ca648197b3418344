# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read DICOM series as volumes: order and geometry follow from positions; nothing is decoded before it is checked."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...geometry import Grid, ras_to_lps
from ...volume import STEPS_THICK, Volume
from .checks import faults_of, findings
from .counts import missing_of
from .frame import Fault, Frame, quiet
from .pixels import decode
from .stack import line_of, normal_of, positions_of
from .survey import INDEX, Survey, survey
from .volumes import listed, volumes_of

__all__ = ["DicomSource", "read_dicom"]

MOST = 6  # faults listed in full
OTHER = 0.01  # a slice thickness this close to the step between slices is the step


@dataclass(frozen=True, eq=False)
class DicomSource:
    """Where a volume came from, and what is needed to write a series of the same kind.

    Args:
        frames: of the series, without pixels, in the order of the slices.
        slope, intercept: from stored values to intensities; None where they differ between slices.
        name: for records: a hash of the series, since folders are named after patients.
        sha256: over the bytes of all files of the series.
        path: the file or folder, so that it is never written over; not shown.
        findings: what was accepted, and should be known.
    """

    frames: tuple[Frame, ...] = field(repr=False)
    slope: float | None
    intercept: float | None
    name: str
    sha256: str
    path: Path = field(repr=False)
    findings: tuple[str, ...] = ()


def read_dicom(path: Path, limit_bytes: int, series_uid: str | None = None, volume: int | None = None) -> Volume:
    """Read one volume of one MR series.

    Args:
        path, limit_bytes, series_uid, volume: see :func:`monai_strainer.io.read`.

    Raises:
        InputError: the path does not exist, or the files do not make one sound volume.

    Source:
        DICOM PS3.3, C.7.6.2 (Image Plane), C.7.6.16 (Multi-frame Functional Groups), C.8.3 (MR).
    """
    if not path.exists():
        raise InputError("there is no such file or folder", "check the path", path)
    with quiet():
        return _read(path, limit_bytes, series_uid, volume)


def _read(path: Path, limit_bytes: int, series_uid: str | None, volume: int | None) -> Volume:
    found = survey(path, limit_bytes)
    series = _one_series(found, series_uid)
    frames = _one_volume(series, volume)
    faults = [*found.faults, *faults_of(frames), *_too_much(frames, limit_bytes)]
    _refuse(faults)
    normal, positions = normal_of(frames), positions_of(frames)
    assert normal is not None and positions is not None  # the checks have seen to that
    order = np.argsort(positions @ normal, kind="stable")
    frames = [frames[k] for k in order]
    values = decode(frames)
    slopes = {frame.rescale() for frame in frames}
    slope, intercept = next(iter(slopes)) if len(slopes) == 1 else (None, None)
    iop = frames[0].numbers("ImageOrientationPatient", 6)
    spacing = frames[0].numbers("PixelSpacing", 2)
    assert iop is not None and spacing is not None
    thickness = frames[0].number("SliceThickness")
    thickness = thickness if thickness is not None and math.isfinite(thickness) and thickness > 0 else None
    notes = [*findings(frames), *missing_of(series, frames), *found.notes]
    first, step = line_of(frames) if len(frames) > 1 else (positions[order[0]], normal * (thickness or 1.0))
    affine = np.eye(4)  # columns: along a row, down a column, across the slices
    affine[:3, 0], affine[:3, 1] = iop[:3] * spacing[1], iop[3:] * spacing[0]
    affine[:3, 2], affine[:3, 3] = step, first
    grid = Grid((values.shape[0], values.shape[1], values.shape[2]), ras_to_lps(affine))
    steps = None if thickness is None else thickness / float(grid.spacing[2])
    if steps is not None and STEPS_THICK.fault(steps):
        notes.append(f"SliceThickness of {thickness:g} mm is not used: the slices are {grid.spacing[2]:.3g} mm apart")
        steps = None
    is_other = steps is not None and abs(steps - 1) > OTHER
    digest = hashlib.sha256()
    for of_file in dict.fromkeys((frame.file, frame.sha256) for frame in frames):
        digest.update(bytes.fromhex(of_file[1]))
    name = hashlib.sha256(frames[0].text("SeriesInstanceUID").encode()).hexdigest()[:12]
    source = DicomSource(
        tuple(frames),
        slope,
        intercept,
        f"dicom-{name}",
        digest.hexdigest(),
        path.resolve(),
        tuple(notes),
    )
    return Volume(values, grid, source, slice_axis=2, thickness=thickness if is_other else None)


def _refuse(faults: Sequence[Fault]) -> None:
    """Raise all faults as one error."""
    if not faults:
        return
    notes = [str(fault) for fault in faults[:MOST]] + ([f"{len(faults) - MOST} more"] if len(faults) > MOST else [])
    remedies = list(dict.fromkeys(fault.remedy for fault in faults[:MOST]))
    raise InputError("; ".join(notes), "; ".join(remedies))


def _one_series(found: Survey, series_uid: str | None) -> list[Frame]:
    """Return the frames of the one series that is meant."""
    if not found.series:
        _refuse(found.faults)
        seen = "; ".join(f"{what} ({count})" for what, count in sorted(found.skipped.items()))
        if INDEX in found.skipped:
            remedy = "pass the folder that holds the images, and --series-uid where it holds several series"
        else:
            remedy = "pass MR images"
        raise InputError(f"no DICOM image was found{f' (passed over: {seen})' if seen else ''}", remedy)
    if series_uid is not None:
        if series_uid not in found.series:
            raise InputError("there is no series of the UID asked for", f"choose with --series-uid:{_listed(found)}")
        return found.series[series_uid]
    if len(found.series) > 1:
        if torn := _torn(found):
            raise InputError(
                f"{torn} images of one series number, matrix and orientation have a SeriesInstanceUID (0020,000E) each",
                "export or de-identify them again so that they keep one, or give them one with DCMTK: dcmodify -nb -m "
                '"(0020,000E)=UID" with the UID of any of them',
            )
        raise InputError(f"there are {len(found.series)} series", f"choose one with --series-uid:{_listed(found)}")
    return next(iter(found.series.values()))


def _torn(found: Survey) -> int:
    """How many images have a series each, though they belong together: what some de-identifiers leave."""
    groups = Counter[tuple[object, ...]]()
    for frames in found.series.values():
        iop = frames[0].numbers("ImageOrientationPatient", 6)
        orientation = None if iop is None else tuple(np.round(iop, 2))
        size = tuple(frames[0].text(keyword) for keyword in ("SeriesNumber", "Rows", "Columns"))
        groups[size, orientation] += 1 if len(frames) == 1 else -len(frames)
    return max(groups.values()) if max(groups.values()) > 2 else 0


def _one_volume(frames: list[Frame], volume: int | None) -> list[Frame]:
    """Return the frames of the one volume that is meant."""
    parts = volumes_of(frames)
    if volume is None and len(parts) > 1:
        raise InputError(f"the series holds {len(parts)} volumes", f"choose one with --volume:{listed(parts)}")
    if volume is not None and not 1 <= volume <= len(parts):
        raise InputError(f"there is no volume {volume}", f"choose with --volume:{listed(parts)}")
    return parts[(volume or 1) - 1].frames


def _listed(found: Survey) -> str:
    """Every series by number, images, kind and UID: free text may name patients."""
    rows = []
    for uid, frames in found.series.items():
        first = frames[0]
        number, size = first.text("SeriesNumber") or "?", f"{first.text('Columns')} x {first.text('Rows')}"
        kind = " ".join(re.sub("[^A-Z0-9_ ]", "", word)[:16] for word in first.image_type)
        rows.append(f"{uid or 'without UID'}: series {number[:12]}, {len(frames)} images of {size}, {kind}")
    return "".join(f"\n  {row}" for row in rows)


def _too_much(frames: Sequence[Frame], limit: int) -> list[Fault]:
    """Check what the headers declare against the limit: nothing is decoded before."""
    total = 0.0
    for frame in frames:
        size = [frame.number(keyword) for keyword in ("Rows", "Columns")]
        total += 4.0 * math.prod(value for value in size if value is not None and math.isfinite(value))
    if total <= limit:
        return []
    return [
        Fault(f"the headers declare {total:.0f} bytes of voxels, more than the limit of {limit}", "pass fewer slices")
    ]
