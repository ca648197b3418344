# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Write a derived volume as one Enhanced MR file, where its source is Enhanced MR.

Functional groups of the nearest source frame stay: they describe the acquisition. Position, voxel size, content,
intensity scale, frame type and derivation are those of the result. Groups that all frames share stand once.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.datadict import keyword_for_tag, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import generate_uid
from pydicom.valuerep import VR, format_number_as_ds

from ...errors import InputError
from ...storage.provenance import sha256
from .checks import ENHANCED
from .derived import Derived, derive, identify
from .frame import Frame
from .lossy import say_lossy
from .verbatim import copied, keep_bytes

__all__ = ["require_enhanced", "write_enhanced"]

NAME = "MR00001.dcm"
CONTENT, PLACE = "FrameContentSequence", "PlanePositionSequence"
OF_A_FRAME = (CONTENT, PLACE, "DerivationImageSequence", "MRImageFrameTypeSequence")
# what no longer holds of new pixels, or is written again; of a pulse sequence only original images speak
DROP = """
    PixelData PixelPaddingValue PixelPaddingRangeLimit SmallestImagePixelValue LargestImagePixelValue IconImageSequence
    DigitalSignaturesSequence MACParametersSequence PerFrameFunctionalGroupsSequence SharedFunctionalGroupsSequence
    DimensionOrganizationSequence DimensionIndexSequence DimensionOrganizationType ConcatenationUID
    InConcatenationNumber InConcatenationTotalNumber ConcatenationFrameOffsetNumber
    SOPInstanceUIDOfConcatenationSource SpacingBetweenSlices SourceImageEvidenceSequence SliceThickness PixelSpacing
    ImagePositionPatient ImageOrientationPatient WindowCenter WindowWidth RescaleSlope RescaleIntercept RescaleType
    PulseSequenceName MRAcquisitionType EchoPulseSequence MultipleSpinEcho MultiPlanarExcitation PhaseContrast
    VelocityEncodingAcquisitionSequence TimeOfFlightContrast ArterialSpinLabelingContrast SteadyStatePulseSequence
    EchoPlanarPulseSequence SaturationRecovery SpectrallySelectedSuppression OversamplingPhase
    GeometryOfKSpaceTraversal RectilinearPhaseEncodeReordering SegmentedKSpaceTraversal CoverageOfKSpace
    NumberOfKSpaceTrajectories ReferencedImageEvidenceSequence
"""
REPLACED = (  # functional groups
    "PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence", "PixelValueTransformationSequence",
    "DerivationImageSequence", "RealWorldValueMappingSequence", "TemporalPositionSequence", "FrameVOILUTSequence",
    "MRImageFrameTypeSequence", "FrameContentSequence", "ReferencedImageSequence",
)  # fmt: skip
CONTRAST = {"image": "NONE", "finer": "RESAMPLED", "std": "STD_DEVIATION"}  # derived pixel contrast


def require_enhanced(frames: tuple[Frame, ...]) -> None:
    """Refuse a source that is no Enhanced MR.

    Raises:
        InputError: a file of it is of another class.
    """
    if any(frame.text("SOPClassUID") != ENHANCED for frame in frames):
        raise InputError("the source is no Enhanced MR", "leave --enhanced out: classic images are written")


def write_enhanced(result: Derived, folder: Path) -> dict[str, str]:
    """Write a derived volume as one multi-frame file.

    Args:
        result: the volume and what it says of itself.
        folder: to write into.

    Returns:
        the SHA-256 of the file by its name.

    Raises:
        InputError: the source is no Enhanced MR.

    Source:
        DICOM PS3.3 A.36.2 (Enhanced MR Image IOD), C.7.6.16 (Multi-frame Functional Groups), C.8.13.
    """
    frames = result.volume.source.frames
    require_enhanced(frames)
    image, machines = _header(result), Dataset()
    items = []
    for k, used in enumerate(result.used):
        said = Dataset()
        derive(said, used, result)
        machines = machines or said
        items.append(_groups(result, k, said))
    _share(image, items)
    image.ContributingEquipmentSequence = Items(
        [*(image.get("ContributingEquipmentSequence") or []), *machines.ContributingEquipmentSequence]
    )
    image.SourceImageEvidenceSequence = Items([_evidence(frames)])
    say_lossy(image, frames)
    _dimensions(image, result)
    _fill(image, result)
    folder.mkdir(parents=True, exist_ok=True)
    keep_bytes(image)
    image.save_as(folder / NAME, enforce_file_format=True)
    return {NAME: sha256(folder / NAME)}


