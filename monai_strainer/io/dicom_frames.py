# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""DICOM files to frames: what each image of a folder says of itself, whether it has a file of its own or shares one."""

from __future__ import annotations

import hashlib
import logging
import math
import os
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.filereader import read_file_meta_info

__all__ = ["Fault", "Frame", "Survey", "quiet", "survey", "tag_of"]

GROUPS = (  # functional groups in which a multi-frame file keeps what a classic one says at its top level
    "PlanePositionSequence",
    "PlaneOrientationSequence",
    "PixelMeasuresSequence",
    "PixelValueTransformationSequence",
    "FrameContentSequence",
    "FrameVOILUTSequence",
    "MRImageFrameTypeSequence",
    "MREchoSequence",
    "MRTimingAndRelatedParametersSequence",
    "MRFOVGeometrySequence",
    "MRAveragesSequence",
    "MRModifierSequence",
    "MRImagingModifierSequence",
    "MRDiffusionSequence",
    "MRMetaboliteMapSequence",
    "TemporalPositionSequence",
)
PREAMBLE = 132  # bytes up to and with the mark DICM
DEFLATED = "1.2.840.10008.1.2.1.99"
PHILIPS_SLOPE = (0x2005, 0x100E)
PHILIPS_IMAGE = (0x2005, 0x140F)


@dataclass(frozen=True)
class Fault:
    """Why a series cannot be used: the files, the attribute, what was found, and what to do."""

    finding: str
    remedy: str
    files: tuple[str, ...] = ()

    def __str__(self) -> str:
        more = f" (and {len(self.files) - 1} more)" if len(self.files) > 1 else ""
        return f"{self.files[0]}{more}: {self.finding}" if self.files else self.finding


@dataclass(frozen=True, eq=False)
class Frame:
    """One image, without its pixels.

    Args:
        file: it lies in.
        index: of the frame in its file, from 0.
        header: of the file.
        groups: data sets in which an attribute is looked for, the nearest first.
    """

    file: Path
    index: int
    header: Dataset = field(repr=False)
    groups: tuple[Dataset, ...] = field(repr=False)

    def get(self, keyword: str) -> Any:
        """The value of an attribute, or None where it is missing, empty or cannot be understood."""
        for group in self.groups:
            try:
                value = group.get(keyword)
            except Exception:  # a damaged value may raise anything; for us it is not there
                continue
            if value is not None and value != "":
                return value
        return None

    def text(self, keyword: str) -> str:
        """The value as text; empty where there is none."""
        value = self.get(keyword)
        return "" if value is None else str(value)

    def words(self, keyword: str) -> tuple[str, ...]:
        """The values of an attribute of several, in capitals."""
        value = self.get(keyword)
        if value is None or isinstance(value, str):
            return tuple(str(value).upper().split("\\")) if value else ()
        return tuple(str(part).upper() for part in value)

    def numbers(self, keyword: str, count: int) -> NDArray[np.float64] | None:
        """``count`` numbers; None where the attribute is missing, NaN where it is no such thing."""
        value = self.get(keyword)
        if value is None:
            return None
        try:
            found = np.atleast_1d(np.asarray(value, dtype=np.float64))
        except (TypeError, ValueError):
            found = np.empty(0)
        return found if found.size == count else np.full(count, math.nan)

    def number(self, keyword: str) -> float | None:
        """One number; None where it is missing, NaN where it is none."""
        found = self.numbers(keyword, 1)
        return None if found is None else float(found[0])

    @property
    def is_enhanced(self) -> bool:
        """Whether the file describes its frames in functional groups."""
        return len(self.groups) > 1

    @property
    def image_type(self) -> tuple[str, ...]:
        """The words of ImageType, or of FrameType where the frame has one."""
        return self.words("FrameType") or self.words("ImageType")

    @property
    def syntax(self) -> Any:
        """The transfer syntax."""
        return self.header.file_meta.TransferSyntaxUID

    def rescale(self) -> tuple[float, float]:
        """Slope and intercept from stored values to intensities.

        Philips rescales every image for display; its private scale slope undoes that, so that images compare:
        ``(stored + intercept / slope) / scale_slope``. Others have RescaleSlope and RescaleIntercept, or neither.

        Source: Chenevert et al., Errors in quantitative image analysis due to platform-dependent image scaling,
        Translational Oncology 7 (2014).
        """
        slope, intercept = self.number("RescaleSlope"), self.number("RescaleIntercept")
        slope, intercept = 1.0 if slope is None else slope, 0.0 if intercept is None else intercept
        scale = self._philips_scale()
        if scale is not None and slope:
            return 1 / scale, intercept / (slope * scale)
        return slope, intercept

    def _philips_scale(self) -> float | None:
        if "PHILIPS" not in self.text("Manufacturer").upper():
            return None
        places: list[Dataset] = [self.header]
        try:
            frames = self.header.get("PerFrameFunctionalGroupsSequence")
            if frames is not None and PHILIPS_IMAGE in frames[self.index]:
                places.insert(0, frames[self.index][PHILIPS_IMAGE].value[0])
            for place in places:
                if PHILIPS_SLOPE in place:
                    raw = place[PHILIPS_SLOPE].value
                    scale = float(np.frombuffer(raw, "<f4")[0] if isinstance(raw, bytes) else raw)
                    if math.isfinite(scale) and scale > 0:
                        return scale
        except Exception:  # a private element is a courtesy
            return None
        return None


@dataclass(frozen=True, eq=False)
class Survey:
    """What a folder holds.

    Args:
        series: frames by SeriesInstanceUID, in the order they were met.
        faults: files that look like DICOM and cannot be read.
        skipped: what was passed over, and how often.
    """

    series: dict[str, list[Frame]]
    faults: list[Fault]
    skipped: dict[str, int]


