# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Volumes to DICOM: a derived MR series beside its source, in the same study, patient and space, marked as research."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid
from pydicom.valuerep import VR

from ..._version import __version__
from ...errors import InputError
from ...geometry import ras_to_lps
from ...storage.provenance import now, sha256
from ...volume import Volume
from .checks import MR
from .classic import classic, put
from .frame import Frame, quiet
from .lossy import say_lossy
from .parametric_map import write_map
from .read import DicomSource
from .stack import normal_of, positions_of
from .verbatim import keep_bytes, put_after

__all__ = ["write_dicom"]

WORKS = "research use only, not for diagnosis"
RESAMPLED = ("113085", "Spatial resampling")
SMOOTHED = ("113087", "Smoothing")


def write_dicom(
    volume: Volume,
    folder: Path,
    report: Mapping[str, Any] | None = None,
    std: NDArray[np.float32] | None = None,
    parametric_map: bool = False,
) -> dict[str, str]:
    """Write a volume as classic MR images, one file per slice; its standard deviation as a second series in ``std/``.

    Every file begins as a copy of the nearest source slice: patient, study, acquisition and intensity scale stay.
    Identifiers follow from source and pixels: the same result twice is the same series to an archive.

    Args:
        volume: read from DICOM, or derived from one that was.
        folder: to write into; empty.
        report: of the restoration.
        std: ``(X, Y, Z)`` in the volume's units.
        parametric_map: write it as one file of the class Parametric Map in position of MR images.

    Returns:
        the SHA-256 of every file by its name.

    Raises:
        InputError: the volume does not come from DICOM.

    Source:
        DICOM PS3.3 A.4, C.7.6.1, C.12.1; tests check it with dcm2niix and dciodvfy.
    """
    if not isinstance(volume.source, DicomSource):
        raise InputError("the scan does not come from DICOM", "write it as .nii.gz")
    report = dict(report or {})
    with quiet():
        written = _series(volume, folder, report, 1)
        if std is not None:
            second = Volume(std, volume.grid, volume.source, volume.slice_axis)
            write_second = _map if parametric_map else _series
            written |= {
                f"std/{name}": digest for name, digest in write_second(second, folder / "std", report, 2).items()
            }
    return written


def _map(volume: Volume, folder: Path, report: dict[str, Any], which: int) -> dict[str, str]:
    """Write the standard deviation as a Parametric Map, named and numbered like the series of its kind."""
    first, named = volume.source.frames[0], Dataset()
    number = _name(named, first, which, report)
    return write_map(volume, folder, report, str(named.SeriesDescription), number)


def _series(volume: Volume, folder: Path, report: dict[str, Any], which: int) -> dict[str, str]:
    """One series: 1 is the image, 2 its standard deviation."""
    source = volume.source
    first = source.frames[0]
    stored, slope, note = _stored(volume, which)
    recipe = hashlib.sha256(
        stored.tobytes() + repr((which, __version__, report.get("prior_sha256"))).encode()
    ).hexdigest()
    series = generate_uid(entropy_srcs=[first.text("SeriesInstanceUID"), recipe])
    affine = ras_to_lps(volume.grid.affine)
    normal, positions = normal_of(source.frames), positions_of(source.frames)
    assert normal is not None and positions is not None
    heights = positions @ normal
    is_finer = len(source.frames) != volume.grid.shape[2]
    top = max(1.0, float(np.percentile(volume.data, 99.5)) / slope)  # of the window, where the source has none
    moment = now()
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for k in range(volume.grid.shape[2]):
        position = affine[:3, :3] @ [0, 0, k] + affine[:3, 3]
        away = np.abs(heights - position @ normal)
        used = [int(i) for i in np.argsort(away, kind="stable")[: 2 if is_finer and away.min() > 1e-3 else 1]]
        image = classic(source.frames[used[0]])
        _identify(image, source.frames[used[0]], series, f"{recipe}-{k}", k, which, moment, report)
        _derive(image, [source.frames[i] for i in sorted(used)], is_finer or _is_finer(volume), note, moment, report)
        if which == 2:
            image.ImageType[3] = "STD_DEVIATION"  # nobody, ourselves included, shall take it for a scan
        say_lossy(image, source.frames)
        _lay(image, volume, position, normal, is_finer)
        _fill(image, stored[..., k].T, top, which == 1 and source.slope is not None)
        name = f"MR{k + 1:05d}.dcm"
        keep_bytes(image)
        image.save_as(folder / name, enforce_file_format=True)
        written[name] = sha256(folder / name)
    return written


def _is_finer(volume: Volume) -> bool:
    first = volume.source.frames[0]
    return volume.grid.shape[:2] != (int(first.number("Columns")), int(first.number("Rows")))


def _stored(volume: Volume, which: int) -> tuple[NDArray[np.uint16], float, str]:
    """Values from 0 to 65535, the factor from them to intensities, and what a reader must know of it."""
    slope, intercept, note = volume.source.slope, volume.source.intercept, ""
    if which == 2:
        top = float(volume.data.max()) or 1.0
        slope, intercept = 10.0 ** np.ceil(np.log10(top / 65535)), 0.0
        note = f"stored values times {slope:g} are the standard deviation in the units of the source"
    elif slope is None:
        top = max(float(volume.data.max()), 1e-30)
        slope, intercept = (1.0 if 255 <= top <= 65535 else top / 65535), 0.0
        note = "" if slope == 1 else f"stored values times {slope:.6g} are intensities: the source's slopes vary"
    values = np.rint((volume.data - np.float32(intercept)) / np.float32(slope))
    lost = float(np.mean((values < 0) | (values > 65535)))
    if lost > 0:
        note = f"{note}; " * bool(note) + f"{100 * lost:.2g} % of the voxels were clipped to 16 bits"
    return np.clip(values, 0, 65535).astype(np.uint16), float(slope), note


