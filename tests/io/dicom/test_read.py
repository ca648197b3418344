# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""DICOM series in: order, geometry and intensities, from positions alone and from every kind of file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_files import AXES, ORIGIN, SHAPE, SPACING, STEP, series, stored
from pydicom.dataset import Dataset

from monai_strainer.errors import InputError
from monai_strainer.geometry import ras_to_lps
from monai_strainer.io import read
from monai_strainer.io.dicom.pixels import _opened, _stored, codestream_size
from monai_strainer.io.dicom.survey import survey


@pytest.fixture
def dicom(oasis: Path) -> Path:
    return oasis.parent / "dicom"


def test_a_series_is_laid_by_its_positions(tmp_path: Path) -> None:
    scan = read(series(tmp_path / "s"))
    assert scan.data.shape == SHAPE and scan.slice_axis == 2
    np.testing.assert_array_equal(scan.data, stored())
    affine = ras_to_lps(scan.grid.affine)
    np.testing.assert_allclose(affine[:3, 3], ORIGIN, atol=1e-6)
    np.testing.assert_allclose(affine[:3, :3], AXES * [SPACING[1], SPACING[0], STEP], atol=1e-6)


@pytest.mark.parametrize("numbers", ["shuffled", "missing", "equal"])
def test_instance_numbers_mean_nothing(tmp_path: Path, numbers: str) -> None:
    def change(k: int, image: Dataset) -> None:
        image.InstanceNumber = {"shuffled": (3 * k) % 8, "equal": 1}.get(numbers)
        if numbers == "missing" and k % 2:
            del image.InstanceNumber

    np.testing.assert_array_equal(read(series(tmp_path / "s", change)).data, stored())


def test_other_files_in_the_folder_are_passed_over(tmp_path: Path) -> None:
    folder = series(tmp_path / "s")
    (folder / "notes.txt").write_text("hello")
    (folder / "DICOMDIR").write_bytes(b"x" * 200)
    (folder / "copy.dcm").write_bytes((folder / "00.dcm").read_bytes())
    (folder / "sub").mkdir()
    (folder / "sub" / "thumb.png").write_bytes(b"\x89PNG")
    np.testing.assert_array_equal(read(folder).data, stored())
    assert survey(folder, 2**31).skipped == {"not DICOM": 2, "a second copy": 1}


def test_every_slice_has_its_own_scale(tmp_path: Path) -> None:
    def change(k: int, image: Dataset) -> None:
        image.RescaleSlope, image.RescaleIntercept = str(1 + k), "-3"

    scan = read(series(tmp_path / "s", change))
    np.testing.assert_allclose(scan.data, stored() * np.arange(1.0, 9.0) - 3)
    assert scan.source.slope is None


def test_a_single_file_is_a_single_slice(tmp_path: Path) -> None:
    folder = series(tmp_path / "s")
    with pytest.warns(UserWarning, match="single slice"):
        assert read(folder / "04.dcm").data.shape == (*SHAPE[:2], 1)


def test_a_file_without_a_suffix_is_known_by_its_mark(tmp_path: Path) -> None:
    folder = series(tmp_path / "s")
    (folder / "04.dcm").rename(folder / "IM0")
    with pytest.warns(UserWarning, match="single slice"):
        assert read(folder / "IM0").data.shape == (*SHAPE[:2], 1)


def test_padding_is_no_intensity(tmp_path: Path) -> None:
    def change(k: int, image: Dataset) -> None:
        values = stored()[..., k].T.copy()
        values[0, 0] = -2000
        image.PixelData, image.PixelPaddingValue = values.tobytes(), -2000

    assert read(series(tmp_path / "s", change)).data.min() == stored().min()


def test_the_series_is_chosen_by_its_uid(tmp_path: Path) -> None:
    def other(k: int, image: Dataset) -> None:
        image.SeriesInstanceUID, image.SeriesNumber = "1.2.3", 9
        image.SOPInstanceUID = f"1.2.3.{k + 1}"
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID

    series(tmp_path / "s" / "a")
    series(tmp_path / "s" / "b", other)
    with pytest.raises(InputError, match=r"2 series.*--series-uid:\n.*series 7, 8 images.*\n  1.2.3: series 9, 8"):
        read(tmp_path / "s")
    assert read(tmp_path / "s", series_uid="1.2.3").data.shape == SHAPE
    with pytest.raises(InputError, match="no series of the UID"):
        read(tmp_path / "s", series_uid="1.2.4")


def test_a_compressed_image_states_its_size() -> None:
    assert codestream_size(b"\xff\x4f\xff\x51" + bytes(4) + bytes.fromhex("0000000a0000000c") + bytes(8)) == (12, 10)
    assert codestream_size(b"no image") is None


def test_real_series_are_read(dicom: Path) -> None:
    sagittal = read(dicom / "ge_sagittal")
    assert sagittal.data.shape == (256, 256, 196) and sagittal.grid.axis_of("sagittal") == 2
    np.testing.assert_allclose(sagittal.grid.spacing, (1.0547, 1.0547, 1.2), atol=1e-4)
    with pytest.warns(UserWarning, match="derived"):
        assert read(dicom / "structural").data.shape == (274, 384, 384)


def test_enhanced_files_are_read_frame_by_frame(dicom: Path) -> None:
    scan = read(dicom / "enhanced" / "Siemens" / "XA10" / "6_1.dcm")
    raw = pydicom.dcmread(dicom / "enhanced" / "Siemens" / "XA10" / "6_1.dcm")
    assert scan.data.shape == (64, 64, 6)
    np.testing.assert_allclose(scan.grid.spacing, (3.375, 3.375, 2.4), atol=1e-3)
    assert sorted(scan.data.sum((0, 1))) == sorted(raw.pixel_array.sum((1, 2)).astype(np.float32))


def test_all_transfer_syntaxes_decode_alike(dicom: Path) -> None:
    pytest.importorskip("gdcm")
    pytest.importorskip("jpeg_ls")
    images = []
    for file in sorted((dicom / "transfer_syntaxes").glob("*.dcm")):
        frame = next(iter(survey(file, 2**31).series.values()))[0]
        images.append(_stored(_opened(frame), frame, (384, 384)))
    assert len(images) == 9 and images[0].max() > 0
    assert all(np.array_equal(image, images[0]) for image in images)


@pytest.mark.parametrize(("times", "kept"), [(2.0, 2.0), (0.5, 0.5), (1.0, None), (0.01, None), (50.0, None)])
def test_the_thickness_of_slices_is_read_where_it_can_be(tmp_path: Path, times: float, kept: float | None) -> None:
    def change(k: int, image: Dataset) -> None:
        image.SliceThickness = f"{step * times:.6g}"

    step = float(read(series(tmp_path / "as_made")).grid.spacing[2])
    scan = read(series(tmp_path / "changed", change), warn=False)
    assert scan.thickness == (None if kept is None else pytest.approx(kept * step))
    assert any("SliceThickness" in finding for finding in scan.findings) == (not 0.1 <= times <= 10)
