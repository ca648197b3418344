# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Survey DICOM files: which images a folder holds, series by series, and what was passed over."""

from __future__ import annotations

import os
import re
import zlib
from collections import Counter
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.filereader import read_file_meta_info

from ...storage.provenance import sha256
from ..find import bears_mark, is_set_aside, packing_of
from .frame import GROUPS, Fault, Frame, tag_of, value_of
from .verbatim import raw_of

__all__ = ["INDEX", "Survey", "survey"]

INDEX = "a DICOMDIR, which only lists the images of a disc"
MR_CLASSES = tuple("1.2.840.10008.5.1.4.1.1.4" + end for end in ("", ".1", ".4"))
AGAIN = "export it from the archive again"
UNPACK = {"gzip": "gunzip", "bzip2": "bunzip2", "xz": "unxz", "zip": "unzip"}

ROWS = 0x00280010  # a file with nothing from here on ends too early
DEFLATED = "1.2.840.10008.1.2.1.99"
SMALL = 64 * 2**20  # bytes that any deflated file may unpack to
DENSEST = 100  # and larger ones so many times their size: noise hardly shrinks, air does


@dataclass(frozen=True, eq=False)
class Survey:
    """What a folder holds.

    Args:
        series: frames by SeriesInstanceUID, in the order they were met.
        faults: files that look like DICOM and cannot be read.
        skipped: what was passed over, and how often.
        notes: what was passed over, and should be known.
    """

    series: dict[str, list[Frame]]
    faults: list[Fault]
    skipped: Counter[str]
    notes: list[str]


def survey(path: Path, limit_bytes: int) -> Survey:
    """Read the headers of a DICOM file, or of all DICOM files in a folder and its subfolders.

    Args:
        path: file or folder; files that a link leads out of the folder for are faults.
        limit_bytes: of one file.

    Returns:
        frames by series, and what was passed over or is faulty.
    """
    root = path.resolve()
    files = sorted(p for p in path.rglob("*") if not p.is_dir()) if path.is_dir() else [path]
    found = Survey({}, [], Counter(), [])
    seen: dict[str, str] = {}
    not_dicom: list[Path] = []
    for file in files:
        if is_set_aside(file):
            continue
        if path.is_dir() and root not in file.resolve().parents:
            found.faults.append(Fault("the file is a link out of its folder", "copy the file itself", (file.name,)))
            continue
        try:
            header = _header(file, limit_bytes)
        except _Skipped as skipped:
            found.skipped[str(skipped)] += 1
            not_dicom += [file] if str(skipped) == "not DICOM" else []
            continue
        except Exception as error:  # pydicom raises what it pleases on damaged files
            found.faults.append(_fault(error, file))
            continue
        uid = str(value_of(header, "SOPInstanceUID") or "")
        digest = sha256(file)
        if uid and seen.get(uid) == digest:
            found.skipped["a second copy"] += 1
            continue
        if uid in seen:
            finding = f"its {tag_of('SOPInstanceUID')} is that of another file with other content"
            found.faults.append(Fault(finding, "keep one of the two", (file.name,)))
        seen[uid] = digest
        try:
            frames = _frames(file, header, digest)
        except _Damaged as error:
            found.faults.append(_fault(error, file))
            continue
        found.series.setdefault(str(value_of(header, "SeriesInstanceUID") or ""), []).extend(frames)
    _sort_not_dicom(not_dicom, found)
    if not found.series and any(map(_is_index, files)):
        found.skipped[INDEX] += 1
    return found


def _is_index(file: Path) -> bool:
    return is_set_aside(file) and not file.name.startswith(".")


def _sort_not_dicom(not_dicom: list[Path], found: Survey) -> None:
    """Separate what was an image once from what never was: its name differs from those of images in numbers alone."""
    patterns = {_pattern(frame.file) for frames in found.series.values() for frame in frames}
    cut = tuple(file.name for file in not_dicom if _pattern(file) in patterns)
    if cut:
        what = "empty, cut off or damaged, though named like the images beside it"
        found.faults.append(Fault(what, "fetch it again, or remove it if it is no image", cut))
    empty = [file for file in not_dicom if file.name not in cut and file.stat().st_size == 0]
    if empty and found.series:
        some = "an empty file was" if len(empty) == 1 else f"{len(empty)} empty files were"
        found.notes.append(f"{some} passed over: images may be missing")


def _pattern(file: Path) -> tuple[Path, str]:
    return file.parent, re.sub(r"\d+", "#", file.name.lower())


