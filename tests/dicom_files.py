# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A small classic MR series made of a formula, and ways to damage it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from phantoms import ellipsoid, turn
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from monai_strainer.volume import Volume

MR = "1.2.840.10008.5.1.4.1.1.4"
SHAPE = (20, 24, 8)  # columns, rows, slices
SPACING = (0.9, 1.1)  # between rows, between columns
STEP = 3.0
AXES = turn(14, 2) @ turn(-9, 0)  # columns: along a row, down a column, across
ORIGIN = np.array([-20.0, 11.0, -7.0])


def stored() -> NDArray[np.int16]:
    """(columns, rows, slices) the values in the files."""
    return ellipsoid(SHAPE).round().astype(np.int16)


def slice_of(k: int) -> Dataset:
    """One slice as a data set; every value is a decimal string of at most 16 characters."""
    image = Dataset()
    image.SOPClassUID, image.Modality = MR, "MR"
    image.SOPInstanceUID = generate_uid(entropy_srcs=["slice", str(k)])
    image.StudyInstanceUID, image.SeriesInstanceUID = (generate_uid(entropy_srcs=[n]) for n in ("study", "series"))
    image.FrameOfReferenceUID = generate_uid(entropy_srcs=["frame"])
    image.PatientName, image.PatientID, image.PatientBirthDate = "SECRET^NAME", "ID-4711", "19500101"
    image.PatientSex, image.StudyID, image.StudyDate, image.StudyTime = "O", "1", "20200101", "120000"
    image.AccessionNumber = image.ReferringPhysicianName = ""
    image.SeriesNumber, image.InstanceNumber, image.SeriesDescription = 7, k + 1, "T1"
    image.Manufacturer, image.PositionReferenceIndicator = "ACME", ""
    image.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    image.ScanningSequence, image.SequenceVariant, image.ScanOptions, image.MRAcquisitionType = "GR", "NONE", "", "3D"
    image.RepetitionTime, image.EchoTime, image.EchoTrainLength = "8", "3", "1"
    image.SliceThickness, image.SpacingBetweenSlices = "3", "3"
    image.PixelSpacing = [f"{v:g}" for v in SPACING]
    image.ImageOrientationPatient = [f"{v:.10f}" for v in AXES[:, :2].T.ravel()]
    image.ImagePositionPatient = [f"{v:.9f}" for v in ORIGIN + k * STEP * AXES[:, 2]]
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Columns, image.Rows = SHAPE[:2]
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 1
    image.add_new(0x00190010, "LO", "ACME PRIVATE")
    image.add_new(0x00191001, "LO", "secret protocol")
    image.PixelData = stored()[..., k].T.tobytes()
    image["PixelData"].VR = "OW"
    image.file_meta = FileMetaDataset()
    image.file_meta.MediaStorageSOPClassUID = pydicom.uid.UID(MR)
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return image


def series(folder: Path, change: Callable[[int, Dataset], None] = lambda k, image: None) -> Path:
    """Write the series in another order than that of their names; ``change`` may damage any slice of it."""
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(SHAPE[2]):
        image = slice_of(k)
        change(k, image)
        with pydicom.config.disable_value_validation():
            image.save_as(folder / f"{(5 * k) % SHAPE[2]:02d}.dcm", enforce_file_format=True)
    return folder


def put(keyword: str, value: object, only: int | None = None) -> Callable[[int, Dataset], None]:
    """A change for ``series``: one attribute of every slice, or of one."""

    def change(k: int, image: Dataset) -> None:
        if only is None or k == only:
            setattr(image, keyword, value)

    return change


def finer(scan: Volume, factors: tuple[int, int, int]) -> Volume:
    """A scan with every voxel repeated: what a restoration does to its geometry."""
    data = scan.data
    for axis, factor in enumerate(factors):
        data = np.repeat(data, factor, axis)
    return Volume(data, scan.grid.refine(factors), scan.source, scan.slice_axis)


GROUPS = {
    "PlanePositionSequence": ["ImagePositionPatient"],
    "PlaneOrientationSequence": ["ImageOrientationPatient"],
    "PixelMeasuresSequence": ["PixelSpacing", "SliceThickness"],
    "MRImageFrameTypeSequence": [],
}


def enhanced(file: Path, change: Callable[[Dataset], None] = lambda item: None) -> Path:
    """The series as one multi-frame file; ``change`` may damage the functional groups of its last frame."""
    slices = [slice_of(k) for k in range(SHAPE[2])]
    image = slices[0]
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4.1"
    image.NumberOfFrames, image.ComplexImageComponent = len(slices), "MIXED"
    image.PixelData = b"".join(stored()[..., k].T.tobytes() for k in range(len(slices)))
    items = []
    for one in slices:
        item = Dataset()
        for group, keywords in GROUPS.items():
            inner = Dataset()
            for keyword in keywords:
                setattr(inner, keyword, one[keyword].value)
            setattr(item, group, Sequence([inner]))
        item.MRImageFrameTypeSequence[0].FrameType = ["ORIGINAL", "PRIMARY", "M", "NONE"]
        item.MRImageFrameTypeSequence[0].ComplexImageComponent = "MAGNITUDE"
        items.append(item)
    change(items[-1])
    image.PerFrameFunctionalGroupsSequence = Sequence(items)
    image.save_as(file, enforce_file_format=True)
    return file
