# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A frame in the form of a classic image: what holds of new pixels stays, what does not goes."""

from __future__ import annotations

from pathlib import Path

import pytest
from dicom_files import slice_of
from pydicom.dataset import Dataset

from monai_strainer.io.dicom.classic import classic, put
from monai_strainer.io.dicom.frame import Frame


def frame(header: Dataset, *groups: Dataset) -> Frame:
    return Frame(Path("a.dcm"), 0, header, "", (*groups, header))


def test_pixels_and_what_is_said_of_them_do_not_stay() -> None:
    header = slice_of(0)
    header.SmallestImagePixelValue = 3
    header.add_new(0x00110010, "LO", "ACME")
    made = classic(frame(header))
    assert "PixelData" not in made and "SmallestImagePixelValue" not in made and (0x0011, 0x0010) not in made
    assert made.PatientName == header.PatientName and made.RepetitionTime == header.RepetitionTime


def test_a_frame_of_a_multi_frame_file_gets_the_attributes_of_its_groups() -> None:
    timing, echo = Dataset(), Dataset()
    timing.RepetitionTime, timing.FlipAngle = 500.0, 12.0
    echo.EffectiveEchoTime = 4.5
    header = Dataset()
    header.EchoPulseSequence, header.PulseSequenceName = "GRADIENT", "x"
    made = classic(frame(header, timing, echo))
    assert (made.RepetitionTime, made.EchoTime, made.FlipAngle) == (500, 4.5, 12)
    assert made.ScanningSequence == "GR" and "PulseSequenceName" not in made


@pytest.mark.parametrize(
    ("keyword", "value", "text"),
    [("SliceThickness", 1 / 3, "0.33333333333333"), ("EchoNumbers", 2.0, "2"), ("SeriesDescription", "T1", "T1")],
)
def test_numbers_are_short_decimal_strings(keyword: str, value: object, text: str) -> None:
    image = Dataset()
    put(image, keyword, value)
    assert str(image[keyword].value) == text
    put(image, "PatientID", None)
    assert "PatientID" not in image
