# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Describe a derived DICOM image: what it is, from what and how it was made, and that it is for research."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from ..._version import __version__
from ...geometry import ras_to_lps
from ...storage.provenance import now
from ...volume import Volume
from .checks import MR
from .frame import Frame
from .stack import normal_of, positions_of
from .verbatim import put_after

__all__ = ["Derived", "Stored", "derive", "derived_of", "identify", "series_number"]

WORKS = "research use only, not for diagnosis"
RESAMPLED = ("113085", "Spatial resampling")
SMOOTHED = ("113087", "Smoothing")
Stored = NDArray[np.uint16] | NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class Derived:
    """A volume as it is to be stored, and what its images say of themselves.

    Args:
        volume: read from DICOM, or derived from one that was.
        which: 1 is the image, 2 its standard deviation.
        stored: (X, Y, Z) values; with a sign where the volume has values that are stored below zero.
        slope, intercept: from stored values to intensities.
        note: what a reader must know of them; may be empty.
        recipe: hash of the pixels and of what made them.
        moment: of the making.
        report: of the restoration.
        positions: (Z, 3) position of the first voxel of every slice, in LPS mm.
        normal: of the slices.
        used: frames of the source that every slice is made of, the nearest first.
    """

    volume: Volume
    which: int
    stored: Stored
    slope: float
    intercept: float
    note: str
    recipe: str
    moment: datetime
    report: dict[str, Any]
    positions: NDArray[np.float64]
    normal: NDArray[np.float64]
    used: list[list[Frame]]

    @property
    def series(self) -> str:
        """UID of the series; the same result twice is the same series."""
        return str(generate_uid(entropy_srcs=[self.volume.source.frames[0].text("SeriesInstanceUID"), self.recipe]))

    @property
    def has_new_slices(self) -> bool:
        """Return whether there are slices that the source has not."""
        return len(self.volume.source.frames) != self.volume.grid.shape[2]

    @property
    def is_resampled(self) -> bool:
        """Return whether the grid is not that of the source."""
        first = self.volume.source.frames[0]
        plane = int(first.number("Columns")), int(first.number("Rows"))
        return self.has_new_slices or self.volume.grid.shape[:2] != plane

    @property
    def is_scaled(self) -> bool:
        """Return whether the intensity scale of the source holds for the stored values."""
        return self.which == 1 and self.volume.source.slope is not None

    @property
    def top(self) -> float:
        """Stored value of bright tissue, for a window where the source has none."""
        return max(1.0, float(np.percentile(self.volume.data, 99.5)) / self.slope)


def derived_of(volume: Volume, report: dict[str, Any], which: int) -> Derived:
    """Round a volume to the integers that are stored, and find the source frames of every slice.

    Args:
        volume: read from DICOM, or derived from one that was.
        report: of the restoration.
        which: 1 is the image, 2 its standard deviation.
    """
    frames = volume.source.frames
    stored, slope, intercept, note = _stored(volume, which)
    kept = repr((which, __version__, report.get("prior_sha256"))).encode()
    recipe = hashlib.sha256(stored.tobytes() + kept).hexdigest()
    affine = ras_to_lps(volume.grid.affine)
    normal, there = normal_of(frames), positions_of(frames)
    assert normal is not None and there is not None
    heights, is_new = there @ normal, len(frames) != volume.grid.shape[2]
    positions, used = [], []
    for k in range(volume.grid.shape[2]):
        position = affine[:3, :3] @ [0, 0, k] + affine[:3, 3]
        away = np.abs(heights - position @ normal)
        nearest = np.argsort(away, kind="stable")[: 2 if is_new and away.min() > 1e-3 else 1]
        positions.append(position)
        used.append([frames[int(i)] for i in nearest])
    return Derived(
        volume, which, stored, slope, intercept, note, recipe, now(), report, np.array(positions), normal, used
    )


