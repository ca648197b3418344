# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Compressed images that unpack to far more than their header says are refused before they are unpacked."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from dicom_files import series
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from monai_strainer.errors import InputError
from monai_strainer.io import read
from monai_strainer.io.dicom import pixels as dicom_pixels
from monai_strainer.io.dicom import survey as dicom_survey


def rle(packets: int) -> bytes:
    """Two segments of so many packets, each of which unpacks to 128 zeros."""
    segment = b"\x81\x00" * packets
    starts = (2, 64, 64 + len(segment), *[0] * 13)
    return b"".join(number.to_bytes(4, "little") for number in starts) + segment + segment


def boxed(edge: int) -> bytes:
    """The boxes of a .jp2 file, and a codestream in them that declares so many rows and columns."""
    sizes = b"".join(number.to_bytes(4, "big") for number in (edge, edge, 0, 0))
    return b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(20) + b"\xff\x4f\xff\x51\x00\x2f\x00\x00" + sizes + bytes(40)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("code", "syntax", "says"),
    [
        (rle(20000), RLELossless, "unpacks to more than its header says"),
        (boxed(60000), JPEG2000Lossless, r"is \(60000, 60000\), its header says"),
    ],
    ids=["rle", "jp2"],
)
def test_a_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: bytes, syntax: str, says: str
) -> None:
    def change(k: int, image: Dataset) -> None:
        image.PixelData = encapsulate([code])
        image["PixelData"].VR, image["PixelData"].is_undefined_length = "OB", True
        image.file_meta.TransferSyntaxUID = syntax

    def never(*_: object, **__: object) -> None:
        raise AssertionError("it was given to a decoder")

    monkeypatch.setattr(dicom_pixels, "pixel_array", never)
    with pytest.raises(InputError, match=rf"\.dcm: .*{says}"):
        read(series(tmp_path / "in", change))


@pytest.mark.parametrize("literals", [True, False])
def test_a_sound_segment_is_not_refused(literals: bool) -> None:
    """Bytes as they are, or one repeated; with the byte of padding that makes a segment even."""
    head = b"".join(number.to_bytes(4, "little") for number in (1, 64, *[0] * 14))
    packets = (b"\x7f" + bytes(range(128))) * 8 if literals else b"\x81\x05" * 8
    assert not dicom_pixels.is_rle_beyond(head + packets + b"\x80", 8 * 128)
    assert dicom_pixels.is_rle_beyond(head + packets * 3, 8 * 128)


def deflated(folder: Path, more: bytes = b"") -> Path:
    """A series in the deflated transfer syntax; ``more`` bytes follow the last image of the second file."""

    def change(_: int, image: Dataset) -> None:
        image.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian

    series(folder, change)
    file = folder / "01.dcm"
    content = file.read_bytes()
    start = 144 + int.from_bytes(content[140:144], "little")
    pack = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    whole = zlib.decompress(content[start:], -zlib.MAX_WBITS) + more
    file.write_bytes(content[:start] + pack.compress(whole) + pack.flush())
    return folder


@pytest.mark.filterwarnings("ignore")
def test_a_deflated_series_is_read_as_any_other(tmp_path: Path) -> None:
    plain, packed = read(series(tmp_path / "plain")), read(deflated(tmp_path / "packed"))
    assert np.array_equal(plain.data, packed.data)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("length", [None, 1 << 20, 0], ids=["sound", "beyond the file", "none"])
def test_a_deflated_bomb_is_refused_before_it_is_inflated_whatever_its_header_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int | None
) -> None:
    """The header may lie about where the deflated bytes begin."""
    monkeypatch.setattr(dicom_survey, "SMALL", 1 << 20)
    folder = deflated(tmp_path / "in", bytes(4 << 20))
    if length is not None:
        content = bytearray((folder / "01.dcm").read_bytes())
        content[140:144] = length.to_bytes(4, "little")
        (folder / "01.dcm").write_bytes(content)

    def bounded(packed: bytes, wbits: int) -> bytes:
        whole = inflate(packed, wbits)
        assert len(whole) < 1 << 20, "it was inflated"
        return whole

    inflate = zlib.decompress
    monkeypatch.setattr("pydicom.filereader.zlib.decompress", bounded)
    with pytest.raises(
        InputError, match=r"01\.dcm.*unpacks to more than 1048576 bytes|unpacks to more than 1048576 bytes.*01\.dcm"
    ):
        read(folder)