def _identify(
    image: Dataset, frame: Frame, series: str, recipe: str, k: int, which: int, moment: datetime, report: dict[str, Any]
) -> None:
    """Set new identifiers, name and time; patient and study stay."""
    image.SOPClassUID, image.Modality = MR, "MR"
    uid = generate_uid(entropy_srcs=[frame.text("SOPInstanceUID"), recipe])
    image.SOPInstanceUID, image.SeriesInstanceUID = uid, series
    image.SeriesNumber = _name(image, frame, which, report)
    image.InstanceNumber = k + 1
    image.ImageComments = f"monai_strainer: {WORKS}"
    image.ContentQualification = "RESEARCH"
    day, hour = moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")
    image.SeriesDate = image.ContentDate = image.InstanceCreationDate = day
    image.SeriesTime = image.ContentTime = image.InstanceCreationTime = hour
    image.file_meta = FileMetaDataset()
    image.file_meta.MediaStorageSOPClassUID, image.file_meta.MediaStorageSOPInstanceUID = UID(MR), uid
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def _name(image: Dataset, frame: Frame, which: int, report: dict[str, Any]) -> int:
    """Set the description of a series, and return its number: it sorts behind its source."""
    number = frame.number("SeriesNumber")
    number = 1 if number is None or not 0 <= number < 2**31 // 100 - 2 else int(number)
    factor = max(report.get("scale") or [1])
    what = f"STRAINER SRx{factor:g}" if factor > 1 else "STRAINER denoised"
    put_after(image, frame, "SeriesDescription", what + " std" * (which == 2))
    return number * 100 + which


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def _derive(
    image: Dataset, used: list[Frame], is_finer: bool, note: str, moment: datetime, report: dict[str, Any]
) -> None:
    """Say from what, by what and how the image was made."""
    image.ImageType = ["DERIVED", "SECONDARY", "OTHER", "RESAMPLED" if is_finer else "DENOISED"]
    scale = "x".join(f"{factor:g}" for factor in report.get("scale", ()))
    words = [
        f"monai_strainer {__version__}",
        f"{report['task']} by {report.get('method', '')}" if "task" in report else "derived",
        f"factors {scale}" if scale else "",
        f"prior {str(report.get('prior_sha256', ''))[:16]}" if "prior_sha256" in report else "",
        f"seed {report['seed']}" if "seed" in report else "",
        note,
        WORKS,
    ]
    image.DerivationDescription = "; ".join(word for word in words if word)[:1024]
    image.DerivationCodeSequence = Items([_code(*(RESAMPLED if is_finer else SMOOTHED))])
    sources = []
    for frame in used:
        item = Dataset()
        item.ReferencedSOPClassUID = frame.text("SOPClassUID")
        item.ReferencedSOPInstanceUID = frame.text("SOPInstanceUID")
        if frame.is_enhanced:
            item.ReferencedFrameNumber = frame.index + 1
        item.SpatialLocationsPreserved = "NO" if is_finer else "YES"
        item.PurposeOfReferenceCodeSequence = Items([_code("121322", "Source image for image processing operation")])
        sources.append(item)
    image.SourceImageSequence = Items(sources)
    machine = Dataset()
    machine.PurposeOfReferenceCodeSequence = Items([_code("109102", "Processing Equipment")])
    machine.Manufacturer, machine.ManufacturerModelName = "monai_strainer", "monai_strainer"
    machine.SoftwareVersions = __version__
    machine.ContributionDateTime = moment.strftime("%Y%m%d%H%M%S")
    machine.ContributionDescription = f"image restoration; {WORKS}"
    image.ContributingEquipmentSequence = Items([*(image.get("ContributingEquipmentSequence") or []), machine])


def _lay(
    image: Dataset, volume: Volume, position: NDArray[np.float64], normal: NDArray[np.float64], is_finer: bool
) -> None:
    """Where the image lies: the edges of the field of view are those of the source."""
    across, down, step = (float(value) for value in volume.grid.spacing)
    put(image, "PixelSpacing", [down, across])
    put(image, "ImagePositionPatient", position.tolist())
    if "SliceLocation" in image or is_finer:
        put(image, "SliceLocation", float(position @ normal))
    if is_finer:
        put(image, "SliceThickness", step)
    if is_finer or "SpacingBetweenSlices" in image:
        put(image, "SpacingBetweenSlices", step)


def _fill(image: Dataset, pixels: NDArray[np.uint16], top: float, is_scaled: bool) -> None:
    """Set the pixels ``(rows, columns)`` and how they are stored; ``is_scaled``: the source's scale holds for them."""
    image.Rows, image.Columns = pixels.shape
    image.SamplesPerPixel, image.BitsAllocated, image.BitsStored, image.HighBit = 1, 16, 16, 15
    image.PixelRepresentation = 0
    if not is_scaled:
        for keyword in ("RescaleSlope", "RescaleIntercept", "RescaleType"):
            image.pop(keyword, None)
    if not is_scaled or "WindowCenter" not in image or "WindowWidth" not in image:
        put(image, "WindowCenter", round(top / 2))
        put(image, "WindowWidth", max(1, round(top)))
        image.pop("WindowCenterWidthExplanation", None)
    image.pop("VOILUTSequence", None)
    image.PixelData = pixels.astype("<u2").tobytes()
    image["PixelData"].VR = VR.OW