@contextmanager
def quiet() -> Iterator[None]:
    """pydicom's warnings quote values, and values may name patients: they are not repeated."""
    logger = logging.getLogger("pydicom")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def tag_of(keyword: str) -> str:
    """``PixelSpacing (0028,0030)``.

    Example:
        >>> tag_of("PixelSpacing")
        'PixelSpacing (0028,0030)'
    """
    tag = pydicom.tag.Tag(keyword)
    return f"{keyword} ({tag.group:04X},{tag.elem:04X})"


def survey(path: Path, limit_bytes: int) -> Survey:
    """Read the headers of a DICOM file, or of all DICOM files in a folder and its subfolders."""
    root = path.resolve()
    files = sorted(p for p in path.rglob("*") if not p.is_dir()) if path.is_dir() else [path]
    found = Survey({}, [], {})
    seen: dict[str, str] = {}
    for file in files:
        if file.name.startswith(".") or file.name.upper() == "DICOMDIR":
            continue
        if path.is_dir() and root not in file.resolve().parents:
            found.faults.append(Fault("the file is a link out of its folder", "copy the file itself", (file.name,)))
            continue
        try:
            header = _header(file, limit_bytes)
        except _Skipped as skipped:
            _count(found.skipped, str(skipped))
            continue
        except Exception as error:  # pydicom raises what it pleases on damaged files
            finding = str(error) if isinstance(error, _Damaged) else "the file is DICOM, but damaged or cut off"
            found.faults.append(Fault(finding, "export it from the archive again", (file.name,)))
            continue
        uid = str(header.get("SOPInstanceUID", ""))
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        if uid and seen.get(uid) == digest:
            _count(found.skipped, "a second copy")
            continue
        if uid in seen:
            finding = f"its {tag_of('SOPInstanceUID')} is that of another file with other content"
            found.faults.append(Fault(finding, "keep one of the two", (file.name,)))
        seen[uid] = digest
        try:
            frames = _frames(file, header)
        except _Damaged as error:
            found.faults.append(Fault(str(error), "export it from the archive again", (file.name,)))
            continue
        found.series.setdefault(str(header.get("SeriesInstanceUID", "")), []).extend(frames)
    return found


class _Skipped(Exception):
    """A file that is not meant to be an image."""


class _Damaged(Exception):
    """A file whose own words contradict each other."""


def _count(counts: dict[str, int], what: str) -> None:
    counts[what] = counts.get(what, 0) + 1


def _header(file: Path, limit: int) -> Dataset:
    """The header of a DICOM file, checked before it is unpacked."""
    with file.open("rb") as handle:
        if handle.read(PREAMBLE)[128:] != b"DICM":
            if file.suffix.lower() in (".dcm", ".ima"):
                raise _Damaged("the mark DICM is missing at byte 128: not DICOM, or damaged")
            raise _Skipped("not DICOM")
    size = os.path.getsize(file)
    if size > limit:
        raise _Damaged(f"the file has {size} bytes, more than the limit of {limit}")
    with quiet():
        meta = read_file_meta_info(file)
        if meta.get("TransferSyntaxUID") == DEFLATED:
            _refuse_bomb(file, limit)
        header = pydicom.dcmread(file, stop_before_pixels=True)
        if "TransferSyntaxUID" not in header.file_meta:
            raise _Damaged(f"{tag_of('TransferSyntaxUID')} is missing")
        if header.get("Rows") is None and header.get("Columns") is None and not header.get("NumberOfFrames"):
            kind = getattr(header.get("SOPClassUID"), "name", "")
            known = kind if kind and not kind[:1].isdigit() else "an unknown class"
            if "MR Image" not in kind:
                raise _Skipped(f"no image: {known}")
    return header


def _refuse_bomb(file: Path, limit: int) -> None:
    """Inflate a deflated file piece by piece, to see that it ends."""
    inflate, total = zlib.decompressobj(-zlib.MAX_WBITS), 0
    with file.open("rb") as handle:
        handle.seek(PREAMBLE)
        handle.seek(PREAMBLE + 12 + int.from_bytes(handle.read(12)[8:], "little"))  # past the file meta group
        while block := handle.read(1 << 16):
            while block:
                total += len(inflate.decompress(block, 1 << 20))
                block = inflate.unconsumed_tail
                if total > limit:
                    raise _Damaged(f"the deflated file unpacks to more than {limit} bytes")


def _frames(file: Path, header: Dataset) -> list[Frame]:
    """The frames of a file: one, or as many as its functional groups describe."""
    with quiet():
        try:
            each = header.get("PerFrameFunctionalGroupsSequence")
            shared = header.get("SharedFunctionalGroupsSequence")
            declared = int(header.get("NumberOfFrames") or 1)
        except Exception as error:
            raise _Damaged("its functional groups or their number cannot be read") from error
        if each is None:
            if declared != 1:
                raise _Damaged(f"{tag_of('NumberOfFrames')} is {declared}, but no functional groups describe them")
            return [Frame(file, 0, header, (header,))]
        if declared != len(each):
            raise _Damaged(f"{tag_of('NumberOfFrames')} is {declared}, but {len(each)} frames are described")
        common = _inner(shared[0]) if shared else ()
        return [Frame(file, k, header, (*_inner(item), *common, header)) for k, item in enumerate(each)]


def _inner(item: Dataset) -> tuple[Dataset, ...]:
    found = []
    for keyword in GROUPS:
        try:
            sequence = item.get(keyword)
            if sequence:
                found.append(sequence[0])
        except Exception:  # what cannot be read is missing, and will be missed
            continue
    return tuple(found)
