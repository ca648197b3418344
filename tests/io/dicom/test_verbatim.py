# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Text comes out as the bytes that went in, whatever character set a file claims."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from dicom_files import put, series
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from monai_strainer.io import read, write

REPORT = {"task": "denoising", "scale": [1, 1, 1], "warnings": []}
TEXTS = {  # bytes of Latin-1, of even length, put in place of letters
    "PatientName": b"M\xfcller^J\xf6rg",
    "PatientComments": b"Gr\xf6\xdfe 1,80",
    "StudyDescription": b"Sch\xe4del",
    "SeriesDescription": b"T1 \xfcber",
    "IssuerOfPatientID": b"K\xf6ln",
}


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian], ids=["explicit", "implicit"])
@pytest.mark.parametrize("charset", [None, "ISO_IR 192", "ISO_IR 100", "ISO_IR 149", ["", "ISO 2022 IR 87"], "wrong"])
@pytest.mark.filterwarnings("ignore")
def test_text_is_copied_byte_for_byte(tmp_path: Path, charset: str | list[str] | None, syntax: str) -> None:
    def change(k: int, image: Dataset) -> None:
        image.file_meta.TransferSyntaxUID = syntax
        if charset is not None:
            image.SpecificCharacterSet = charset
        for number, keyword in enumerate(TEXTS):
            place = image
            if keyword == "IssuerOfPatientID":
                place = Dataset()
                image.OtherPatientIDsSequence = Sequence([place])
            setattr(place, keyword, f"{number}".ljust(len(TEXTS[keyword]), "q"))

    folder = series(tmp_path / "in", change)
    for file in folder.iterdir():
        whole = file.read_bytes()
        for number, text in enumerate(TEXTS.values()):
            whole = whole.replace(f"{number}".ljust(len(text), "q").encode(), text)
        file.write_bytes(whole)
    write(read(folder), tmp_path / "out", report=REPORT)
    whole = (tmp_path / "out" / "MR00001.dcm").read_bytes()
    assert [keyword for keyword, text in TEXTS.items() if text not in whole] == []
    assert pydicom.dcmread(tmp_path / "out" / "MR00001.dcm").Rows == 24


def test_long_text_gives_way_to_what_was_done(tmp_path: Path) -> None:
    write(read(series(tmp_path / "in", put("SeriesDescription", "x" * 64))), tmp_path / "out", report=REPORT)
    made = pydicom.dcmread(tmp_path / "out" / "MR00001.dcm")
    assert len(made.SeriesDescription) == 64 and made.SeriesDescription.endswith("x STRAINER denoised")
