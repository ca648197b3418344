# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The standard deviation as a Parametric Map: the same voxels at the same positions, a unit, the same patient."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_files import finer, series
from phantoms import small_prior

from monai_strainer import save_prior
from monai_strainer.cli import main
from monai_strainer.errors import InputError
from monai_strainer.geometry import Grid, ras_to_lps
from monai_strainer.io import DicomForm, read, write
from monai_strainer.volume import Volume

highdicom = pytest.importorskip("highdicom", reason='highdicom is not installed: pip install "monai_strainer[maps]"')

REPORT = {"task": "super-resolution", "scale": [2.0, 2.0, 2.0], "method": "amortised", "seed": 0, "warnings": []}
MAP = Path("std") / "PM00001.dcm"


def made(home: Path, factors: tuple[int, int, int] = (2, 2, 2), name: str = "out") -> tuple[Volume, Path]:
    """A restored volume whose deviation is a hundredth of it, and the map of that."""
    source = home / "in"
    out = finer(read(source if source.exists() else series(source)), factors)
    write(out, home / name, report=REPORT, std=out.data * np.float32(0.01), dicom=DicomForm(parametric_map=True))
    return out, home / name / MAP


@pytest.mark.parametrize("factors", [(1, 1, 1), (2, 2, 1), (2, 3, 2)])
def test_another_reader_finds_the_same_values_at_the_same_places(tmp_path: Path, factors: tuple[int, int, int]) -> None:
    out, file = made(tmp_path, factors)
    volume = highdicom.imread(file).get_volume()
    for index in ((0, 0, 0), (3, 5, 7), (18, 10, 2)):
        place = ras_to_lps(out.grid.affine)[:3] @ [*index, 1]
        found = np.rint(np.linalg.inv(volume.affine) @ [*place, 1])[:3].astype(int)
        assert volume.array[tuple(found)] == np.float32(0.01) * out.data[index]
    assert volume.array.size == out.data.size


def test_it_is_of_the_same_patient_and_says_what_it_is(tmp_path: Path) -> None:
    _, file = made(tmp_path)
    image, source = pydicom.dcmread(file), pydicom.dcmread(tmp_path / "in" / "00.dcm")
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert image[keyword].value == source[keyword].value
    assert image.SOPClassUID.name == "Parametric Map Storage" and image.ImageType[3] == "STD_DEVIATION"
    assert image.SeriesDescription == "T1 STRAINER SRx2 std" and image.SeriesNumber == 702
    assert image.ContentQualification == "RESEARCH"
    assert "monai_strainer" in [one.get("ManufacturerModelName") for one in image.ContributingEquipmentSequence]
    assert not [element for element in image if element.tag.is_private]
    meaning = image.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    assert meaning.MeasurementUnitsCodeSequence[0].CodeValue == "[arb'U]"


def test_the_same_result_is_the_same_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert made(tmp_path, name="a")[1].read_bytes() == made(tmp_path, name="b")[1].read_bytes()


def test_one_option_of_the_command_line_makes_it(tmp_path: Path) -> None:
    save_prior(small_prior(), tmp_path / "bundle")
    source = series(tmp_path / "in")
    words = ["restore", source, tmp_path / "out", "--prior", tmp_path / "bundle", "--steps", "0", "--parametric-map"]
    assert main([str(word) for word in [*words, "--quiet", "--device", "cpu"]]) == 0
    assert [file.name for file in (tmp_path / "out" / "std").iterdir()] == [MAP.name]


def test_it_belongs_to_dicom(tmp_path: Path) -> None:
    scan = read(series(tmp_path / "in"))
    with pytest.raises(InputError, match="a Parametric Map is DICOM"):
        write(scan, tmp_path / "out.nii.gz", std=scan.data, dicom=DicomForm(parametric_map=True))


@pytest.mark.parametrize("target", ["out.nii.gz", "out"])
def test_what_cannot_be_written_is_refused_before_anything_is_computed(tmp_path: Path, target: str) -> None:
    save_prior(small_prior(), tmp_path / "bundle")
    source = series(tmp_path / "in") if target == "out.nii.gz" else tmp_path / "scans"
    source.mkdir(exist_ok=True)
    if target == "out":
        write(Volume(np.ones((4, 4, 4), np.float32), Grid((4, 4, 4), np.eye(4))), source / "a.nii.gz")
    words = ["restore", source, tmp_path / target, "--prior", tmp_path / "bundle", "--parametric-map", "--quiet"]
    assert main([str(word) for word in words]) == 3 and not (tmp_path / target).exists()


def test_without_highdicom_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(InputError, match=r"monai_strainer\[maps\]"):
        made(tmp_path)
    assert not (tmp_path / "out").exists()
