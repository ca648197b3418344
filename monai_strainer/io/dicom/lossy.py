# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Find out whether DICOM images went through lossy compression, and mark what is made of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset

from .frame import Frame, value_of

__all__ = ["lossy_of", "say_lossy"]

CODE = "113040"  # of DCM, in DerivationCodeSequence
JPEG = {"1.2.840.10008.1.2.4.50": "ISO_10918_1", "1.2.840.10008.1.2.4.51": "ISO_10918_1"}
MAYBE = {  # transfer syntaxes that may lose something, and do unless the header denies it
    "1.2.840.10008.1.2.4.81": "ISO_14495_1",
    "1.2.840.10008.1.2.4.91": "ISO_15444_1",
    "1.2.840.10008.1.2.4.93": "ISO_15444_2",
    "1.2.840.10008.1.2.4.203": "ISO_15444_15",
    "1.2.840.10008.1.2.4.112": "ISO_18181_1",
}


def lossy_of(frame: Frame) -> str:
    """Return the method of lossy compression that an image went through, now or earlier; empty where none is known.

    Source: DICOM PS3.3 C.7.6.1.1.5, PS3.5 10.
    """
    said, syntax = frame.text("LossyImageCompression"), str(frame.syntax)
    method = JPEG.get(syntax) or (MAYBE.get(syntax) if said != "00" else None)
    if method is not None:
        return method
    codes = [str(value_of(item, "CodeValue")) for item in _items(frame.get("DerivationCodeSequence"))]
    if said == "01" or frame.get("LossyImageCompressionRatio") is not None or CODE in codes:
        return (frame.words("LossyImageCompressionMethod") or ("UNKNOWN",))[-1]
    return ""


def _items(value: object) -> list[Dataset]:
    return [item for item in value if isinstance(item, Dataset)] if isinstance(value, Sequence) else []


def say_lossy(image: Dataset, frames: Sequence[Frame]) -> None:
    """Mark an image as compressed with loss if any of its sources was.

    Args:
        image: changed in place.
        frames: its sources.
    """
    lossy = next((frame for frame in frames if lossy_of(frame)), None)
    if lossy is None:
        return
    image.LossyImageCompression = "01"
    ratio, method = lossy.get("LossyImageCompressionRatio"), lossy.get("LossyImageCompressionMethod")
    if ratio is None and lossy.file.is_file():  # measured, where the header keeps it to itself
        count = sum(frame.file == lossy.file for frame in frames)
        bits = [lossy.number(keyword) or 0.0 for keyword in ("Rows", "Columns", "BitsAllocated")]
        ratio = f"{max(1.0, float(np.prod(bits)) / 8 * count / lossy.file.stat().st_size):.1f}"
    if method is None and lossy_of(lossy) != "UNKNOWN":
        method = lossy_of(lossy)
    for keyword, value in (("LossyImageCompressionRatio", ratio), ("LossyImageCompressionMethod", method)):
        if value is not None:
            setattr(image, keyword, value)
