# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Enhanced MR in, Enhanced MR out: field of view and values come back, and every frame says what it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_files import SHAPE, enhanced, finer, series, stored
from phantoms import small_prior
from pydicom.dataset import Dataset

from monai_strainer import save_prior
from monai_strainer.cli import main
from monai_strainer.errors import InputError
from monai_strainer.io import DicomForm, read, write
from monai_strainer.volume import Volume

pytestmark = pytest.mark.filterwarnings("ignore:the images are derived")
REPORT = {"task": "super-resolution", "scale": [2.0, 2.0, 1.0], "method": "amortised", "seed": 0, "warnings": []}


def written(home: Path, factors: tuple[int, int, int], source: Path | None = None) -> tuple[Volume, Dataset]:
    """A volume on a finer grid, and the file that is made of it."""
    out = finer(read(source or enhanced(home / "in.dcm")), factors)
    write(out, home / "out", report=REPORT, std=np.abs(out.data) * np.float32(0.01), dicom=DicomForm(enhanced=True))
    return out, pydicom.dcmread(home / "out" / "MR00001.dcm")


def group(image: Dataset, k: int, keyword: str) -> Dataset:
    """A functional group of a frame, its own or the shared one."""
    own = image.PerFrameFunctionalGroupsSequence[k]
    found: Dataset = (own if keyword in own else image.SharedFunctionalGroupsSequence[0])[keyword].value[0]
    return found


@pytest.mark.parametrize("factors", [(1, 1, 1), (2, 2, 1), (1, 1, 3), (2, 3, 2)])
def test_the_field_of_view_and_the_values_come_back(tmp_path: Path, factors: tuple[int, int, int]) -> None:
    out, image = written(tmp_path, factors)
    assert image.NumberOfFrames == out.grid.shape[2] == SHAPE[2] * factors[2]
    again = read(tmp_path / "out" / "MR00001.dcm")
    np.testing.assert_array_equal(again.data, out.data)
    np.testing.assert_allclose(again.grid.corners(), out.grid.corners(), atol=1e-4)
    std = pydicom.dcmread(tmp_path / "out" / "std" / "MR00001.dcm")
    values = group(std, 0, "PixelValueTransformationSequence")
    found = std.pixel_array.T * float(values.RescaleSlope)
    np.testing.assert_allclose(found, 0.01 * np.abs(out.data), atol=0.6 * float(values.RescaleSlope))


def test_values_below_zero_keep_their_sign(tmp_path: Path) -> None:
    scan = read(enhanced(tmp_path / "in.dcm"))
    shifted = Volume(scan.data - 60, scan.grid, scan.source)
    write(shifted, tmp_path / "out", report=REPORT, dicom=DicomForm(enhanced=True))
    np.testing.assert_allclose(read(tmp_path / "out" / "MR00001.dcm").data, shifted.data, atol=0.5)


def test_every_frame_says_what_it_is_and_from_what(tmp_path: Path) -> None:
    _, image = written(tmp_path, (2, 2, 2))
    source = pydicom.dcmread(tmp_path / "in.dcm")
    assert image.SOPClassUID.name == "Enhanced MR Image Storage"
    assert image.SOPInstanceUID != source.SOPInstanceUID and image.SeriesInstanceUID != source.SeriesInstanceUID
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert image[keyword].value == source[keyword].value
    assert list(image.ImageType) == ["DERIVED", "PRIMARY", "M", "RESAMPLED"]
    assert "monai_strainer" in [one.get("ManufacturerModelName") for one in image.ContributingEquipmentSequence]
    assert image.ContentQualification == "RESEARCH" and "MRAcquisitionType" not in image
    for k in range(image.NumberOfFrames):
        derivation = group(image, k, "DerivationImageSequence")
        references = [one.ReferencedFrameNumber for one in derivation.SourceImageSequence]
        assert (k // 2) + 1 in references and "research use only" in derivation.DerivationDescription
        assert {one.ReferencedSOPInstanceUID for one in derivation.SourceImageSequence} == {source.SOPInstanceUID}
        assert list(group(image, k, "MRImageFrameTypeSequence").FrameType) == list(image.ImageType)
        assert list(group(image, k, "FrameContentSequence").DimensionIndexValues) == [1, k + 1]
    files = image.SourceImageEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert [one.ReferencedSOPInstanceUID for one in files] == [source.SOPInstanceUID]
    assert not [element for element in image.iterall() if element.tag.is_private]


def test_the_standard_deviation_is_refused_as_a_scan(tmp_path: Path) -> None:
    written(tmp_path, (1, 1, 1))
    with pytest.raises(InputError):
        read(tmp_path / "out" / "std")


def test_the_same_result_twice_is_the_same_series(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    _, one = written(tmp_path, (2, 2, 1))
    _, two = written(tmp_path / "b", (2, 2, 1), tmp_path / "in.dcm")
    assert one.SOPInstanceUID == two.SOPInstanceUID and one.SeriesInstanceUID == two.SeriesInstanceUID


def test_groups_of_a_real_file_stay(tmp_path: Path, oasis: Path) -> None:
    file = oasis.parent / "dicom" / "enhanced" / "Siemens" / "XA10" / "6_1.dcm"
    out, image = written(tmp_path, (1, 1, 2), file)
    source = pydicom.dcmread(file)
    for keyword in ("MRTimingAndRelatedParametersSequence", "MRReceiveCoilSequence", "MREchoSequence"):
        assert group(image, 11, keyword) == group(source, 5, keyword)
    assert float(group(image, 0, "PixelMeasuresSequence").SliceThickness) == pytest.approx(1.2)
    np.testing.assert_allclose(read(tmp_path / "out" / "MR00001.dcm").grid.affine, out.grid.affine, atol=1e-4)


def test_the_command_line_writes_it_and_refuses_what_is_no_enhanced_mr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = enhanced(tmp_path / "in.dcm")
    save_prior(small_prior(), tmp_path / "bundle")
    words = ["--scale", "1", "--steps", "0", "--prior", str(tmp_path / "bundle"), "--quiet", "--enhanced"]
    assert main(["restore", str(source), str(tmp_path / "out"), "--report", *words]) == 0
    image = pydicom.dcmread(tmp_path / "out" / "MR00001.dcm")
    assert image.pixel_array.shape == stored().T.shape and list(image.ImageType)[3] == "NONE"
    assert "--enhanced" in (tmp_path / "out" / "monai_strainer.html").read_text()
    classic = series(tmp_path / "classic")
    assert main(["restore", str(classic), str(tmp_path / "no"), *words]) == 3
    assert "the source is no Enhanced MR" in capsys.readouterr().err
    assert main(["restore", str(source), str(tmp_path / "no.nii.gz"), *words]) == 3
    assert "an Enhanced MR file is DICOM" in capsys.readouterr().err and not (tmp_path / "no").exists()
