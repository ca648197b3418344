# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Copy text from one DICOM file to another byte for byte, whatever character set it claims to be in."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filewriter import correct_ambiguous_vr
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag

from .frame import Frame

__all__ = ["copied", "keep_bytes", "put_after", "raw_of"]

TEXT = [
    "AE",
    "AS",
    "CS",
    "DA",
    "DS",
    "DT",
    "IS",
    "LO",
    "LT",
    "PN",
    "SH",
    "ST",
    "TM",
    "UC",
    "UI",
    "UR",
    "UT",
]  # value representations that are characters
LONGEST = 64  # characters of a long string (LO)


def raw_of(header: Dataset) -> dict[int, RawDataElement]:
    """Return the text elements of a data set that are not decoded yet, by tag, ready for an explicit VR file."""
    found: dict[int, RawDataElement] = {}
    for tag in header.keys():  # noqa: SIM118 (a data set iterates over decoded elements)
        element = header.get_item(tag, keep_deferred=True)
        if isinstance(element, RawDataElement) and element.value is not None and (kind := _kind(element)) in TEXT:
            value = element.value
            value += (b"\0" if kind == "UI" else b" ") * (len(value) % 2)
            found[int(tag)] = element._replace(VR=kind, value=value, length=len(value), is_implicit_VR=False)
    return found


def _kind(element: RawDataElement) -> str:
    """Return the value representation; that of the dictionary where the file has none."""
    if element.VR not in (None, "UN"):
        return str(element.VR)
    try:
        return dictionary_VR(element.tag)
    except KeyError:
        return "UN"


def copied(header: Dataset, tag: BaseTag, raw: Mapping[int, RawDataElement]) -> DataElement | RawDataElement:
    """Copy one element without decoding its text, also in the items of a sequence.

    Args:
        header: to copy from.
        tag: of the element.
        raw: its text elements that are not decoded, see :func:`raw_of`.
    """
    if tag in raw:
        return raw[tag]
    element = header[tag]
    if element.VR != "SQ":
        return deepcopy(element)
    return DataElement(tag, "SQ", Sequence([_copied(item) for item in element.value]))


def _copied(item: Dataset) -> Dataset:
    """Copy an item of a sequence."""
    copy, raw = Dataset(), raw_of(item)
    for tag in item.keys():  # noqa: SIM118
        copy[tag] = copied(item, tag, raw)
    return copy


def put_after(image: Dataset, frame: Frame, keyword: str, words: str) -> None:
    """Set a long string to that of a source and more words; text is decoded only if its character set is sound.

    Args:
        image: changed in place.
        frame: of the source.
        keyword: of the attribute.
        words: to add, in ASCII; the source's text is cut to leave room for them.
    """
    room = LONGEST - 1 - len(words)
    tag = Tag(keyword)
    raw = frame.raw.get(int(tag))
    value = b"" if raw is None or raw.value is None else raw.value.rstrip(b" \0")
    text = frame.text(keyword)
    if raw is None or (len(value) > room and "\N{REPLACEMENT CHARACTER}" not in text):
        setattr(image, keyword, f"{text[:room]} {words}".strip())
        return
    value = (value[:room] + b" " + words.encode()).strip(b" ")
    value += b" " * (len(value) % 2)
    image[tag] = raw._replace(value=value, length=len(value))


def keep_bytes(image: Dataset) -> None:
    """Have an explicit VR little endian file hold the raw elements of a data set as they are.

    pydicom decodes and encodes them again unless the data set, and every item in it, says it was read in this encoding.
    """
    correct_ambiguous_vr(image, True)
    _mark(image)


def _mark(image: Dataset) -> None:
    image.set_original_encoding(False, True, image._character_set)
    for tag in image.keys():  # noqa: SIM118
        if image.get_item(tag).VR == "SQ":
            for item in image[tag].value:
                _mark(item)
