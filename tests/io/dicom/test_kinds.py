# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Images that are no magnitude of a scan: known by any vendor's word, private element, unit or code, and by values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dicom_files import SHAPE, enhanced, put, series, stored
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from monai_strainer.errors import InputError
from monai_strainer.io import read

Change = Callable[[int, Dataset], None]


def type_of(*words: str) -> Change:
    return put("ImageType", ["DERIVED", "SECONDARY", *words])


def private(creator: str, group: int, element: int, vr: str, value: object, block: int = 0x10) -> Change:
    def change(k: int, image: Dataset) -> None:
        image.add_new((group, block), "LO", creator)
        image.add_new((group, block << 8 | element), vr, value)

    return change


def ge(value: object, vr: str = "SS", block: int = 0x10) -> Change:
    return private("GEMS_PARM_01", 0x0043, 0x2F, vr, value, block)


def coded(keyword: str, value: str) -> Change:
    def change(k: int, image: Dataset) -> None:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", "x"
        if keyword == "MeasurementUnitsCodeSequence":
            outer = Dataset()
            outer.MeasurementUnitsCodeSequence = Sequence([item])
            image.RealWorldValueMappingSequence = Sequence([outer])
        else:
            setattr(image, keyword, Sequence([item]))

    return change


def ge_field_map(k: int, image: Dataset) -> None:
    ge(0)(k, image)
    private("GEMS_ACQU_01", 0x0019, 0x9E, "LO", "B0map", 0x11)(k, image)
    image.ImageType = ["DERIVED", "SECONDARY", "OTHER"]


def both_signs(k: int, image: Dataset) -> None:
    ge(0)(k, image)
    values = stored()[..., k].T.copy()
    values[:, ::2] *= -1
    image.PixelData = values.tobytes()


REFUSED: list[tuple[str, Change, str]] = [
    ("GE phase", ge(1), "phase image"),
    ("GE real", ge(2), "real image"),
    ("GE imaginary", ge(3), "imaginary image"),
    ("GE as bytes", ge(b"\x03\x00", "UN"), "imaginary image"),
    ("GE in another block", ge(1, block=0x20), "phase image"),
    ("GE field map", ge_field_map, "field map"),
    ("values of both signs", both_signs, "far below zero"),
    ("Philips", private("Philips MR Imaging DD 001", 0x2005, 0x11, "CS", "P"), "phase image"),
    ("Siemens", private("SIEMENS MR SDI 02", 0x0021, 0x75, "CS", ["ORIGINAL", "PRIMARY", "R", "ND"]), "real image"),
    ("component", put("ComplexImageComponent", "IMAGINARY"), "imaginary image"),
    *((word, type_of(word), "phase image") for word in ("P", "PHASE", "PHASE MAP", "PHASE_MAP", "P_FFE")),
    *((word, type_of(word), "real image") for word in ("R", "REAL", "R_IR", "PSIR")),
    *((word, type_of(word), "imaginary image") for word in ("I", "IMAGINARY", "I_SE")),
    ("Philips in the fourth place", type_of("FFE", "P", "FFE"), "phase image"),
    *((unit, put("RescaleType", unit), "the unit of the values") for unit in ("Hz", "[Hz]", "rad", "cm/s", "ms")),
    ("unit of real-world values", coded("MeasurementUnitsCodeSequence", "Hz"), "field map"),
    *((w, type_of(w), "projection") for w in ("MIP", "MNIP", "MIN IP", "MINIP", "MIN_IP", "CSA MIP", "PJN")),
    ("technique", put("VolumeBasedCalculationTechnique", "MAX_IP"), "projection"),
    ("projection image", type_of("PROJECTION IMAGE", "M"), "projection"),
    ("code of a projection", coded("DerivationCodeSequence", "113078"), "projection"),
    *((word, type_of(word), "subtraction") for word in ("SUB", "SUBTRACTION", "SUBTRACTED")),
    ("code of a subtraction", coded("DerivationCodeSequence", "113062"), "subtraction"),
    *((word, type_of(word), "velocity map") for word in ("VELOCITY MAP", "VELOCITY", "VELOCITY_MAP")),
    *((w, type_of(w), "computed map") for w in ("ADC", "FA", "T1MAP", "T1_MAP", "B0 MAP", "FIELD_MAP", "CBF", "FF")),
    ("quantity", type_of("M", "T1"), "computed map"),
    *((word, type_of(word), "picture of a screen") for word in ("SCREEN SAVE", "SCREENSAVE", "POSDISP")),
    ("digitized", put("ConversionType", "DF"), "digitized"),
    ("rendering", type_of("VRT"), "rendering"),
    ("scout", type_of("SCOUT"), "SCOUT"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("change", "words"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_is_no_magnitude_of_a_scan_is_refused(tmp_path: Path, change: Change, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(series(tmp_path / "s", change))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "change",
    [
        ge(0),
        type_of("M", "ND", "NORM"),
        type_of("M_FFE", "M", "FFE"),
        type_of("OTHER"),
        put("ImageType", ["ORIGINAL", "PRIMARY", "T1", "NONE"]),
        put("ComplexImageComponent", "MAGNITUDE"),
        put("RescaleType", "US"),
        type_of("MPR", "CSA MPR", "", "CSAPARALLEL", "M"),
    ],
)
def test_magnitudes_are_read(tmp_path: Path, change: Change) -> None:
    np.testing.assert_array_equal(read(series(tmp_path / "s", change)).data, stored())


def test_a_reformatted_or_compressed_series_is_read_with_a_warning(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"reformatted \(MPR\)"):
        assert read(series(tmp_path / "a", type_of("MPR"))).data.shape == SHAPE
    with pytest.warns(UserWarning, match="compressed with loss"):
        assert read(series(tmp_path / "b", put("LossyImageCompression", "01"))).data.shape == SHAPE


def in_frame(keyword: str, value: object) -> Callable[[Dataset], None]:
    return lambda item: setattr(item.MRImageFrameTypeSequence[0], keyword, value)


def in_private_group(item: Dataset) -> None:
    inner = Dataset()
    inner.add_new((0x2005, 0x10), "LO", "Philips MR Imaging DD 001")
    inner.add_new((0x2005, 0x1011), "CS", "P")
    item.add_new((0x2005, 0x14), "LO", "Philips MR Imaging DD 005")
    item.add_new((0x2005, 0x140F), "SQ", Sequence([inner]))


def code_in_frame(item: Dataset) -> None:
    outer = Dataset()
    coded("DerivationCodeSequence", "113079")(0, outer)
    item.DerivationImageSequence = Sequence([outer])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (in_frame("ComplexImageComponent", "PHASE"), "phase image"),
        (in_frame("FrameType", ["DERIVED", "PRIMARY", "PHASE MAP", "NONE"]), "phase image"),
        (in_frame("VolumeBasedCalculationTechnique", "MIN_IP"), "projection"),
        (in_private_group, "phase image"),
        (code_in_frame, "projection"),
    ],
    ids=["component", "frame type", "technique", "private", "code"],
)
def test_a_frame_of_a_multi_frame_file_is_refused_for_what_it_shows(
    tmp_path: Path, change: Callable[[Dataset], None], words: str
) -> None:
    np.testing.assert_array_equal(read(enhanced(tmp_path / "whole.dcm")).data, stored())
    with pytest.raises(InputError, match=words):
        read(enhanced(tmp_path / "x.dcm", change))
