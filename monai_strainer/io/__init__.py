# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read and write scans: the suffix chooses the format, and every fault of a file has one sentence."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from ..errors import InputError, disk_error
from ..storage.atomic import atomic_folder, write_json
from ..storage.provenance import record, sha256
from ..volume import Volume
from .find import (
    Passed,
    Survey,
    bears_mark,
    files_below,
    find_scans,
    find_series,
    holds_images,
    is_nifti,
    refuse_inside,
    survey,
)
from .formats import DicomForm, is_image, require_format
from .image_files import Attached, Layout, write_files
from .replacing import SERIES, require_free, require_free_folder

__all__ = [
    "SERIES",
    "Attached",
    "DicomForm",
    "Passed",
    "Survey",
    "find_scans",
    "find_series",
    "holds_images",
    "is_dicom",
    "is_image",
    "is_nifti",
    "is_series",
    "read",
    "read_volumes",
    "refuse_inside",
    "require_enhanced",
    "require_free",
    "require_free_folder",
    "require_map",
    "survey",
    "files_below",
    "write",
]


def is_dicom(path: Path) -> bool:
    """Return whether a path means DICOM: a folder, that suffix, or its mark under an unknown suffix."""
    if path.is_dir() or path.name.lower().endswith((".dcm", ".ima")):
        return True
    return not is_image(path) and path.is_file() and bears_mark(path)


def read(
    path: str | os.PathLike[str],
    *,
    limit_bytes: int = 2 * 2**30,
    series_uid: str | None = None,
    volume: int | None = None,
    form: Literal["sform", "qform"] | None = None,
    warn: bool = True,
) -> Volume:
    """Read one 3-D scan; axis order and orientation stay those of the file.

    A DICOM series is laid with its first axis along the rows, its second down the columns, and its third across the
    slices, by their positions alone.

    Args:
        path: an image file (``.nii.gz``, or another of ``io.formats.FORMATS``), a DICOM file, or a folder with a DICOM
            series in it.
        limit_bytes: refuse a file that says it needs more memory than this; checked before anything is decoded.
        series_uid: of the DICOM series that is meant, where a folder holds several.
        volume: which one is meant, from 1, where a series or a 4-D file holds several: echoes, times, directions.
        form: which of the two affines of a NIfTI file places the image; by default the sform where there is one. The
            other is kept in what is written.
        warn: give a Python warning of everything unusual that is accepted; ``Volume.findings`` has it in any case.

    Returns:
        Volume with float32 intensities (slope and intercept applied), a grid in RAS millimetres, and a source that
        ``write`` uses to write an image of the same kind.

    Raises:
        InputError: missing, damaged, of another format, not one real-valued 3-D image, or of unclear geometry; all
            faults of a header are named at once.

    Source:
        NIfTI-1.1 (nifti.nimh.nih.gov/nifti-1), NIfTI-2; DICOM PS3.3, see :mod:`monai_strainer.io.dicom.read`.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from monai_strainer.geometry import Grid
        >>> path = Path(tempfile.mkdtemp()) / "scan.nii.gz"
        >>> write(Volume(np.arange(24).reshape(2, 3, 4), Grid((2, 3, 4), np.diag([1, 1, 3, 1]))), path)
        >>> scan = read(path)
        >>> scan.data.shape, scan.grid.spacing.tolist(), scan.slice_axis
        ((2, 3, 4), [1.0, 1.0, 3.0], 2)
    """
    path = Path(path)
    if is_dicom(path):
        from .dicom.read import read_dicom

        scan = read_dicom(path, limit_bytes, series_uid, volume)
    else:
        scan = require_format(path).read(path, limit_bytes, volume, form)
    for finding in scan.findings if warn else ():
        warnings.warn(f"{path.name}: {finding}" if is_image(path) else finding, stacklevel=2)
    return scan


def read_volumes(
    path: str | os.PathLike[str],
    *,
    limit_bytes: int = 2 * 2**30,
    form: Literal["sform", "qform"] | None = None,
    warn: bool = True,
) -> Iterator[Volume]:
    """Read all volumes of an image file, one after the other: the file is read once, one volume is in memory.

    Args:
        path: an image file, see :func:`read`; all formats but NIfTI hold one volume.
        limit_bytes, form, warn: see :func:`read`.

    Yields:
        every volume in the order of the file, as :func:`read` returns it.

    Raises:
        InputError: see :func:`read`; a volume is checked when its turn comes.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from monai_strainer.geometry import Grid
        >>> path = Path(tempfile.mkdtemp()) / "scan.nii.gz"
        >>> write(Volume(np.arange(24).reshape(2, 3, 4), Grid((2, 3, 4), np.eye(4))), path)
        >>> [volume.data.shape for volume in read_volumes(path)]
        [(2, 3, 4)]
    """
    path = Path(path)
    if not is_nifti(path):
        yield read(path, limit_bytes=limit_bytes, form=form, warn=warn)
        return
    from .nifti.files import read_images

    for scan in read_images(path, limit_bytes, form):
        for finding in scan.findings if warn else ():  # the same text of a later volume is not shown again by Python
            warnings.warn(f"{path.name}: {finding}", stacklevel=2)
        yield scan
        del scan  # one volume at a time is in memory


