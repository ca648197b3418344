# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Write a standard deviation as a DICOM Parametric Map: one file of floating-point voxels with a unit, by highdicom."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from ..._version import __version__
from ...errors import InputError
from ...geometry import ras_to_lps
from ...storage.provenance import now, sha256
from ...volume import Volume
from .frame import Frame

__all__ = ["require_highdicom", "write_map"]

NAME = "PM00001.dcm"
MAKER = "monai_strainer"
DEVIATION = Code("386136009", "SCT", "Standard deviation")
INTENSITY = Code("[arb'U]", "UCUM", "arbitrary unit")  # an MR intensity has no unit of its own
PROCESSING = Code("109102", "DCM", "Processing Equipment")
EMPTY = "PatientID PatientName PatientBirthDate PatientSex AccessionNumber StudyID StudyDate StudyTime"


def require_highdicom() -> Any:
    """Return the package highdicom.

    Raises:
        InputError: it is not installed.
    """
    try:
        import highdicom
    except ImportError as error:
        raise InputError(
            "the package highdicom is not installed", 'install it with pip install "monai_strainer[maps]"'
        ) from error
    return highdicom


def write_map(volume: Volume, folder: Path, report: Mapping[str, Any], description: str, number: int) -> dict[str, str]:
    """Write the standard deviation of a restored volume as one Parametric Map, on the grid of that volume.

    Args:
        volume: whose data are the standard deviation; read from DICOM, or derived from one that was.
        folder: to write into.
        report: of the restoration.
        description: of the series.
        number: of the series.

    Returns:
        the SHA-256 of the file by its name.

    Raises:
        InputError: highdicom is not installed, or the source lacks what such a map needs.

    Source:
        DICOM PS3.3 A.75 (Parametric Map IOD), C.8.32, C.7.6.16.2.11 (Real World Value Mapping).
    """
    highdicom = require_highdicom()
    sources = _sources(volume.source.frames)
    try:
        made = _map(highdicom, volume, sources, report, description[:64], number)
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # their text may quote the source
        raise InputError(
            f"the source lacks what a Parametric Map needs ({type(error).__name__})", "leave --parametric-map out"
        ) from error
    if "Laterality" not in made:  # required, and may be empty
        made.Laterality = ""
    moment = now()
    made.SeriesDate = made.ContentDate = made.InstanceCreationDate = moment.strftime("%Y%m%d")
    made.SeriesTime = made.ContentTime = made.InstanceCreationTime = moment.strftime("%H%M%S")
    for machine in made.ContributingEquipmentSequence:
        if machine.get("ManufacturerModelName") in (MAKER, "highdicom"):
            machine.ContributionDateTime = moment.strftime("%Y%m%d%H%M%S")
    _name_dimensions(made, generate_uid(entropy_srcs=[made.SOPInstanceUID, "dimensions"]))
    folder.mkdir(parents=True, exist_ok=True)
    made.save_as(folder / NAME, enforce_file_format=True)
    return {NAME: sha256(folder / NAME)}


def _map(
    highdicom: Any, volume: Volume, sources: list[Dataset], report: Mapping[str, Any], description: str, number: int
) -> Any:
    """Build the map."""
    affine, shape = ras_to_lps(volume.grid.affine), volume.grid.shape
    across, down, step = (float(edge) for edge in volume.grid.spacing)
    positions = [affine[:3, 2] * k + affine[:3, 3] for k in range(shape[2])]
    directions = [*(affine[:3, 0] / across), *(affine[:3, 1] / down)]
    pixels = np.ascontiguousarray(volume.data.transpose(2, 1, 0), dtype=np.float32)  # (frames, rows, columns)
    recipe = hashlib.sha256(pixels.tobytes() + repr((__version__, report.get("prior_sha256"))).encode()).hexdigest()
    names = [str(sources[0].SeriesInstanceUID), recipe]
    top = float(pixels.max()) or 1.0
    meaning = highdicom.pm.RealWorldValueMapping(
        lut_label="STD",
        lut_explanation="standard deviation",
        unit=INTENSITY,
        value_range=(0.0, top),
        slope=1.0,
        intercept=0.0,
        quantity_definition=DEVIATION,
    )
    machine = highdicom.ContributingEquipment(
        MAKER, PROCESSING, manufacturer_model_name=MAKER, software_versions=__version__
    )
    return highdicom.pm.ParametricMap(
        sources,
        pixels,
        series_instance_uid=generate_uid(entropy_srcs=names),
        series_number=number,
        sop_instance_uid=generate_uid(entropy_srcs=[*names, "instance"]),
        instance_number=1,
        manufacturer=MAKER,
        manufacturer_model_name=MAKER,
        software_versions=__version__,
        device_serial_number=str(report.get("prior_sha256") or "0")[:16],
        contains_recognizable_visual_features=str(sources[0].get("RecognizableVisualFeatures")) != "NO",
        real_world_value_mappings=[meaning],
        voi_lut_transformations=[highdicom.VOILUTTransformation(window_center=top / 2, window_width=top)],
        content_description="Standard deviation of every voxel",
        content_label="STD_DEVIATION",
        derived_pixel_contrast="STD_DEVIATION",
        pixel_measures=highdicom.PixelMeasuresSequence([down, across], step, step),
        plane_orientation=highdicom.PlaneOrientationSequence("PATIENT", directions),
        plane_positions=[highdicom.PlanePositionSequence("PATIENT", position.tolist()) for position in positions],
        contributing_equipment=[machine],
        series_description=description,
    )


def _sources(frames: tuple[Frame, ...]) -> list[Dataset]:
    """Return the headers of the source files without private elements; what may be empty is there."""
    found = []
    for header in {frame.file: frame.header for frame in frames}.values():
        source = Dataset()
        for tag in header.keys():  # noqa: SIM118 (its elements would be decoded)
            if not tag.is_private:
                source[tag] = header[tag]
        for keyword in EMPTY.split():
            if keyword not in source:
                setattr(source, keyword, "")
        source.file_meta = header.file_meta
        if "PerFrameFunctionalGroupsSequence" in source:
            source.SharedFunctionalGroupsSequence = Items([_shared(source)])
        found.append(source)
    return found


def _shared(source: Dataset) -> Dataset:
    """Return the shared functional groups with the geometry, which some scanners repeat in every frame."""
    shared, first = Dataset(), source.PerFrameFunctionalGroupsSequence[0]
    for element in (source.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]:
        shared[element.tag] = element
    for keyword in ("PixelMeasuresSequence", "PlaneOrientationSequence"):
        if keyword not in shared and keyword in first:
            shared[keyword] = first[keyword]
    return shared


def _name_dimensions(made: Dataset, uid: str) -> None:
    """Give the dimensions an identifier that follows from the map: the one of highdicom is drawn."""
    for keyword in ("DimensionOrganizationSequence", "DimensionIndexSequence"):
        for item in made.get(keyword) or ():
            item.DimensionOrganizationUID = uid