def _header(result: Derived) -> Dataset:
    """Return what the file says outside of its functional groups."""
    first, dropped = result.used[0][0], DROP.split()
    image = Dataset()
    for tag in first.header.keys():  # noqa: SIM118 (its elements would be decoded)
        if not (tag.is_private or tag.group & 0xFF00 in (0x5000, 0x6000) or keyword_for_tag(tag) in dropped):
            image[tag] = copied(first.header, tag, first.raw)
    identify(image, first, result, 0, ENHANCED)
    image.ImageType = _type_of(first, result)
    return image


def _type_of(frame: Frame, result: Derived) -> list[str]:
    """Return the words of ImageType or FrameType: derived, of the source's kind, and how."""
    words = frame.words("FrameType") or frame.words("ImageType")
    kind = "std" if result.which == 2 else "finer" if result.is_resampled else "image"
    return ["DERIVED", "PRIMARY", words[2] if len(words) > 2 else "OTHER", CONTRAST[kind]]


def _groups(result: Derived, k: int, said: Dataset) -> Dataset:
    """Return the functional groups of one frame."""
    frame, grid = result.used[k][0], result.volume.grid
    item = Dataset()
    for source in _sources(frame):
        for tag in source.keys():  # noqa: SIM118
            keyword = keyword_for_tag(tag)
            if not tag.is_private and keyword and keyword not in REPLACED:
                item[tag] = deepcopy(source[tag])
    item.remove_private_tags()
    across, down, step = (float(edge) for edge in grid.spacing)
    measures = _one(item, "PixelMeasuresSequence")
    measures.PixelSpacing = [format_number_as_ds(down), format_number_as_ds(across)]
    thickness = None if result.has_new_slices else frame.number("SliceThickness")
    measures.SliceThickness = format_number_as_ds(thickness or step)
    measures.SpacingBetweenSlices = format_number_as_ds(step)
    lps = grid.affine[:3, :2] / [across, down] * np.array([[-1], [-1], [1]])  # RAS to LPS
    orientation = frame.get("ImageOrientationPatient") or [format_number_as_ds(v) for v in lps.T.ravel().tolist()]
    _one(item, "PlaneOrientationSequence").ImageOrientationPatient = orientation
    _one(item, PLACE).ImagePositionPatient = [format_number_as_ds(v) for v in result.positions[k].tolist()]
    values = _one(item, "PixelValueTransformationSequence")
    values.RescaleIntercept, values.RescaleSlope = (format_number_as_ds(v) for v in (result.intercept, result.slope))
    values.RescaleType = "US"
    _copy_group(item, frame, "MRImageFrameTypeSequence").FrameType = _type_of(frame, result)
    _window(item, frame, result)
    _content(item, frame, k)
    derivation = _one(item, "DerivationImageSequence")
    for keyword in ("DerivationDescription", "DerivationCodeSequence", "SourceImageSequence"):
        setattr(derivation, keyword, said.get(keyword))
    return item


def _sources(frame: Frame) -> list[Dataset]:
    """Return the shared groups of a frame's file, then its own."""
    shared = frame.header.get("SharedFunctionalGroupsSequence") or []
    return [*shared[:1], frame.header.PerFrameFunctionalGroupsSequence[frame.index]]


def _one(item: Dataset, keyword: str) -> Dataset:
    """Add an empty functional group, and return it."""
    group = Dataset()
    setattr(item, keyword, Items([group]))
    return group


