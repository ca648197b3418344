# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What the DICOM reader refuses: every damage has its sentence, and nothing but that sentence escapes."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_files import AXES, ORIGIN, SHAPE, STEP, put, series, slice_of
from pydicom.dataset import Dataset

from monai_strainer.errors import InputError
from monai_strainer.io import read

Change = Callable[[int, Dataset], None]


def cut(keyword: str) -> Change:
    return lambda k, image: delattr(image, keyword)


def sheared(k: int, image: Dataset) -> None:
    place = ORIGIN + k * (STEP * AXES[:, 2] + 0.3 * AXES[:, 0])
    image.ImagePositionPatient = [f"{v:.9f}" for v in place]


def uneven(k: int, image: Dataset) -> None:
    image.ImagePositionPatient = [f"{v:.9f}" for v in ORIGIN + STEP * (k + 4 * (k > 3)) * AXES[:, 2]]


def doubled(k: int, image: Dataset) -> None:
    image.ImagePositionPatient = [f"{v:.9f}" for v in ORIGIN + STEP * (k // 2) * AXES[:, 2]]
    image.EchoTime = str(3 + k % 2)


def twice(k: int, image: Dataset) -> None:
    image.ImagePositionPatient = [f"{v:.9f}" for v in ORIGIN + STEP * (k // 2) * AXES[:, 2]]


def short(k: int, image: Dataset) -> None:
    image.PixelData = image.PixelData[:-2]


def flat(k: int, image: Dataset) -> None:
    image.PixelData = bytes(len(image.PixelData))


DAMAGES: list[tuple[str, Change, str]] = [
    ("class", put("SOPClassUID", "1.2.840.10008.5.1.4.1.1.2"), r"SOPClassUID \(0008,0016\) says CT Image Storage"),
    ("modality", put("Modality", "CT"), r"Modality \(0008,0060\) says CT, not MR"),
    ("patients", put("PatientID", "other", 3), r"PatientID \(0010,0020\) has 2 values in one series"),
    ("studies", put("StudyInstanceUID", "1.2.3", 3), "StudyInstanceUID .* has 2 values"),
    ("spaces", put("FrameOfReferenceUID", "1.2.3", 3), "FrameOfReferenceUID .* has 2 values"),
    ("instances", put("SOPInstanceUID", "1.2.3"), "SOPInstanceUID .* is that of another file"),
    (
        "echoes",
        doubled,
        r"2 volumes\. Choose one with --volume:\n  volume 1: 4 images, EchoTime 3\n  volume 2: .*EchoTime 4",
    ),
    ("one place twice", twice, "4 images lie where another does, and nothing in their headers separates volumes"),
    ("no orientation", cut("ImageOrientationPatient"), "ImageOrientationPatient .* is missing"),
    ("no position", cut("ImagePositionPatient"), "ImagePositionPatient .* is missing"),
    ("no spacing", cut("PixelSpacing"), r"PixelSpacing \(0028,0030\) is missing"),
    ("no rows", cut("Rows"), "Rows .* is missing"),
    ("spacing of zero", put("PixelSpacing", ["0", "1"]), "PixelSpacing .* not above 0"),
    ("wild position", put("ImagePositionPatient", ["nan", "0", "0"], 2), "ImagePositionPatient .* not 3 finite"),
    ("no frame", put("ImageOrientationPatient", list("100110")), "not two perpendicular unit vectors"),
    ("orientations", put("ImageOrientationPatient", list("100010"), 2), "ImageOrientationPatient .* not the same"),
    ("spacings", put("PixelSpacing", ["2", "2"], 2), "PixelSpacing .* not the same"),
    ("matrices", put("Rows", 12, 2), "Rows .* not the same"),
    ("gap", uneven, "3 mm apart, but 15 mm here: slices are missing"),
    ("shear", sheared, "shifted by 0.3 mm from one to the next: the stack is sheared"),
    ("mosaic", put("ImageType", ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]), "says MOSAIC"),
    ("frames of United Imaging", put("ImageType", ["ORIGINAL", "PRIMARY", "M", "VFRAME"]), "says VFRAME"),
    ("localizer", put("ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]), "says LOCALIZER"),
    (
        "deviation",
        put("ImageType", ["DERIVED", "SECONDARY", "OTHER", "STD_DEVIATION"]),
        "says STD_DEVIATION: a computed",
    ),
    ("map", put("ImageType", ["DERIVED", "PRIMARY", "ADC"]), "says ADC: a computed map"),
    ("phase", put("ImageType", ["ORIGINAL", "PRIMARY", "P"]), "says phase image, not magnitude"),
    ("colour", put("SamplesPerPixel", 3), "SamplesPerPixel .* colour"),
    ("palette", put("PhotometricInterpretation", "PALETTE COLOR"), "PhotometricInterpretation .* PALETTE COLOR"),
    ("bits", put("BitsAllocated", 12), "BitsAllocated .* is 12"),
    ("short pixels", short, r"PixelData \(7FE0,0010\) holds 958 bytes, its header declares 960"),
    ("constant", flat, "every voxel has the value 0"),
    ("slope", put("RescaleSlope", "1e39"), "not finite"),
]


@pytest.mark.parametrize(("change", "words"), [d[1:] for d in DAMAGES], ids=[d[0] for d in DAMAGES])
def test_a_damaged_series_is_refused(tmp_path: Path, change: Change, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read(series(tmp_path / "s", change))
    assert "SECRET" not in str(caught.value) and "4711" not in str(caught.value)


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    def change(k: int, image: Dataset) -> None:
        image.Modality = "CT"
        del image.PixelSpacing

    with pytest.raises(InputError, match=r"Modality.*PixelSpacing"):
        read(series(tmp_path / "s", change))


def test_an_image_of_many_slices_is_asked_for_no_geometry(tmp_path: Path) -> None:
    def change(k: int, image: Dataset) -> None:
        image.ImageType = ["ORIGINAL", "PRIMARY", "M", "VFRAME"]
        del image.ImagePositionPatient

    with pytest.raises(InputError, match="VFRAME") as caught:
        read(series(tmp_path / "s", change))
    assert "ImagePositionPatient" not in str(caught.value)


def test_raw_data_are_passed_over(tmp_path: Path) -> None:
    raw = slice_of(0)
    raw.SOPClassUID = raw.file_meta.MediaStorageSOPClassUID = pydicom.uid.RawDataStorage
    del raw.Rows, raw.Columns, raw.PixelData
    raw.NumberOfFrames = 1
    raw.save_as(tmp_path / "raw.dcm", enforce_file_format=True)
    with pytest.raises(InputError, match=r"no DICOM image was found \(passed over: Raw Data Storage, which holds no"):
        read(tmp_path)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = series(tmp_path / "s")
    shutil.move(folder / "00.dcm", tmp_path / "out.dcm")
    (folder / "00.dcm").symlink_to(tmp_path / "out.dcm")
    with pytest.raises(InputError, match="link out of its folder"):
        read(folder)


@pytest.mark.parametrize("what", ["empty", "text"])
def test_a_folder_without_images_is_refused(tmp_path: Path, what: str) -> None:
    if what == "text":
        (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match="no DICOM image was found"):
        read(tmp_path)


def test_what_only_looks_like_dicom_is_refused(tmp_path: Path) -> None:
    folder = series(tmp_path / "s")
    (folder / "00.dcm").write_bytes(b"no")
    with pytest.raises(InputError, match=r"00\.dcm: the mark DICM is missing"):
        read(folder)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    folder = series(tmp_path / "s")
    whole = (folder / "00.dcm").read_bytes()
    (folder / "00.dcm").write_bytes(whole[: len(whole) - 700])
    with pytest.raises(InputError, match=r"00\.dcm"):
        read(folder)


def test_more_than_the_limit_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    folder = series(tmp_path / "s", put("Rows", 60000))
    with pytest.raises(InputError, match=r"declare .* bytes of voxels"):
        read(folder, limit_bytes=2**20)


def test_burned_in_text_is_a_warning(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="burned-in"):
        assert read(series(tmp_path / "s", put("BurnedInAnnotation", "YES"))).data.shape == SHAPE


KEYWORDS = """
    SOPClassUID Modality PatientID StudyInstanceUID SeriesInstanceUID FrameOfReferenceUID SOPInstanceUID ImageType
    ImageOrientationPatient ImagePositionPatient PixelSpacing Rows Columns SamplesPerPixel
    PhotometricInterpretation BitsAllocated BitsStored HighBit PixelRepresentation RescaleSlope RescaleIntercept
    NumberOfFrames SliceThickness BurnedInAnnotation PixelPaddingValue SeriesNumber InstanceNumber
"""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("keyword", KEYWORDS.split())
def test_any_value_of_any_tag_is_read_or_refused(tmp_path: Path, keyword: str) -> None:
    for n, value in enumerate((None, "", "0", "-1", "1e400", "nan", "abc", ["1", "2", "3", "4"], "\\" * 40, "9" * 15)):

        def change(k: int, image: Dataset, value: object = value) -> None:
            image.pop(keyword, None)
            text = "\\".join(value) if isinstance(value, list) else value
            if text is not None:
                vr = "US" if pydicom.datadict.dictionary_VR(keyword) in ("US", "US or SS") else "LO"
                number = int(text) % 65536 if text.lstrip("-").isdigit() else 0
                image.add(pydicom.DataElement(keyword, vr, number if vr == "US" else text))

        folder = tmp_path / str(n)
        try:
            series(folder, change)
        except Exception:
            continue  # pydicom cannot even write it
        with suppress(InputError):
            assert np.isfinite(read(folder).data).all()


@pytest.mark.filterwarnings("ignore")
def test_flipped_bytes_never_escape_as_anything_but_a_refusal(tmp_path: Path) -> None:
    whole = (series(tmp_path / "s") / "04.dcm").read_bytes()
    draw = random.Random(0)
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(draw.randint(1, 6)):
            data[draw.randrange(len(data) - 960)] = draw.randrange(256)
        if draw.random() < 0.2:
            data = data[: draw.randrange(len(data))]
        (tmp_path / "x.dcm").write_bytes(bytes(data))
        with suppress(InputError):
            assert np.isfinite(read(tmp_path / "x.dcm", limit_bytes=2**24).data).all()


def sheared_files(images: list[Dataset]) -> None:
    for k, image in enumerate(images):
        x, y, z = image.ImagePositionPatient
        image.ImagePositionPatient = [x, y, f"{float(z) + 0.3 * k:.6g}"]


def half(keyword: str, value: object) -> Callable[[list[Dataset]], None]:
    def change(images: list[Dataset]) -> None:
        for image in images[::2]:
            setattr(image, keyword, value)

    return change


def strip(keyword: str, step: int = 1) -> Callable[[list[Dataset]], None]:
    def change(images: list[Dataset]) -> None:
        for image in images[::step]:
            delattr(image, keyword)

    return change


def shuffle(images: list[Dataset]) -> None:
    for k, image in enumerate(images):
        image.InstanceNumber = 5 * k % len(images)


def drop(images: list[Dataset]) -> None:
    del images[10:13]


def double(images: list[Dataset]) -> None:
    copies = [pydicom.dcmread(image.filename) for image in images[4:6]]
    for k, image in enumerate(copies):
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{k}"
    images.extend(copies)


def two_patients(images: list[Dataset]) -> None:
    for image in images[::2]:
        image.PatientID, image.StudyInstanceUID = "another", "1.2.3.4"


def smaller(images: list[Dataset]) -> None:
    images[3].Rows //= 2
    images[3].PixelData = images[3].PixelData[: len(images[3].PixelData) // 2]


FOURTEEN: dict[str, tuple[Callable[[list[Dataset]], None], str | None]] = {
    "three slices removed": (drop, "slices are missing"),
    "two slices doubled": (double, "lie where another does"),
    "numbers shuffled": (shuffle, None),
    "numbers missing on half": (strip("InstanceNumber", 2), None),
    "another orientation on half": (half("ImageOrientationPatient", [1, 0, 0, 0, 1, 0]), "ImageOrientationPatient"),
    "another series on half": (half("SeriesInstanceUID", "1.2.3"), "2 series"),
    "another spacing on half": (half("PixelSpacing", [2, 2]), "PixelSpacing"),
    "two patients": (two_patients, "PatientID .* has 2 values"),
    "sheared": (sheared_files, "sheared"),
    "no orientation": (strip("ImageOrientationPatient"), "ImageOrientationPatient .* is missing"),
    "no spacing": (strip("PixelSpacing"), "PixelSpacing .* is missing"),
    "spacing of zero": (half("PixelSpacing", [0, 0]), "not above 0"),
    "another matrix": (smaller, "Rows .* not the same"),
    "cut off": (lambda images: None, "PixelData .* holds|damaged or cut off"),
}


@pytest.mark.parametrize("name", FOURTEEN)
def test_fourteen_damages_of_a_real_series(name: str, oasis: Path, tmp_path: Path) -> None:
    files = sorted((oasis.parent / "dicom" / "ge_sagittal").glob("*.dcm"))[86:110]
    images = [pydicom.dcmread(file) for file in files]
    change, words = FOURTEEN[name]
    change(images)
    for k, image in enumerate(images):
        image.save_as(tmp_path / f"{k:03d}.dcm")
    if name == "cut off":
        (tmp_path / "005.dcm").write_bytes((tmp_path / "005.dcm").read_bytes()[:-5000])
    if words is None:
        scan = read(tmp_path)
        assert scan.data.shape == (256, 256, 24) and abs(scan.grid.spacing[2] - 1.2) < 1e-4
    else:
        with pytest.raises(InputError, match=words):
            read(tmp_path)
