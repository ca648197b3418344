# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Scans from disk and back: the suffix chooses the format, and every fault of a file has one sentence."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..errors import InputError
from ..volume import Volume
from .atomic import atomic, stem, write_json
from .record import record, sha256
from .scans import find_scans, refuse_inside

__all__ = ["atomic", "find_scans", "read", "record", "refuse_inside", "sha256", "write", "write_json"]


def _require_nifti(path: Path) -> None:
    """Refuse every format but NIfTI, by suffix alone."""
    name = path.name.lower()
    if name.endswith(".dcm") or path.is_dir():
        raise InputError("this is DICOM or a folder, which is not handled yet", "convert it with dcm2niix first", path)
    if not name.endswith((".nii", ".nii.gz")):
        kind = f"the suffix {Path(name).suffix!r} is not known" if Path(name).suffix else "the name has no suffix"
        raise InputError(kind, "use .nii or .nii.gz; dcm2niix or nibabel convert other formats", path)


def read(path: str | os.PathLike[str], *, limit_bytes: int = 2 * 2**30) -> Volume:
    """Read one 3-D scan; axis order and orientation stay those of the file.

    Args:
        path: a ``.nii`` or ``.nii.gz`` file.
        limit_bytes: refuse a file that says it needs more memory than this; checked before anything is decoded.

    Returns:
        Volume with float32 intensities (slope and intercept applied), a grid in RAS millimetres, and a source that
        ``write`` uses to write an image of the same kind.

    Raises:
        InputError: missing, damaged, of another format, not one real-valued 3-D image, or of doubtful geometry; all
            faults of a header are named at once.

    Source:
        NIfTI-1.1 (nifti.nimh.nih.gov/nifti-1), NIfTI-2.

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
    _require_nifti(path)
    from .nifti import read_nifti  # nibabel is loaded when a file is, not with the package

    return read_nifti(path, limit_bytes)


def write(
    volume: Volume,
    path: str | os.PathLike[str],
    *,
    report: Mapping[str, Any] | None = None,
    std: NDArray[Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a scan as float32 NIfTI of the kind it was read from; the same scan always gives the same bytes.

    With a report, ``x.json`` is written beside ``x.nii.gz`` as the very last step: where it stands, everything it
    names is complete. Every file appears whole or not at all. Missing folders are made.

    Args:
        volume: the scan.
        path: ends in ``.nii`` or ``.nii.gz``.
        report: what was done; becomes the record ``x.json`` together with versions and hashes.
        std: (X, Y, Z) standard deviation of every voxel; becomes ``x_std.nii.gz``.
        overwrite: replace files that are there. The input itself is never replaced.

    Raises:
        InputError: an unknown suffix, a file that is there already, the input as output, or a disk that cannot be
            written to.

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
    path = Path(path)
    _require_nifti(path)
    images = {path: volume}
    if std is not None:
        images[path.with_name(f"{stem(path)}_std.nii.gz")] = Volume(std, volume.grid, volume.source, volume.slice_axis)
    sidecar = path.with_name(f"{stem(path)}.json")
    targets = [*images, *([sidecar] if report is not None else [])]
    _require_free(targets, getattr(volume.source, "path", None), overwrite)
    from .nifti import write_nifti

    try:
        if report is not None:
            sidecar.unlink(missing_ok=True)  # the old record must not vouch for new images
        for target, image in images.items():
            with atomic(target) as temporary:
                write_nifti(image, temporary)
        if report is not None:
            outputs = {target.name: sha256(target) for target in images}
            write_json(sidecar, record(report, source=volume.source, outputs=outputs))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"the file cannot be written ({reason})", "check space and rights there", path) from error


def _require_free(targets: list[Path], source: Path | None, overwrite: bool) -> None:
    """Refuse, before anything is written, to replace the input, or anything that is not meant to be replaced."""
    for target in targets:
        if source is not None:
            own = target.resolve()
            is_input = own == source or (target.exists() and source.exists() and target.samefile(source))
            is_beside = own.parent == source.parent and stem(own) == stem(source)  # would take over its sidecar
            if is_input or is_beside:
                raise InputError("the output is the input itself or takes its name", "choose another name", target)
        if target.is_dir():
            raise InputError("there is a folder of this name", "choose another name", target)
        if not overwrite and (target.exists() or target.is_symlink()):
            raise InputError("the file exists already", "choose another name, or pass overwrite", target)