def _fault(error: Exception, file: Path) -> Fault:
    if isinstance(error, _Damaged):
        return Fault(str(error), error.remedy, (file.name,))
    return Fault("the file is DICOM, but damaged or cut off", AGAIN, (file.name,))


class _Skipped(Exception):
    """A file that is not meant to be an image."""


class _Damaged(Exception):
    """A file whose own words contradict each other, and what to do with it."""

    def __init__(self, finding: str, remedy: str = AGAIN) -> None:
        super().__init__(finding)
        self.remedy = remedy


def _header(file: Path, limit: int) -> Dataset:
    """Read the header of a DICOM file, and check the file before it is unpacked."""
    if not bears_mark(file):
        if file.suffix.lower() in (".dcm", ".ima"):
            if file.stat().st_size == 0:
                raise _Damaged("the file is empty", "fetch it again, or remove it if it is no image")
            raise _Damaged("the mark DICM is missing at byte 128: not DICOM, or damaged")
        raise _Skipped("not DICOM")
    if packing := packing_of(file):
        raise _Damaged(f"the file is DICOM packed with {packing}", f"unpack it with {UNPACK[packing]} first")
    size = os.path.getsize(file)
    if size > limit:
        raise _Damaged(f"the file has {size} bytes, more than the limit of {limit}")
    meta = read_file_meta_info(file)
    if meta.get("TransferSyntaxUID") == DEFLATED:
        with _Deflated(file) as handle:
            handle.most = min(limit, max(SMALL, size * DENSEST))
            header = pydicom.dcmread(handle, stop_before_pixels=True)
    else:
        header = pydicom.dcmread(file, stop_before_pixels=True)
    if "TransferSyntaxUID" not in header.file_meta:
        raise _Damaged(f"{tag_of('TransferSyntaxUID')} is missing")
    if all(value_of(header, keyword) is None for keyword in ("Rows", "Columns")):
        uid = value_of(header, "SOPClassUID") or value_of(header.file_meta, "MediaStorageSOPClassUID")
        kind = getattr(uid, "name", "")
        if uid is None:
            raise _Damaged("the file is DICOM, but damaged or cut off: it does not say what it is")
        if kind == "Media Storage Directory Storage":
            raise _Skipped(INDEX)
        if "MR Image" not in kind:
            known = kind if kind and not kind[:1].isdigit() else "an unknown class"
            raise _Skipped(f"{known}, which holds no image")
        if value_of(header, "SOPClassUID") is None or max(header.keys()) < ROWS:
            raise _Damaged("the file is DICOM, but damaged or cut off")
    return header


class _Deflated(FileIO):
    """A deflated file. pydicom reads all that it will inflate at once; that is measured on its way."""

    most = 0  # bytes

    def read(self, size: int | None = -1, /) -> bytes:
        """Read the next bytes; the rest of the file only if it inflates to no more than ``most`` bytes."""
        data = super().read(-1 if size is None else size) or b""
        if size is None or size < 0:
            _refuse_bomb(data, self.most)
        return data


def _refuse_bomb(packed: bytes, most: int) -> None:
    """Inflate piece by piece, to see that it ends."""
    inflate, total = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while packed:
        total += len(inflate.decompress(packed, 1 << 20))
        packed = inflate.unconsumed_tail
        if total > most:
            raise _Damaged(f"the deflated file unpacks to more than {most} bytes", "export it again, uncompressed")


def _frames(file: Path, header: Dataset, digest: str) -> list[Frame]:
    """Return the frames of a file: one, or as many as its functional groups describe."""
    try:
        each = header.get("PerFrameFunctionalGroupsSequence")
        shared = header.get("SharedFunctionalGroupsSequence")
        declared = int(header.get("NumberOfFrames") or 1)
    except Exception as error:
        raise _Damaged("its functional groups or their number cannot be read") from error
    raw = raw_of(header)
    if each is None:
        if declared != 1 and value_of(header, "SOPClassUID") in MR_CLASSES:  # other classes are refused as that
            raise _Damaged(f"{tag_of('NumberOfFrames')} is {declared}, but no functional groups describe them")
        return [Frame(file, 0, header, digest, (header,), raw)]
    if declared != len(each):
        raise _Damaged(f"{tag_of('NumberOfFrames')} is {declared}, but {len(each)} frames are described")
    common = _inner(shared[0]) if shared else ()
    return [Frame(file, k, header, digest, (*_inner(item), *common, header), raw) for k, item in enumerate(each)]


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
