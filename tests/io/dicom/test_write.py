# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""DICOM series out: the edges stay, the patient stays, and everything else says what was done."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_files import SHAPE, finer, series, stored
from pydicom.dataset import Dataset

from monai_strainer.errors import InputError
from monai_strainer.io import read, write
from monai_strainer.volume import Volume

REPORT = {"task": "super-resolution", "scale": [2.0, 2.0, 1.0], "method": "amortised", "seed": 0, "warnings": []}


def headers(folder: Path) -> list[Dataset]:
    return [pydicom.dcmread(file) for file in sorted(folder.glob("*.dcm"))]


@pytest.mark.parametrize("factors", [(1, 1, 1), (2, 2, 1), (1, 1, 3), (2, 3, 2)])
def test_the_field_of_view_and_the_values_come_back(tmp_path: Path, factors: tuple[int, int, int]) -> None:
    out = finer(read(series(tmp_path / "in")), factors)
    write(out, tmp_path / "out", report=REPORT)
    with pytest.warns(UserWarning, match="derived"):
        again = read(tmp_path / "out")
    np.testing.assert_array_equal(again.data, out.data)
    np.testing.assert_allclose(again.grid.corners(), out.grid.corners(), atol=1e-5)


def test_patient_and_study_stay_and_identifiers_are_new(tmp_path: Path) -> None:
    scan = read(series(tmp_path / "in"))
    write(finer(scan, (2, 2, 1)), tmp_path / "out", report=REPORT)
    sources = {str(frame.header.SOPInstanceUID) for frame in scan.source.frames}
    made = headers(tmp_path / "out")
    first = scan.source.frames[0].header
    for image in made:
        for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "FrameOfReferenceUID", "EchoTime"):
            assert image[keyword].value == first[keyword].value
        assert str(image.SOPInstanceUID) not in sources and image.SeriesInstanceUID != first.SeriesInstanceUID
        assert image.file_meta.MediaStorageSOPInstanceUID == image.SOPInstanceUID
        assert image.ImageType == ["DERIVED", "SECONDARY", "OTHER", "RESAMPLED"]
        assert image.ContentQualification == "RESEARCH" and "research use only" in image.DerivationDescription
        assert image.SourceImageSequence[0].ReferencedSOPInstanceUID in sources
        assert image.SourceImageSequence[0].SpatialLocationsPreserved == "NO"
        assert image.ContributingEquipmentSequence[-1].Manufacturer == "monai_strainer"
        assert image.Manufacturer == "ACME" and image.SeriesNumber == 701
        assert not [element for element in image if element.tag.is_private]
    assert len({image.SeriesInstanceUID for image in made}) == 1
    assert len({image.SOPInstanceUID for image in made}) == len(made)


def test_the_same_result_is_the_same_series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    scan = read(series(tmp_path / "in"))
    for name in "ab":
        write(scan, tmp_path / name, report=REPORT)
    files = [sorted((tmp_path / name).iterdir()) for name in "ab"]
    assert [a.read_bytes() for a in files[0]] == [b.read_bytes() for b in files[1]]
    write(Volume(scan.data + 1, scan.grid, scan.source), tmp_path / "c", report=REPORT)
    assert headers(tmp_path / "c")[0].SOPInstanceUID != headers(tmp_path / "a")[0].SOPInstanceUID


def test_a_denoised_series_keeps_its_slices(tmp_path: Path) -> None:
    scan = read(series(tmp_path / "in"))
    write(scan, tmp_path / "out", report={**REPORT, "task": "denoising", "scale": [1, 1, 1]})
    image = headers(tmp_path / "out")[3]
    assert image.ImageType[-1] == "DENOISED" and image.SeriesDescription == "T1 STRAINER denoised"
    assert image.SourceImageSequence[0].SpatialLocationsPreserved == "YES"
    assert image.SourceImageSequence[0].ReferencedSOPInstanceUID == scan.source.frames[3].header.SOPInstanceUID


def test_the_deviation_is_a_second_series_that_says_its_unit(tmp_path: Path) -> None:
    scan = read(series(tmp_path / "in"))
    std = np.linspace(0, 3.3, scan.data.size, dtype=np.float32).reshape(scan.data.shape)
    write(scan, tmp_path / "out", report=REPORT, std=std)
    made = headers(tmp_path / "out" / "std")
    assert {image.ImageType[3] for image in made} == {"STD_DEVIATION"}
    assert len(made) == SHAPE[2] and made[0].SeriesInstanceUID != headers(tmp_path / "out")[0].SeriesInstanceUID
    unit = float(made[0].DerivationDescription.split("stored values times ")[1].split()[0])
    found = np.stack([image.pixel_array.T for image in made], -1) * unit
    np.testing.assert_allclose(found, std, atol=unit)
    record = json.loads((tmp_path / "out" / "monai_strainer.json").read_text())
    assert len(record["outputs"]) == 2 * SHAPE[2] and "SECRET" not in json.dumps(record)


