# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What one DICOM image says of itself, whether it has a file of its own or shares one."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import UID

__all__ = ["GROUPS", "Fault", "Frame", "names_of", "quiet", "tag_of", "value_of"]

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
        sha256: of the file's bytes.
        groups: data sets in which an attribute is looked for, the nearest first.
    """

    file: Path
    index: int
    header: Dataset = field(repr=False)
    sha256: str = field(repr=False)
    groups: tuple[Dataset, ...] = field(repr=False)

    def get(self, keyword: str) -> Any:
        """The value of an attribute, or None where it is missing, empty or cannot be understood."""
        return next((value for group in self.groups if (value := value_of(group, keyword)) is not None), None)

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
    """The value of an attribute; None where it is missing, empty or damaged."""
    try:
        value = group.get(keyword)
    except Exception:  # a damaged value may raise anything; for us it is not there
        return None
    return None if value is None or value == "" else value


def names_of(frames: Iterable[Frame]) -> tuple[str, ...]:
    """The base names of the files of frames, each once."""
    return tuple(dict.fromkeys(frame.file.name for frame in frames))
