# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Decode the pixels of DICOM images: nothing is decoded before its size is checked, and padding is no intensity."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels import pixel_array
from pydicom.uid import RLELossless

from ...errors import InputError
from .frame import Frame, integer_of, tag_of, value_of

__all__ = ["codestream_size", "decode", "is_rle_beyond"]

FAR, FEW = 0.25, 1e-3  # a value this far below zero, in units of the brightest, is no noise; more of them are a finding


def decode(frames: Sequence[Frame]) -> NDArray[np.float32]:
    """(columns, rows, slices) intensities."""
    rows, columns = int(frames[0].number("Rows") or 0), int(frames[0].number("Columns") or 0)
    values = np.empty((columns, rows, len(frames)), np.float32)
    is_padding = np.zeros(values.shape, bool)
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
        is_padding[..., k] = _padding(stored, frame).T
    if is_padding.any() and not is_padding.all():
        values[is_padding] = values[~is_padding].min()
    _require_magnitude(values)
    if values.min() == values.max():
        raise InputError(f"every voxel has the value {values.flat[0]:g}", "pass an image of more than one value")
    return values


def _opened(frame: Frame) -> Dataset:
    """Read the whole file, and check the size of its pixel data against what it declares."""
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
            code = get_frame(whole.PixelData, frame.index, number_of_frames=count)
            if frame.syntax == RLELossless and is_rle_beyond(code, math.prod(shape)):
                raise InputError(f"a compressed image unpacks to more than its header says, {shape}", again, frame.file)
            size = codestream_size(code)
            if size not in (None, shape):
                raise InputError(f"a compressed image is {size}, its header says {shape}", again, frame.file)
        stored = np.asarray(pixel_array(whole, index=frame.index, raw=True), dtype=np.float64)
    except InputError:
        raise
    except Exception as error:  # every decoder has errors of its own
        raise InputError("the pixel data cannot be decoded", again, frame.file) from error
    if stored.shape != shape:
        raise InputError(f"an image decodes to {stored.shape}, its header says {shape}", again, frame.file)
    return stored


def _padding(stored: NDArray[np.float64], frame: Frame) -> NDArray[np.bool_]:
    """Where an image is padding: one value, or all from PixelPaddingValue to PixelPaddingRangeLimit.

    Source: DICOM PS3.3 C.7.5.1.1.2; both limits count, in either order.
    """
    limits = [_as_stored(frame, keyword) for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit")]
    if limits[0] is None:
        return np.zeros(stored.shape, bool)
    low, high = sorted((limits[0], limits[0] if limits[1] is None else limits[1]))
    return (stored >= low) & (stored <= high)


def _as_stored(frame: Frame, keyword: str) -> int | None:
    """Return a limit of padding as a stored value: its bits mean what PixelRepresentation says, whatever its VR claims.

    Source: DICOM PS3.5 6.2 (US or SS), PS3.3 C.7.6.3.1.
    """
    value = integer_of(frame.get(keyword))
    if value is None or abs(value) >= 1 << 32:
        return None
    allocated, kept = (int(frame.number(name) or 16) for name in ("BitsAllocated", "BitsStored"))
    bits = max(16, min(allocated, 32))
    value %= 1 << bits
    if frame.number("PixelRepresentation") != 1:
        return value
    value -= (value >> (bits - 1)) << bits
    half = 1 << (max(1, min(kept, allocated)) - 1)
    return value if -half <= value < half else (value + half) % (2 * half) - half


def _require_magnitude(values: NDArray[np.float32]) -> None:
    """Refuse values far below zero: no magnitude has them, whatever the header says or leaves out."""
    some = values.reshape(-1)[:: max(1, values.size // 2_000_000)]
    below = float(np.mean(some < -FAR * max(0.0, float(np.percentile(some, 99.5)))))
    if below > FEW:
        raise InputError(
            f"{100 * below:.2g} % of the values lie far below zero: a phase, real or field map image, or padding that "
            f"{tag_of('PixelPaddingValue')} does not name",
            "pass the magnitude, or name the padding in the header",
        )


def codestream_size(code: bytes) -> tuple[int, int] | None:
    """(rows, columns) that a JPEG, JPEG-LS or JPEG 2000 image declares, before it is decoded; None where it does not.

    Source: ISO/IEC 10918-1 B.2.2, 14495-1 C.2.2, 15444-1 A.5.1.

    Example:
        >>> codestream_size(bytes.fromhex("ffd8ffc3000b080180018001011100"))
        (384, 384)
    """
    if code[4:8] == b"jP  ":  # the boxes of a .jp2 file around it, which the standard forbids and decoders take
        code = code[max(0, code.find(b"\xff\x4f\xff\x51")) :]
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


def is_rle_beyond(code: bytes, pixels: int) -> bool:
    """Return whether a segment of an RLE image unpacks to far more bytes than it has pixels; nothing is unpacked.

    Args:
        code: bytes of one frame.
        pixels: rows times columns.

    Source: DICOM PS3.5 G.3.

    Example:
        >>> head = (1).to_bytes(4, "little") + (64).to_bytes(4, "little") + bytes(56)
        >>> is_rle_beyond(head + bytes([129, 0]), 128), is_rle_beyond(head + bytes([129, 0]) * 5, 128)
        (False, True)
    """
    starts = [int.from_bytes(code[at : at + 4], "little") for at in range(4, 64, 4)]
    starts = [*starts[: min(15, int.from_bytes(code[:4], "little"))], len(code)]
    for at, end in pairwise(starts):
        size = 0
        while at < min(end, len(code)):
            packet = code[at]  # below 128 so many bytes and one more as they are, above it one byte repeated
            size += packet + 1 if packet < 128 else 257 - packet if packet > 128 else 0
            at += packet + 2 if packet < 128 else 2 if packet > 128 else 1
            if size > 2 * pixels + 256:  # padding may add a little
                return True
    return False