def _stored(volume: Volume, which: int) -> tuple[Stored, float, float, str]:
    """16-bit values, the factor and the offset from them to intensities, and what a reader must know."""
    slope, intercept, note = volume.source.slope, volume.source.intercept, ""
    if which == 2:
        top = float(volume.data.max()) or 1.0
        slope, intercept = 10.0 ** np.ceil(np.log10(top / 65535)), 0.0
        note = f"stored values times {slope:g} are the standard deviation in the units of the source"
    elif slope is None:
        most = 65535 if float(volume.data.min()) >= 0 else 32767
        top = max(float(np.abs(volume.data).max()), 1e-30)
        slope, intercept = (1.0 if 255 <= top <= most else top / most), 0.0
        note = "" if slope == 1 else f"stored values times {slope:.6g} are intensities: the source's slopes vary"
    values = np.rint((volume.data - np.float32(intercept)) / np.float32(slope))
    lost = {kind: _outside(values, kind) for kind in ("uint16", "int16")}
    kind = min(lost, key=lost.__getitem__)
    fits = np.iinfo(kind)
    if lost[kind] > 0:
        note = f"{note}; " * bool(note) + f"{100 * lost[kind]:.2g} % of the voxels were clipped to 16 bits"
    return np.clip(values, fits.min, fits.max).astype(kind), float(slope), float(intercept), note


def _outside(values: NDArray[np.float32], kind: str) -> float:
    """Fraction of values that a kind of integer cannot hold."""
    fits = np.iinfo(kind)
    return float(np.mean((values < fits.min) | (values > fits.max)))


def identify(image: Dataset, frame: Frame, result: Derived, k: int, kind: str = MR) -> None:
    """Set new identifiers, name and time; patient and study stay.

    Args:
        image: that is made.
        frame: its source.
        result: that it belongs to.
        k: number of the image, from 0.
        kind: SOP class.
    """
    image.SOPClassUID, image.Modality = kind, "MR"
    uid = generate_uid(entropy_srcs=[frame.text("SOPInstanceUID"), f"{result.recipe}-{k}"])
    image.SOPInstanceUID, image.SeriesInstanceUID = uid, result.series
    image.SeriesNumber = series_number(image, frame, result.which, result.report)
    image.InstanceNumber = k + 1
    image.ImageComments = f"monai_strainer: {WORKS}"
    image.ContentQualification = "RESEARCH"
    day, hour = result.moment.strftime("%Y%m%d"), result.moment.strftime("%H%M%S")
    image.SeriesDate = image.ContentDate = image.InstanceCreationDate = day
    image.SeriesTime = image.ContentTime = image.InstanceCreationTime = hour
    image.file_meta = FileMetaDataset()
    image.file_meta.MediaStorageSOPClassUID, image.file_meta.MediaStorageSOPInstanceUID = UID(kind), uid
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def series_number(image: Dataset, frame: Frame, which: int, report: dict[str, Any]) -> int:
    """Set the description of a series, and return its number: it sorts behind its source.

    Args:
        image: whose description is set.
        frame: of the source series.
        which: 1 is the image, 2 its standard deviation.
        report: of the restoration.
    """
    number = frame.number("SeriesNumber")
    number = 1 if number is None or not 0 <= number < 2**31 // 100 - 2 else int(number)
    factor = max(report.get("scale") or [1])
    done = "fused" if report.get("task") == "fusion" else f"SRx{factor:g}" if factor > 1 else "denoised"
    what = f"STRAINER {done}"
    put_after(image, frame, "SeriesDescription", what + " std" * (which == 2))
    return number * 100 + which


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def derive(image: Dataset, used: list[Frame], result: Derived) -> None:
    """Write into an image what it was made from, by what and how.

    Args:
        image: changed in place.
        used: frames that it was made of.
        result: the volume that it is a slice of.
    """
    report, is_finer = result.report, result.is_resampled
    image.ImageType = ["DERIVED", "SECONDARY", "OTHER", "RESAMPLED" if is_finer else "DENOISED"]
    scale = "x".join(f"{factor:g}" for factor in report.get("scale", ()))
    words = [
        f"monai_strainer {__version__}",
        f"{report['task']} by {report.get('method', '')}" if "task" in report else "derived",
        f"factors {scale}" if scale else "",
        f"prior {str(report.get('prior_sha256', ''))[:16]}" if "prior_sha256" in report else "",
        f"seed {report['seed']}" if "seed" in report else "",
        result.note,
        WORKS,
    ]
    image.DerivationDescription = "; ".join(word for word in words if word)[:1024]
    image.DerivationCodeSequence = Items([_code(*(RESAMPLED if is_finer else SMOOTHED))])
    sources = []
    for frame in sorted(used, key=result.volume.source.frames.index):
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
    machine.ContributionDateTime = result.moment.strftime("%Y%m%d%H%M%S")
    machine.ContributionDescription = f"image restoration; {WORKS}"
    image.ContributingEquipmentSequence = Items([*(image.get("ContributingEquipmentSequence") or []), machine])
