# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""DICOM series to volumes: order and geometry from positions alone, and nothing decoded before it is checked."""

from __future__ import annotations

import hashlib
import math
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels import pixel_array

from ..errors import InputError
from ..geometry import Grid, ras_to_lps
from ..volume import Volume
from .dicom_frames import Fault, Frame, quiet, tag_of, value_of
from .dicom_refusals import doubts, faults_of
from .dicom_stack import normal_of, places_of
from .dicom_survey import Survey, survey
from .dicom_volumes import listed, volumes_of

__all__ = ["DicomSource", "read_dicom"]

MOST = 6  # faults told in full
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
        doubts: what was accepted, and should be known.
    """

    frames: tuple[Frame, ...] = field(repr=False)
    slope: float | None
    intercept: float | None
    name: str
    sha256: str
    path: Path = field(repr=False)
    doubts: tuple[str, ...] = ()


def read_dicom(path: Path, limit_bytes: int, series_uid: str | None = None, volume: int | None = None) -> Volume:
    """Read one volume of one MR series; see ``monai_strainer.io.read``.

    Source:
        DICOM PS3.3, C.7.6.2 (Image Plane), C.7.6.16 (Multi-frame Functional Groups), C.8.3 (MR).
    """
    if not path.exists():
        raise InputError("there is no such file or folder", "check the path", path)
    with quiet():
        scan = _read(path, limit_bytes, series_uid, volume)
    for doubt in scan.source.doubts:
        warnings.warn(doubt, stacklevel=3)
    return scan


def _read(path: Path, limit_bytes: int, series_uid: str | None, volume: int | None) -> Volume:
    found = survey(path, limit_bytes)
    frames = _one_volume(_one_series(found, series_uid), volume)
    faults = [*found.faults, *faults_of(frames), *_too_much(frames, limit_bytes)]
    _refuse(faults)
    normal, places = normal_of(frames), places_of(frames)
    assert normal is not None and places is not None  # the checks have seen to that
    order = np.argsort(places @ normal, kind="stable")
    frames, places = [frames[k] for k in order], places[order]
    values = _decode(frames)
    slopes = {frame.rescale() for frame in frames}
    slope, intercept = next(iter(slopes)) if len(slopes) == 1 else (None, None)
    iop = frames[0].numbers("ImageOrientationPatient", 6)
    spacing = frames[0].numbers("PixelSpacing", 2)
    assert iop is not None and spacing is not None
    thickness = frames[0].number("SliceThickness")
    thickness = thickness if thickness is not None and math.isfinite(thickness) and thickness > 0 else None
    told = doubts(frames)
    if len(frames) > 1:
        step = (places[-1] - places[0]) / (len(frames) - 1)
    else:
        step = normal * (thickness or 1.0)
    affine = np.eye(4)  # columns: along a row, down a column, across the slices
    affine[:3, 0], affine[:3, 1] = iop[:3] * spacing[1], iop[3:] * spacing[0]
    affine[:3, 2], affine[:3, 3] = step, places[0]
    grid = Grid((values.shape[0], values.shape[1], values.shape[2]), ras_to_lps(affine))
    is_other = thickness is not None and abs(thickness / float(grid.spacing[2]) - 1) > OTHER
    digest = hashlib.sha256()
    for of_file in dict.fromkeys((frame.file, frame.sha256) for frame in frames):
        digest.update(bytes.fromhex(of_file[1]))
    series = hashlib.sha256(frames[0].text("SeriesInstanceUID").encode()).hexdigest()[:12]
    source = DicomSource(
        tuple(frames),
        slope,
        intercept,
        f"dicom-{series}",
        digest.hexdigest(),
        path.resolve(),
        tuple(told),
    )
    return Volume(values, grid, source, slice_axis=2, thickness=thickness if is_other else None)


def _refuse(faults: Sequence[Fault]) -> None:
    """Raise all faults as one error."""
    if not faults:
        return
    told = [str(fault) for fault in faults[:MOST]] + ([f"{len(faults) - MOST} more"] if len(faults) > MOST else [])
    remedies = list(dict.fromkeys(fault.remedy for fault in faults[:MOST]))
    raise InputError("; ".join(told), "; ".join(remedies))


def _one_series(found: Survey, series_uid: str | None) -> list[Frame]:
    """The frames of the one series that is meant."""
    if not found.series:
        _refuse(found.faults)
        seen = "; ".join(f"{what} ({count})" for what, count in sorted(found.skipped.items()))
        raise InputError(f"no DICOM image was found{f' (passed over: {seen})' if seen else ''}", "pass MR images")
    if series_uid is not None:
        if series_uid not in found.series:
            raise InputError("there is no series of the UID asked for", f"choose with --series-uid:{_listed(found)}")
        return found.series[series_uid]
    if len(found.series) > 1:
        raise InputError(f"there are {len(found.series)} series", f"choose one with --series-uid:{_listed(found)}")
    return next(iter(found.series.values()))


def _one_volume(frames: list[Frame], volume: int | None) -> list[Frame]:
    """The frames of the one volume that is meant."""
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
    """What the headers declare, against the limit: nothing is decoded before."""
    total = 0.0
    for frame in frames:
        size = [frame.number(keyword) for keyword in ("Rows", "Columns")]
        total += 4.0 * math.prod(value for value in size if value is not None and math.isfinite(value))
    if total <= limit:
        return []
    return [
        Fault(f"the headers declare {total:.0f} bytes of voxels, more than the limit of {limit}", "pass fewer slices")
    ]


def _decode(frames: Sequence[Frame]) -> NDArray[np.float32]:
    """(columns, rows, slices) intensities."""
    rows, columns = int(frames[0].number("Rows") or 0), int(frames[0].number("Columns") or 0)
    values = np.empty((columns, rows, len(frames)), np.float32)
    todo = Counter(frame.file for frame in frames)
    opened: dict[Path, Dataset] = {}
    for k, frame in enumerate(frames):
        if frame.file not in opened:
            opened[frame.file] = _opened(frame)
        stored = _stored(opened[frame.file], frame, (rows, columns))
        todo[frame.file] -= 1
        if todo[frame.file] == 0:
            del opened[frame.file]
        slope, intercept = frame.rescale()
        with np.errstate(all="ignore"):  # what does not fit float32 becomes infinite, and is refused for it
            values[..., k] = (stored * slope + intercept).T
        if not np.isfinite(values[..., k]).all():
            raise InputError("the rescaled values are not finite", "repair RescaleSlope", frame.file)
    if values.min() == values.max():
        raise InputError(f"every voxel has the value {values.flat[0]:g}", "pass a scan with an image in it")
    return values


def _opened(frame: Frame) -> Dataset:
    """The whole file, its pixel data measured against what it declares."""
    again = "export the file from the archive again"
    try:
        whole = pydicom.dcmread(frame.file)
        data = whole.get("PixelData")
    except Exception as error:  # pydicom raises what it pleases on damaged files
        raise InputError("the file is damaged or cut off", again, frame.file) from error
    if not data:
        raise InputError(f"it holds no {tag_of('PixelData')}", again, frame.file)
    if frame.syntax.is_encapsulated:
        return whole
    count = max(1, int(value_of(whole, "NumberOfFrames") or 1))
    size = [int(frame.number(keyword) or 0) for keyword in ("Rows", "Columns", "BitsAllocated")]
    needed = math.prod(size) // 8 * count
    if not needed <= len(data) <= needed + 1:
        raise InputError(
            f"{tag_of('PixelData')} holds {len(data)} bytes, its header declares {needed}", again, frame.file
        )
    return whole


def _stored(whole: Dataset, frame: Frame, shape: tuple[int, int]) -> NDArray[np.float64]:
    """(rows, columns) the stored values of a frame."""
    again = "export the file from the archive again, uncompressed"
    try:
        if frame.syntax.is_encapsulated:
            count = int(whole.get("NumberOfFrames") or 1)
            size = codestream_size(get_frame(whole.PixelData, frame.index, number_of_frames=count))
            if size not in (None, shape):
                raise InputError(f"a compressed image is {size}, its header says {shape}", again, frame.file)
        stored = np.asarray(pixel_array(whole, index=frame.index, raw=True), dtype=np.float64)
    except InputError:
        raise
    except Exception as error:  # every decoder has errors of its own
        raise InputError("the pixel data cannot be decoded", again, frame.file) from error
    if stored.shape != shape:
        raise InputError(f"an image decodes to {stored.shape}, its header says {shape}", again, frame.file)
    padding = frame.number("PixelPaddingValue")
    if padding is not None and math.isfinite(padding):
        is_padding = stored == padding
        if is_padding.any() and not is_padding.all():
            stored[is_padding] = stored[~is_padding].min()
    return stored


def codestream_size(code: bytes) -> tuple[int, int] | None:
    """(rows, columns) that a JPEG, JPEG-LS or JPEG 2000 image declares, before it is decoded; None where it does not.

    Source: ISO/IEC 10918-1 B.2.2, 14495-1 C.2.2, 15444-1 A.5.1.

    Example:
        >>> codestream_size(bytes.fromhex("ffd8ffc3000b080180018001011100"))
        (384, 384)
    """
    if code[:4] == b"\xff\x4f\xff\x51" and len(code) >= 24:  # JPEG 2000: SIZ comes first
        x1, y1, x0, y0 = (int.from_bytes(code[at : at + 4], "big") for at in (8, 12, 16, 20))
        return y1 - y0, x1 - x0
    at = 2
    while code[:2] == b"\xff\xd8" and at + 9 <= len(code) and code[at] == 0xFF:
        marker = code[at + 1]
        if marker == 0xFF:
            at += 1
        elif (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)) or marker == 0xF7:
            return int.from_bytes(code[at + 5 : at + 7], "big"), int.from_bytes(code[at + 7 : at + 9], "big")
        else:
            at += 2 + int.from_bytes(code[at + 2 : at + 4], "big")
    return None