def test_a_scale_is_inverted_and_kept(tmp_path: Path) -> None:
    def change(k: int, image: Dataset) -> None:
        image.RescaleSlope, image.RescaleIntercept = "2.5", "-10"

    write(read(series(tmp_path / "in", change)), tmp_path / "out", report=REPORT)
    image = headers(tmp_path / "out")[4]
    assert float(image.RescaleSlope) == 2.5
    np.testing.assert_array_equal(image.pixel_array.T, stored()[..., 4])


@pytest.mark.parametrize("unit", [1.0, 1e-4])
def test_scales_that_vary_become_one(tmp_path: Path, unit: float) -> None:
    def change(k: int, image: Dataset) -> None:
        image.RescaleSlope, image.RescaleIntercept = f"{unit * (1 + k):g}", "0"

    scan = read(series(tmp_path / "in", change))
    write(scan, tmp_path / "out", report=REPORT)
    image = headers(tmp_path / "out")[4]
    assert "RescaleSlope" not in image
    words = image.DerivationDescription
    factor = float(words.split("stored values times ")[1].split()[0]) if "times" in words else 1.0
    assert (factor == 1) == (unit == 1)
    np.testing.assert_allclose(image.pixel_array.T * factor, scan.data[..., 4], atol=factor)


@pytest.mark.filterwarnings("ignore:the images are derived")
@pytest.mark.parametrize("below", [-5.0, -60.0])
@pytest.mark.parametrize("varies", [False, True])
def test_values_below_zero_keep_their_sign(tmp_path: Path, below: float, varies: bool) -> None:
    def change(k: int, image: Dataset) -> None:
        if varies:
            image.RescaleSlope, image.RescaleIntercept = f"{1 + k}", "0"

    scan = read(series(tmp_path / "in", change))
    data = scan.data + np.float32(below)
    write(Volume(data, scan.grid, scan.source), tmp_path / "out", report=REPORT)
    assert {image.PixelRepresentation for image in headers(tmp_path / "out")} == {1}
    np.testing.assert_allclose(read(tmp_path / "out").data, data, atol=0.5)


def test_what_is_clipped_is_a_warning(tmp_path: Path) -> None:
    scan = read(series(tmp_path / "in"))
    data = scan.data.copy()
    data[:, :, 0] = 70_000
    write(Volume(data, scan.grid, scan.source), tmp_path / "out", report=REPORT)
    assert "12 % of the voxels were clipped" in headers(tmp_path / "out")[0].DerivationDescription


def test_of_two_kinds_of_integers_the_one_that_clips_less_is_taken(tmp_path: Path) -> None:
    scan = read(series(tmp_path / "in"))
    data = scan.data + 40_000
    data[0, 0, 0] = -3
    write(Volume(data, scan.grid, scan.source), tmp_path / "out", report=REPORT)
    found = np.stack([image.pixel_array.T for image in headers(tmp_path / "out")], -1)
    np.testing.assert_array_equal(found, np.maximum(data, 0))


def test_a_series_may_become_nifti(tmp_path: Path) -> None:
    scan = read(series(tmp_path / "in"))
    write(scan, tmp_path / "out.nii.gz")
    again = read(tmp_path / "out.nii.gz")
    np.testing.assert_array_equal(again.data, scan.data)
    np.testing.assert_allclose(again.grid.corners(), scan.grid.corners(), atol=1e-4)


def test_nothing_is_overwritten_and_nothing_written_among_the_sources(tmp_path: Path) -> None:
    scan = read(series(tmp_path / "in"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    with pytest.raises(InputError, match="a folder of this name exists"):
        write(scan, tmp_path / "out")
    with pytest.raises(InputError, match="inside the input"):
        write(scan, tmp_path / "in" / "out")
    (tmp_path / "out" / "mine").unlink()
    write(scan, tmp_path / "out")
    write(scan, tmp_path / "out", overwrite=True)
    assert len(list((tmp_path / "out").iterdir())) == SHAPE[2]
    assert not list(tmp_path.glob(".*"))


def test_nifti_cannot_become_dicom(tmp_path: Path, phantom: Volume) -> None:
    with pytest.raises(InputError, match="no suffix"):
        write(phantom, tmp_path / "out")
