# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read NIfTI files: nothing is moved, every guess has a note, and nothing is decoded before it is checked."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from nibabel.nifti1 import Nifti1Header
from numpy.typing import NDArray

from ...errors import InputError
from ...geometry import Grid
from ...storage.provenance import sha256
from ...volume import Volume
from .header import (
    HEAD,
    Form,
    Placement,
    choose,
    parse,
    placement_of,
    refuse_faults,
    shape_of,
    volumes_of,
)
from .write import NiftiSource, write_image

__all__ = ["read_image", "read_images", "write_image"]

_CHUNK = 1 << 20  # bytes
_AGAIN = "take the file from its source again"


def read_image(path: Path, limit_bytes: int, volume: int | None = None, form: Form | None = None) -> Volume:
    """Read a ``.nii`` or ``.nii.gz`` file.

    Args:
        path, limit_bytes, volume, form: see :func:`monai_strainer.io.read`.

    Raises:
        InputError: names every fault of the header, or says that the file is missing, damaged or too large.
    """
    with _faults_of(path):
        with _open(path) as handle:
            header = parse(handle.read(HEAD), path)
            before = None if volume is None else choose(header, volume, path)
            refuse_faults(header, path, form)
            values = _decode(handle, header, path, limit_bytes, before)
        digest = sha256(path)
    return _volume_of(values, header, path, digest, form)


def read_images(path: Path, limit_bytes: int, form: Form | None = None) -> Iterator[Volume]:
    """Read all volumes of a file in their order, in one pass.

    Args:
        path, limit_bytes, form: see :func:`monai_strainer.io.read_volumes`.

    Yields:
        one volume after the other.

    Raises:
        InputError: as :func:`read_image`, when the turn of the volume comes.
    """
    with _faults_of(path):
        handle, digest = _open(path), sha256(path)
    with handle:
        with _faults_of(path):
            header = parse(handle.read(HEAD), path)
            if (count := volumes_of(header)) < 1:
                refuse_faults(header, path, form)
        for k in range(count):
            one = header.copy()
            with _faults_of(path):
                before = choose(one, k + 1, path)
                refuse_faults(one, path, form)
                values = _decode(handle, one, path, limit_bytes, before)
                if k == count - 1:
                    _read_to_the_end(handle, path, limit_bytes)
            yield _volume_of(values, one, path, digest, form)
            del values  # only the caller keeps it while the next one is read


def _open(path: Path) -> gzip.GzipFile | BinaryIO:
    return gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")


@contextmanager
def _faults_of(path: Path) -> Iterator[None]:
    """Say of faults of a file what they are and what helps."""
    try:
        yield
    except FileNotFoundError as error:
        remedy = "fetch the file the link points to (datalad get)" if path.is_symlink() else "check the path"
        raise InputError("the file does not exist", remedy, path) from error
    except EOFError as error:
        raise InputError("the compressed file is cut off", _AGAIN, path) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            "the file is not gzip, or damaged", f"{_AGAIN}; name an uncompressed one .nii", path
        ) from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"the file cannot be read ({reason})", "check the path and the rights", path) from error


def _volume_of(values: NDArray[np.float32], header: Nifti1Header, path: Path, digest: str, form: Form | None) -> Volume:
    """Return the volume of voxels, on the grid where the header puts it."""
    _refuse_values(values, path)
    placed = placement_of(header, form)
    try:
        grid = Grid((values.shape[0], values.shape[1], values.shape[2]), placed.affine)
    except InputError as error:
        raise InputError(error.finding, error.remedy, path) from error
    axis = (int(header["dim_info"]) >> 4 & 3) - 1  # -1 where the file does not say
    axes = int(header["dim"][0])
    ndim = 3 if axes == 1 or volumes_of(header) > 1 else axes  # one volume of several has three axes
    source = NiftiSource(header, ndim, path.name, digest, path.resolve(), placed, _findings(placed, header))
    return Volume(values, grid, source, axis)


def _findings(placed: Placement, header: Nifti1Header) -> tuple[str, ...]:
    """Return a note where no form says where the image lies, or two mean two positions."""
    if placed.form is None:
        return ("no sform and no qform; orientation and position are guessed",)
    if placed.other is None:
        return ()
    second = "qform" if placed.form == "sform" else "sform"
    codes = f"the {placed.form} (code {int(header[f'{placed.form}_code'])}) places the image"
    return (
        f"{codes}; the {second} (code {int(header[f'{second}_code'])}) places it up to {placed.apart:.3g} mm elsewhere "
        "and is kept in the output",
    )


def _decode(
    handle: gzip.GzipFile | BinaryIO, header: Nifti1Header, path: Path, limit: int, before: int | None
) -> NDArray[np.float32]:
    """(X, Y, Z) the voxels with slope and intercept applied, one slice at a time, once their number is known to fit.

    ``before`` counts the voxels of volumes to be passed over; those behind the one that is meant are not read.
    """
    shape, dtype, offset = shape_of(header), header.get_data_dtype(), int(header["vox_offset"])
    count = math.prod(shape)
    needed = offset + count * max(dtype.itemsize, 4)
    if needed > limit:
        finding = f"the header declares {shape} voxels, {needed} bytes in memory, more than the limit of {limit}"
        raise InputError(finding, "crop the scan, or raise limit_bytes if it is meant", path)
    offset += (before or 0) * dtype.itemsize
    size = offset + count * dtype.itemsize
    is_plain = not isinstance(handle, gzip.GzipFile)
    present = path.stat().st_size if is_plain else size
    if present >= size:
        offset = handle.seek(offset)  # a compressed file may end before
        raw = handle.read(size - offset)
        present = offset + len(raw)
    if present < size:
        raise InputError(f"the file holds {present} bytes, its header declares {size}", _AGAIN, path)
    if before is None:
        _read_to_the_end(handle, path, limit)
    voxels = np.frombuffer(raw, dtype, count).reshape(shape, order="F")
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    values = np.empty(shape, np.float32)
    with np.errstate(all="ignore"):  # what does not fit float32 becomes infinite, and is refused for it
        for k in range(shape[2]):
            plane = voxels[..., k]
            if slope != 0 and math.isfinite(slope) and (slope, inter) != (1, 0):
                plane = plane * np.float64(slope) + inter
            values[..., k] = plane
    return values


def _read_to_the_end(handle: gzip.GzipFile | BinaryIO, path: Path, limit: int) -> None:
    """Read what follows the voxels of a compressed file: its checksum stands at the end."""
    rest = 0
    while isinstance(handle, gzip.GzipFile) and (chunk := handle.read(_CHUNK)):
        rest += len(chunk)
        if rest > limit:
            raise InputError(f"more than {limit} bytes follow the voxels", _AGAIN, path)


def _refuse_values(values: NDArray[np.float32], path: Path) -> None:
    """Refuse voxels that no scanner makes."""
    if wrong := int(values.size - np.count_nonzero(np.isfinite(values))):
        raise InputError(f"{wrong} of {values.size} voxels are NaN or infinite", "replace them, or convert again", path)
    if values.min() == values.max():
        raise InputError(f"every voxel has the value {values.flat[0]:g}", "pass an image of more than one value", path)
