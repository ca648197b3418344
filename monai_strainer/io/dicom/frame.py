# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read what one DICOM image says of itself, whether it has a file of its own or is a frame of a larger one."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.uid import UID

__all__ = ["GROUPS", "Fault", "Frame", "integer_of", "names_of", "quiet", "tag_of", "value_of", "words_of"]

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
    "DerivationImageSequence",
    "RealWorldValueMappingSequence",
)
PRIVATE_GROUPS = ((0x2005, 0x140F), (0x0021, 0x11FE), (0x0021, 0x10FE))  # of Philips; of Siemens by frame, shared


@dataclass(frozen=True)
class Fault:
    """Why a series cannot be used.

    Args:
        finding: what was found, with the attribute.
        remedy: what to do.
        files: names of the files that are concerned.
    """

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
        sha256: of the file's bytes.
        groups: data sets in which an attribute is looked for, the nearest first.
        raw: the text elements of the file by tag, as bytes.
    """

    file: Path
    index: int
    header: Dataset = field(repr=False)
    sha256: str = field(repr=False)
    groups: tuple[Dataset, ...] = field(repr=False)
    raw: Mapping[int, RawDataElement] = field(repr=False, default_factory=dict)

    def get(self, keyword: str) -> Any:
        """Return the value of an attribute, or None where it is missing, empty or cannot be understood."""
        return next((value for group in self.groups if (value := value_of(group, keyword)) is not None), None)

    def text(self, keyword: str) -> str:
        """Return the value as text, empty where there is none."""
        value = self.get(keyword)
        return "" if value is None else str(value)

    def words(self, keyword: str) -> tuple[str, ...]:
        """Return the values of an attribute that holds several, in capitals."""
        return words_of(self.get(keyword))

    def numbers(self, keyword: str, count: int) -> NDArray[np.float64] | None:
        """Return a fixed number of values of an attribute.

        Args:
            keyword: of the attribute.
            count: values that it has to have.

        Returns:
            ``(count,)``; None where the attribute is missing, NaN where it holds something else.
        """
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
        """Return whether the file describes its frames in functional groups."""
        return len(self.groups) > 1

    @property
    def image_type(self) -> tuple[str, ...]:
        """The words of ImageType, or of FrameType where the frame has one."""
        return self.words("FrameType") or self.words("ImageType")

    @property
    def syntax(self) -> UID:
        """The transfer syntax."""
        return UID(str(value_of(self.header.file_meta, "TransferSyntaxUID") or ""))

    def rescale(self) -> tuple[float, float]:
        """Slope and intercept from stored values to intensities.

        Philips rescales every image for display; its private scale slope undoes that, so that images compare:
        ``(stored + intercept / slope) / scale_slope``. Others have RescaleSlope and RescaleIntercept, or neither.

        Source: Chenevert et al., Errors in quantitative image analysis due to platform-dependent image scaling,
        Translational Oncology 7 (2014).
        """
        slope, intercept = self.number("RescaleSlope"), self.number("RescaleIntercept")
        slope, intercept = 1.0 if slope is None else slope, 0.0 if intercept is None else intercept
        own = self._philips_slope()
        if own is not None and slope:
            return 1 / own, intercept / (slope * own)
        return slope, intercept

    def private(self, creator: str, group: int, element: int) -> Any:
        """Return the nearest value of a private element, or None where there is none.

        Args:
            creator: name of the private block, in any case of letters.
            group, element: of the tag; of the element the last two hexadecimal digits.
        """
        for dataset in self._private_datasets():
            try:
                tags = [t for t in dataset.group_dataset(group) if t.tag.element < 0x100]
                own = [t.tag.element for t in tags if str(t.value).strip().upper() == creator.upper()]
                # a de-identified file may have lost the name of the block, which then lies where it always does
                for block in own or ([] if tags else [0x10]):
                    if (tag := (group, block << 8 | element)) in dataset and dataset[tag].value is not None:
                        return dataset[tag].value
            except Exception:  # a damaged private element is not there
                continue
        return None

    def _private_datasets(self) -> Iterator[Dataset]:
        """Yield the data sets in which vendors put private elements."""
        for keyword, index in (("PerFrameFunctionalGroupsSequence", self.index), ("SharedFunctionalGroupsSequence", 0)):
            items = value_of(self.header, keyword)
            if isinstance(items, Sequence) and index < len(items):
                yield from (items[index][tag].value[0] for tag in PRIVATE_GROUPS if _is_filled(items[index], tag))
                yield items[index]
        yield self.header

    def _philips_slope(self) -> float | None:
        if "PHILIPS" not in self.text("Manufacturer").upper():
            return None
        raw = self.private("Philips MR Imaging DD 001", 0x2005, 0x0E)
        try:
            slope = float(np.frombuffer(raw, "<f4")[0] if isinstance(raw, bytes) else raw)
        except (TypeError, ValueError):  # a private element is a courtesy
            return None
        return slope if math.isfinite(slope) and slope > 0 else None


def _is_filled(item: Dataset, tag: tuple[int, int]) -> bool:
    """Return whether a private sequence is there, can be read, and holds something."""
    try:
        return tag in item and isinstance(item[tag].value, Sequence) and isinstance(item[tag].value[0], Dataset)
    except Exception:  # pydicom raises what it pleases on damaged elements
        return False


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


def value_of(group: Dataset, keyword: str) -> Any:
    """Return the value of an attribute, or None where it is missing, empty or damaged.

    Args:
        group: data set that may hold the attribute.
        keyword: of the attribute.
    """
    try:
        value = group.get(keyword)
    except Exception:  # a damaged value may raise anything; for us it is not there
        return None
    return None if value is None or value == "" else value


def words_of(value: Any) -> tuple[str, ...]:
    """Return the parts of a text of several, in capitals; a private element may come as bytes."""
    value = value.decode("ascii", "ignore") if isinstance(value, bytes) else value
    if value is None or isinstance(value, str):
        value = value.split("\\") if value else ()
    parts = value if isinstance(value, Iterable) else (value,)
    return tuple(str(part).strip(" \0").upper() for part in parts)


def integer_of(value: Any) -> int | None:
    """Return the whole number in a private element, which may come as bytes, or None where there is none.

    Example:
        >>> integer_of(bytes([2, 0])), integer_of("12"), integer_of("x")
        (2, 12, None)
    """
    if isinstance(value, bytes) and len(value) in (2, 4) and not value.strip(b" \0").isdigit():
        return int.from_bytes(value, "little", signed=True)
    try:
        return int(float((words_of(value) or ("",))[0]))
    except (ValueError, OverflowError):
        return None


def names_of(frames: Iterable[Frame]) -> tuple[str, ...]:
    """Return the base names of the files of frames, each once."""
    return tuple(dict.fromkeys(frame.file.name for frame in frames))
