# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read and write MGH files (``.mgz``, ``.mgh``) of FreeSurfer; all faults are named before the voxels are decoded.

The header is big-endian, 284 bytes: version, four sizes, type, two flags, voxel size ``d``, the directions ``e_x``,
``e_y``, ``e_z`` of the axes and the centre ``c``, all in RAS millimetres. Voxel ``i`` lies at ``c + M (i - n / 2)``
with ``M = [d_x e_x, d_y e_y, d_z e_z]``. What follows the voxels (tags, command lines) is not kept: it may hold names.

Source: FreeSurfer, surfer.nmr.mgh.harvard.edu/fswiki/FsTutorial/MghFormat.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..geometry import Grid
from ..storage.provenance import sha256
from ..volume import Volume

__all__ = ["MghSource", "read_image", "write_image"]

HEAD = 284
LAYOUT = ">7ih3f9f3f"
TYPES: dict[int, np.dtype[Any]] = {
    kind: np.dtype(name) for kind, name in ((0, ">u1"), (1, ">i4"), (3, ">f4"), (4, ">i2"), (10, ">u2"))
}
_AGAIN = "take the file from its source again"


@dataclass(frozen=True)
class MghSource:
    """Where a volume that was read from an MGH file comes from.

    Args:
        name: of the file.
        sha256: of the file.
        path: resolved.
        findings: what is unusual about the file, in words.
    """

    name: str
    sha256: str
    path: Path = field(repr=False)
    findings: tuple[str, ...] = ()


def read_image(path: Path, limit_bytes: int, volume: int | None = None, form: str | None = None) -> Volume:
    """Read an MGH file.

    Args:
        path, limit_bytes: see :func:`monai_strainer.io.read`.
        volume: frame that is meant, from 1; needed where the file holds several.
        form: not used: the format has one affine.

    Raises:
        InputError: the file is missing, damaged, too large, or holds no image.
    """
    try:
        with gzip.open(path) if path.name.lower().endswith(".mgz") else path.open("rb") as handle:
            grid, frames, dtype = _understood(handle.read(HEAD), path)
            values = _decoded(handle, grid.shape, dtype, _frame(frames, volume, path), limit_bytes, path)
        digest = sha256(path)
    except FileNotFoundError as error:
        raise InputError("the file does not exist", "check the path", path) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError("the file is not gzip, cut off or damaged", _AGAIN, path) from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"the file cannot be read ({reason})", "check the path and the rights", path) from error
    if wrong := int(values.size - np.count_nonzero(np.isfinite(values))):
        raise InputError(f"{wrong} of {values.size} voxels are NaN or infinite", "replace them, or convert again", path)
    if values.min() == values.max():
        raise InputError(f"every voxel has the value {values.flat[0]:g}", "pass an image of more than one value", path)
    return Volume(values, grid, MghSource(path.name, digest, path.resolve()))


def _understood(head: bytes, path: Path) -> tuple[Grid, int, np.dtype[Any]]:
    """Return grid, number of volumes and type of the voxels; every fault of the header is named."""
    if len(head) < HEAD:
        raise InputError(f"the file holds {len(head)} bytes, a header takes {HEAD}", _AGAIN, path)
    found = struct.unpack_from(LAYOUT, head)
    version, nx, ny, nz, frames, kind = found[:6]
    shape = (nx, ny, nz)
    faults = []
    if version != 1:
        faults.append(f"the version is {version}, not 1")
    if min(*shape, frames) < 1:
        faults.append(f"the sizes {shape} x {frames} are not above 0")
    if kind not in TYPES:
        faults.append(f"voxels of type {kind} are not known")
    spacing, directions, centre = found[8:11], found[11:20], found[20:23]
    if found[7] != 1:
        faults.append("it holds no geometry, and programs differ in what they assume then")
    elif not all(math.isfinite(value) for value in found[8:23]):
        faults.append("the geometry is not finite")
    elif min(spacing) <= 0:
        faults.append(f"the voxel size {spacing} is not above 0")
    if faults:
        raise InputError("; ".join(faults), f"{_AGAIN}, or convert it again with mri_convert", path)
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(directions, (3, 3)).T * np.asarray(spacing)
    affine[:3, 3] = np.asarray(centre) - affine[:3, :3] @ (np.asarray(shape) / 2)
    try:
        return Grid(shape, affine), frames, TYPES[kind]
    except InputError as error:
        raise InputError(error.finding, error.remedy, path) from error


def _frame(frames: int, volume: int | None, path: Path) -> int:
    """Return the index of the volume that is meant."""
    if volume is None and frames > 1:
        raise InputError(f"the file holds {frames} volumes", "name one: --volume 1 is the first", path)
    if volume is not None and not 1 <= volume <= frames:
        raise InputError(f"there is no volume {volume} among {frames}", f"choose from 1 to {frames}", path)
    return (volume or 1) - 1


def _decoded(
    handle: gzip.GzipFile | BinaryIO,
    shape: tuple[int, int, int],
    dtype: np.dtype[Any],
    frame: int,
    limit: int,
    path: Path,
) -> NDArray[np.float32]:
    """Return the voxels (X, Y, Z) of one volume, once their number is known to fit."""
    count = math.prod(shape)
    needed = count * max(dtype.itemsize, 4) + frame * count * dtype.itemsize
    if needed > limit:
        finding = f"the header declares {shape} voxels, {needed} bytes in memory, more than the limit of {limit}"
        raise InputError(finding, "crop the scan, or raise limit_bytes if it is meant", path)
    handle.seek(HEAD + frame * count * dtype.itemsize)
    raw = handle.read(count * dtype.itemsize)
    if len(raw) < count * dtype.itemsize:
        raise InputError(f"the voxels take {count * dtype.itemsize} bytes, the file holds {len(raw)}", _AGAIN, path)
    return np.frombuffer(raw, dtype, count).reshape(shape, order="F").astype(np.float32)


def write_image(volume: Volume, path: Path, note: str = "", integers: bool = False) -> None:
    """Write a volume as MGH file; the same volume always gives the same bytes.

    Args:
        volume: the scan.
        path: ends in ``.mgz`` (compressed) or ``.mgh``.
        note: not written: the format has no place for it.
        integers: int32 instead of float32, for masks and labels.
    """
    affine, shape, spacing = volume.grid.affine, volume.grid.shape, volume.grid.spacing
    directions = (affine[:3, :3] / spacing).T.ravel()
    centre = affine[:3, :3] @ (np.asarray(shape) / 2) + affine[:3, 3]
    kind = 1 if integers else 3
    head = struct.pack(LAYOUT, 1, *shape, 1, kind, 0, 1, *spacing, *directions, *centre)
    with path.open("wb") as file:
        if path.name.lower().endswith(".mgz"):  # no name and no time inside, as NIfTI files
            with gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=file, mtime=0) as packed:
                _write_to(packed, head, volume, kind)
        else:
            _write_to(file, head, volume, kind)


def _write_to(file: gzip.GzipFile | BinaryIO, head: bytes, volume: Volume, kind: int) -> None:
    file.write(head.ljust(HEAD, b"\0"))
    for k in range(volume.data.shape[2]):
        file.write(volume.data[..., k].astype(TYPES[kind]).tobytes("F"))