def write(
    volume: Volume,
    path: str | os.PathLike[str],
    *,
    report: Mapping[str, Any] | None = None,
    std: NDArray[Any] | None = None,
    attached: Attached | None = None,
    dicom: DicomForm | None = None,
    inputs: Sequence[Path] = (),
    overwrite: bool = False,
) -> None:
    """Write a scan of the kind it was read from; the same scan always gives the same bytes.

    A name with the suffix of an image format (``.nii.gz``) gets float32 voxels. Any other name becomes a folder with a
    derived DICOM series, if that is where the scan comes from; its standard deviation is a second series in ``std/``,
    its record ``monai_strainer.json``.

    With a report, ``x.json`` is written beside ``x.nii.gz`` as the very last step: where it stands, everything it
    names is complete. Every file appears whole or not at all. Missing folders are made.

    Args:
        volume: the scan.
        path: ends in ``.nii``, ``.nii.gz`` or the like, or is the folder of a DICOM series to make.
        report: what was done; becomes the record ``x.json`` together with versions and hashes.
        std: (X, Y, Z) standard deviation of every voxel; becomes ``x_std.nii.gz``.
        attached: other images, a page and a sidecar.
        dicom: which DICOM objects a series is made of.
        inputs: other files and folders that were read. They, and the source of the scan, are never replaced.
        overwrite: replace files that are there; of a folder, only a result of this package.

    Raises:
        InputError: an unknown suffix, a file that is there already, an input as output, a folder with other files, or
            a disk that cannot be written to.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from monai_strainer.geometry import Grid
        >>> folder = Path(tempfile.mkdtemp())
        >>> scan = Volume(np.arange(8).reshape(2, 2, 2), Grid((2, 2, 2), np.eye(4)))
        >>> write(scan, folder / "x.nii.gz", report={"seed": 0}, std=np.ones((2, 2, 2)))
        >>> sorted(file.name for file in folder.iterdir())
        ['x.json', 'x.nii.gz', 'x_std.nii.gz']
    """
    path, attached, dicom = Path(path), attached or Attached(), dicom or DicomForm()
    page = attached.page
    own = getattr(volume.source, "path", None)
    read_from = [*inputs, *([] if own is None else [Path(own)])]
    if _is_series(volume, path):
        if attached.maps:
            raise InputError("no other images are written beside a DICOM series", "name a .nii.gz file", path)
        if path.suffix.lower() in (".dcm", ".ima"):
            raise InputError("a series is many files", "name a folder for it", path)
        require_free_folder(path, read_from, overwrite)
        _write_series(volume, path, report, std, page, dicom)
        return
    if dicom.parametric_map:
        require_map(path)
    if dicom.enhanced:
        require_enhanced(volume, path)
    maps = {**({} if std is None else {"std": std}), **attached.maps}
    layout = Layout(path, tuple(maps), report is not None, page is not None, attached.sidecar)
    write_files(layout, [(volume, maps)], lambda: (report, page), inputs=read_from, overwrite=overwrite)


def require_map(target: Path) -> None:
    """Refuse, before anything is computed, a Parametric Map that could not be written.

    Raises:
        InputError: the target is no folder of a DICOM series, or highdicom is not installed.
    """
    from .dicom.parametric_map import require_highdicom

    if is_image(target):
        raise InputError(
            "a Parametric Map is DICOM", "name a folder for a series, or leave --parametric-map out", target
        )
    require_highdicom()


def require_enhanced(volume: Volume, target: Path) -> None:
    """Refuse, before anything is computed, an Enhanced MR file that could not be written.

    Args:
        volume: the scan.
        target: folder to be made.

    Raises:
        InputError: the target is no folder of a DICOM series, or the scan does not come from Enhanced MR.
    """
    if not _is_series(volume, target):
        raise InputError("an Enhanced MR file is DICOM", "give a DICOM scan and an output folder for it", target)
    from .dicom.enhanced import require_enhanced as require

    require(volume.source.frames)


def is_series(source: Any) -> bool:
    """Return whether the source of a volume is a DICOM series; asked without loading pydicom."""
    return hasattr(source, "frames")


def _is_series(volume: Volume, path: Path) -> bool:
    """Return whether a volume is to become a DICOM series: it comes from one, and the name is a folder's."""
    return is_series(volume.source) and not is_image(path)


def _write_series(
    volume: Volume,
    path: Path,
    report: Mapping[str, Any] | None,
    std: NDArray[Any] | None,
    page: str | None,
    dicom: DicomForm,
) -> None:
    """Write a DICOM series into a folder that appears whole, and its record last."""
    from .dicom.write import write_dicom

    try:
        with atomic_folder(path) as temporary:
            outputs = write_dicom(volume, temporary, report, std, dicom)
            if page is not None:
                (temporary / f"{SERIES}.html").write_text(page, encoding="utf-8")
                outputs[f"{SERIES}.html"] = sha256(temporary / f"{SERIES}.html")
            if report is not None:
                write_json(temporary / f"{SERIES}.json", record(report, source=volume.source, outputs=outputs))
    except OSError as error:
        raise disk_error(error, "series", path) from error
