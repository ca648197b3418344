# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read which image some bytes are, without decoding pixels: a queue needs it before a series is complete."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.pixels import get_decoder
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from ...errors import InputError
from .checks import MR
from .frame import quiet, value_of

__all__ = ["Identity", "identify", "is_own_result", "readable_syntaxes"]

NEEDED = ["SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "ContributingEquipmentSequence"]
OURS = "monai_strainer"


@dataclass(frozen=True)
class Identity:
    """Which image it is.

    Args:
        series, instance: UIDs; they can identify a patient and stay out of logs.
        is_slice: one slice in a file of its own, no multi-frame image.
        is_result: this package has made it.
    """

    series: str
    instance: str
    is_slice: bool
    is_result: bool


def identify(data: bytes) -> Identity:
    """Read which image the bytes of a DICOM file are.

    Args:
        data: of the whole file.

    Raises:
        InputError: they are no DICOM file, or name no series or no image.
    """
    with quiet():
        try:
            header = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True, specific_tags=NEEDED)
        except Exception as error:  # pydicom raises what it pleases on damaged files
            raise InputError(
                "the image cannot be read", "send it again, or export it from the archive again"
            ) from error
        series, instance = (str(value_of(header, name) or "") for name in ("SeriesInstanceUID", "SOPInstanceUID"))
        if not series or not instance:
            missing = "SOPInstanceUID (0008,0018)" if series else "SeriesInstanceUID (0020,000E)"
            raise InputError(f"{missing} is missing", "export the series from the archive again")
        return Identity(series, instance, str(value_of(header, "SOPClassUID")) == MR, _is_result(header))


def is_own_result(path: Path) -> bool:
    """Return whether a file is a DICOM object that this package has made.

    Args:
        path: of any file.
    """
    with quiet():
        try:
            return _is_result(pydicom.dcmread(path, stop_before_pixels=True, specific_tags=NEEDED))
        except Exception:  # no DICOM file, or a damaged one
            return False


def _is_result(header: Dataset) -> bool:
    try:
        machines = value_of(header, "ContributingEquipmentSequence") or ()
        return any(str(value_of(one, "ManufacturerModelName")) == OURS for one in machines)
    except Exception:  # a damaged sequence says nothing
        return False


def readable_syntaxes() -> list[str]:
    """Return the transfer syntaxes that this installation can decode; those without compression come first."""
    plain = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
    packed = [JPEGLosslessSV1, JPEGLossless, JPEGLSLossless, JPEG2000Lossless, RLELossless]
    return [str(syntax) for syntax in [*plain, *(one for one in packed if get_decoder(one).is_available)]]
