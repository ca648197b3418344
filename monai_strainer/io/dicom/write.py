# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Write a volume as a derived MR series: in the study, patient and space of its source, marked as research."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.valuerep import VR

from ...errors import InputError
from ...storage.provenance import sha256
from ...volume import Volume
from ..formats import DicomForm
from .classic import classic, put
from .derived import Stored, derive, derived_of, identify, series_number
from .enhanced import write_enhanced
from .frame import quiet
from .lossy import say_lossy
from .parametric_map import write_map
from .read import DicomSource
from .verbatim import keep_bytes

__all__ = ["write_dicom"]


def write_dicom(
    volume: Volume,
    folder: Path,
    report: Mapping[str, Any] | None = None,
    std: NDArray[np.float32] | None = None,
    form: DicomForm | None = None,
) -> dict[str, str]:
    """Write a volume as a series; its standard deviation as a second series in ``std/``.

    Every file begins as a copy of the nearest source slice: patient, study, acquisition and intensity scale stay.
    Identifiers follow from source and pixels: the same result twice is the same series to an archive.

    Args:
        volume: read from DICOM, or derived from one that was.
        folder: to write into; empty.
        report: of the restoration.
        std: ``(X, Y, Z)`` in the volume's units.
        form: which objects; classic MR images by default.

    Returns:
        the SHA-256 of every file by its name.

    Raises:
        InputError: the volume does not come from DICOM, or not from Enhanced MR where such a file is asked for.

    Source:
        DICOM PS3.3 A.4, C.7.6.1, C.12.1; tests check it with dcm2niix and dciodvfy.
    """
    if not isinstance(volume.source, DicomSource):
        raise InputError("the scan does not come from DICOM", "write it as .nii.gz")
    report, form = dict(report or {}), form or DicomForm()
    with quiet():
        write_first = _multi_frame if form.enhanced else _series
        written = write_first(volume, folder, report, 1)
        if std is not None:
            second = Volume(std, volume.grid, volume.source, volume.slice_axis)
            write_second = _map if form.parametric_map else write_first
            written |= {
                f"std/{name}": digest for name, digest in write_second(second, folder / "std", report, 2).items()
            }
    return written


def _map(volume: Volume, folder: Path, report: dict[str, Any], which: int) -> dict[str, str]:
    """Write the standard deviation as a Parametric Map, named and numbered like the series of its kind."""
    first, named = volume.source.frames[0], Dataset()
    number = series_number(named, first, which, report)
    return write_map(volume, folder, report, str(named.SeriesDescription), number)


def _multi_frame(volume: Volume, folder: Path, report: dict[str, Any], which: int) -> dict[str, str]:
    """One series of one Enhanced MR file."""
    return write_enhanced(derived_of(volume, report, which), folder)


def _series(volume: Volume, folder: Path, report: dict[str, Any], which: int) -> dict[str, str]:
    """One series of classic images: 1 is the image, 2 its standard deviation."""
    result = derived_of(volume, report, which)
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for k in range(volume.grid.shape[2]):
        used = result.used[k]
        image = classic(used[0])
        identify(image, used[0], result, k)
        derive(image, used, result)
        if which == 2:
            image.ImageType[3] = "STD_DEVIATION"  # no reader, this package included, takes it for a scan
        say_lossy(image, volume.source.frames)
        _lay(image, volume, result.positions[k], result.normal, result.has_new_slices)
        _fill(image, result.stored[..., k].T, result.top, result.is_scaled)
        name = f"MR{k + 1:05d}.dcm"
        keep_bytes(image)
        image.save_as(folder / name, enforce_file_format=True)
        written[name] = sha256(folder / name)
    return written


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


def _fill(image: Dataset, pixels: Stored, top: float, is_scaled: bool) -> None:
    """Set the pixels ``(rows, columns)`` and how they are stored; ``is_scaled``: the source's scale holds for them."""
    image.Rows, image.Columns = pixels.shape
    image.SamplesPerPixel, image.BitsAllocated, image.BitsStored, image.HighBit = 1, 16, 16, 15
    image.PixelRepresentation = int(pixels.dtype.kind == "i")
    if not is_scaled:
        for keyword in ("RescaleSlope", "RescaleIntercept", "RescaleType"):
            image.pop(keyword, None)
    if not is_scaled or "WindowCenter" not in image or "WindowWidth" not in image:
        put(image, "WindowCenter", round(top / 2))
        put(image, "WindowWidth", max(1, round(top)))
        image.pop("WindowCenterWidthExplanation", None)
    image.pop("VOILUTSequence", None)
    image.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    image["PixelData"].VR = VR.OW