def _copy_group(item: Dataset, frame: Frame, keyword: str) -> Dataset:
    """Add a copy of a functional group of the source without private elements, empty where there is none."""
    found = next((source[keyword].value[0] for source in reversed(_sources(frame)) if source.get(keyword)), Dataset())
    group = deepcopy(found)
    group.remove_private_tags()
    setattr(item, keyword, Items([group]))
    return group


def _window(item: Dataset, frame: Frame, result: Derived) -> None:
    """Keep the window of the source where its intensity scale holds; else show all up to bright tissue."""
    window = _copy_group(item, frame, "FrameVOILUTSequence")
    if not (result.is_scaled and "WindowCenter" in window and "WindowWidth" in window):
        window.clear()
        top = result.top * result.slope + result.intercept
        window.WindowCenter = format_number_as_ds(float(f"{top / 2:.6g}"))
        window.WindowWidth = format_number_as_ds(float(f"{top or 1.0:.6g}"))


def _content(item: Dataset, frame: Frame, k: int) -> None:
    """Say which slice a frame is; times are those of its source."""
    content = _copy_group(item, frame, CONTENT)
    for keyword in ("TemporalPositionIndex", "FrameComments", "FrameLabel"):
        content.pop(keyword, None)
    content.StackID, content.InStackPositionNumber = "1", k + 1
    content.DimensionIndexValues = [1, k + 1]


def _share(image: Dataset, items: list[Dataset]) -> None:
    """Put groups that are the same in all frames into the shared item, the others into the item of every frame."""
    shared = Dataset()
    always = [tag_for_keyword(name) for name in OF_A_FRAME]
    for tag in list(items[0].keys()):
        if tag not in always and all(tag in item and item[tag] == items[0][tag] for item in items):
            shared[tag] = items[0][tag]
            for item in items:
                del item[tag]
    image.SharedFunctionalGroupsSequence = Items([shared])
    image.PerFrameFunctionalGroupsSequence = Items(items)


def _dimensions(image: Dataset, result: Derived) -> None:
    """Say that frames are ordered by stack and by position in it."""
    uid = generate_uid(entropy_srcs=[result.series, "dimensions"])
    organization = Dataset()
    organization.DimensionOrganizationUID = uid
    image.DimensionOrganizationSequence = Items([organization])
    indices = []
    for keyword in ("StackID", "InStackPositionNumber"):
        index = Dataset()
        index.DimensionOrganizationUID = uid
        index.DimensionIndexPointer = tag_for_keyword(keyword)
        index.FunctionalGroupPointer = tag_for_keyword(CONTENT)
        indices.append(index)
    image.DimensionIndexSequence = Items(indices)


def _evidence(frames: tuple[Frame, ...]) -> Dataset:
    """Return the study, series and files that the result is made of."""
    instances = []
    for frame in {frame.text("SOPInstanceUID"): frame for frame in frames}.values():
        instance = Dataset()
        instance.ReferencedSOPClassUID = frame.text("SOPClassUID")
        instance.ReferencedSOPInstanceUID = frame.text("SOPInstanceUID")
        instances.append(instance)
    series, study = Dataset(), Dataset()
    series.SeriesInstanceUID, series.ReferencedSOPSequence = frames[0].text("SeriesInstanceUID"), Items(instances)
    study.StudyInstanceUID, study.ReferencedSeriesSequence = frames[0].text("StudyInstanceUID"), Items([series])
    return study


def _fill(image: Any, result: Derived) -> None:
    """Set the pixels of all frames, and how they are stored."""
    little = result.stored.dtype.newbyteorder("<")
    pixels = np.ascontiguousarray(result.stored.transpose(2, 1, 0), dtype=little)  # (frames, rows, columns)
    image.NumberOfFrames, image.Rows, image.Columns = pixels.shape
    image.SamplesPerPixel, image.BitsAllocated, image.BitsStored, image.HighBit = 1, 16, 16, 15
    image.PixelRepresentation = int(little.kind == "i")
    image.PixelData = pixels.tobytes()
    image["PixelData"].VR = VR.OW
