# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""NIfTI files to volumes and back: nothing moved, nothing guessed in silence, nothing decoded before it is checked."""

from __future__ import annotations

import gzip
import math
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from ..._version import __version__
from ...errors import InputError
from ...geometry import Grid
from ...storage.provenance import sha256
from ...volume import Volume
from .header import (
    HEAD,
    Form,
    Placement,
    choose,
    mm_per_unit,
    parse,
    placement_of,
    refuse_faults,
    shape_of,
)

__all__ = ["NiftiSource", "opened", "read_image", "write_image"]

_CHUNK = 1 << 20  # bytes
_QFORM_MM = 5e-4  # a qform that cannot place the corners this well is not written
_AGAIN = "take the file from its source again"


@dataclass(frozen=True, eq=False)
class NiftiSource:
    """Where a volume came from, and what is needed to write one of the same kind.

    Args:
        header: as read, without extensions.
        ndim: 2 or 3, the axes of the file.
        name: base name of the file.
        sha256: of the file's bytes.
        path: the file, so that it is never written over; not shown.
        placed: where the header puts the image; None for one that is put elsewhere.
        findings: what was accepted, and should be known.
    """

    header: Nifti1Header
    ndim: int
    name: str
    sha256: str
    path: Path = field(repr=False)
    placed: Placement | None = None
    findings: tuple[str, ...] = ()


def read_image(path: Path, limit_bytes: int, volume: int | None = None, form: Form | None = None) -> Volume:
    """Read a ``.nii`` or ``.nii.gz`` file; see ``monai_strainer.io.read``."""
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as handle:
            header = parse(handle.read(HEAD), path)
            before = None if volume is None else choose(header, volume, path)
            refuse_faults(header, path, form)
            values = _decode(handle, header, path, limit_bytes, before)
        digest = sha256(path)
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
    _refuse_values(values, path)
    placed = placement_of(header, form)
    if placed.form is None:
        warnings.warn(f"{path.name}: no sform and no qform; orientation and position are guessed", stacklevel=3)
    try:
        grid = Grid((values.shape[0], values.shape[1], values.shape[2]), placed.affine)
    except InputError as error:
        raise InputError(error.finding, error.remedy, path) from error
    axis = (int(header["dim_info"]) >> 4 & 3) - 1  # -1 where the file does not say
    ndim = 2 if int(header["dim"][0]) == 2 else 3
    source = NiftiSource(header, ndim, path.name, digest, path.resolve(), placed, _findings(placed, header))
    return Volume(values, grid, source, axis)


def _findings(placed: Placement, header: Nifti1Header) -> tuple[str, ...]:
    """Return a note where the two forms mean two places."""
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
    rest = 0
    while not (is_plain or before is not None) and (chunk := handle.read(_CHUNK)):  # to the end, where the checksum is
        rest += len(chunk)
        if rest > limit:
            raise InputError(f"more than {limit} bytes follow the voxels", _AGAIN, path)
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


def _refuse_values(values: NDArray[np.float32], path: Path) -> None:
    """Refuse voxels that no scanner makes."""
    if wrong := int(values.size - np.count_nonzero(np.isfinite(values))):
        raise InputError(f"{wrong} of {values.size} voxels are NaN or infinite", "replace them, or convert again", path)
    if values.min() == values.max():
        raise InputError(f"every voxel has the value {values.flat[0]:g}", "pass a scan with an image in it", path)


def write_image(volume: Volume, path: Path, note: str = "", integers: bool = False) -> None:
    """Write a volume as float32; see ``monai_strainer.io.write``. The bytes depend on the volume and the note alone.

    Args:
        volume: to write.
        path: of the file.
        note: what kind of map it is; empty for a scan.
        integers: write whole numbers as integers of 16 or 32 bits.
    """
    dtype: type[np.generic] = np.float32
    if integers:
        dtype = np.int32 if np.abs(volume.data).max() > np.iinfo(np.int16).max else np.int16
    with opened(volume, path, note, dtype=dtype) as append:
        append(volume.data)


@contextmanager
def opened(
    volume: Volume, path: Path, note: str = "", others: Sequence[int] = (), dtype: type[np.generic] = np.float32
) -> Iterator[Callable[[NDArray[Any]], None]]:
    """Open a file to write one volume after the other.

    Args:
        volume: the first one; its header serves all.
        path: of the file.
        note: what kind of map it is; empty for a scan.
        others: sizes of the axes behind the third; their product is the number of volumes.
        dtype: of the voxels in the file.

    Yields:
        a function that appends the voxels (X, Y, Z) of one volume.
    """
    header = _header(volume)
    header.set_data_dtype(dtype)
    header["descrip"] = f"monai_strainer {__version__}{note and ': '}{note}".encode()[:79]
    if others:
        header["dim"][0] = 3 + len(others)
        header["dim"][4 : 4 + len(others)] = others
        if isinstance(volume.source, NiftiSource):
            steps, start = volume.source.header["pixdim"][4:], float(volume.source.header["toffset"])
            header["pixdim"][4:] = np.where(np.isfinite(steps) & (steps > 0), steps, 1)  # what no scanner means is 1
            header["toffset"] = start if math.isfinite(start) else 0
    kind = np.dtype(dtype).newbyteorder("<")
    del volume  # the others are written without it
    with ExitStack() as leaving:
        file: BinaryIO | gzip.GzipFile = leaving.enter_context(path.open("wb"))
        if path.name.lower().endswith(".gz"):
            # no name and no time inside; level 1, as nibabel does: floats hardly shrink
            packed = gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=file, mtime=0)  # type: ignore[arg-type]
            file = leaving.enter_context(packed)
        file.write(header.binaryblock + bytes(4))  # four zeros: no extensions, which may hold names

        def append(data: NDArray[Any]) -> None:
            for k in range(data.shape[2]):
                file.write(data[..., k].astype(kind, copy=False).tobytes("F"))

        yield append


def _header(volume: Volume) -> Nifti1Header:
    """Build a header; from the source come version, axes, units, codes and intent, and nothing that may hold a name."""
    source = volume.source if isinstance(volume.source, NiftiSource) else None
    shape, old = volume.grid.shape, None if source is None else source.header
    is_second = isinstance(old, Nifti2Header) or max(shape) > np.iinfo(np.int16).max
    header = (Nifti2Header if is_second else Nifti1Header)(endianness="<")
    header.set_data_dtype(np.float32)
    header.set_data_shape(shape[:2] if source is not None and source.ndim == 2 and shape[2] == 1 else shape)
    header["vox_offset"] = int(header["sizeof_hdr"]) + 4
    header["scl_slope"], header["scl_inter"] = 1, 0
    units, sform_code, qform_code = 0, 0, 0
    if old is not None:
        for name in ("dim_info", "intent_code", "intent_name", "intent_p1", "intent_p2", "intent_p3"):
            header[name] = old[name]
        units, sform_code, qform_code = (int(old[name]) for name in ("xyzt_units", "sform_code", "qform_code"))
    length, time = units & 7, units & 56
    header["xyzt_units"] = (length if 1 <= length <= 3 else 2) | (time or 8)  # mm and s where nothing is said
    if sform_code == qform_code == 0:
        sform_code = qform_code = 1
    other, placed = None, None if source is None else source.placed
    if placed is not None and placed.other is not None:
        # a new voxel lies at an old one, and so at the place that the other form gives that one
        other = placed.other @ np.linalg.inv(placed.affine) @ volume.grid.affine
    is_qform = placed is not None and placed.form == "qform"
    sform, qform = (other, None) if is_qform else (None, other)
    _place(header, volume.grid, sform_code, qform_code, sform, qform)
    return header


def _place(
    header: Nifti1Header,
    grid: Grid,
    sform_code: int,
    qform_code: int,
    sform: NDArray[np.float64] | None = None,
    qform: NDArray[np.float64] | None = None,
) -> None:
    """Write both forms, the grid's affine where none of its own is given.

    A qform that cannot hold its affine (shear, or rounding near half a turn) is left out; the sform then has it.
    """
    unit = mm_per_unit(header)
    to_unit = np.diag([1 / unit, 1 / unit, 1 / unit, 1.0])
    header["pixdim"][1:4] = grid.spacing / unit
    if qform_code:
        wanted = Grid(grid.shape, grid.affine if qform is None else qform)
        trial = header.copy()
        trial.set_qform(to_unit @ wanted.affine, qform_code)
        try:
            placed = Grid(grid.shape, np.diag([unit, unit, unit, 1.0]) @ trial.get_qform())
            is_true = placed.apart(wanted) <= _QFORM_MM
        except (HeaderDataError, ValueError):
            is_true = False
        if is_true:
            header.set_qform(to_unit @ wanted.affine, qform_code)
        elif sform is None and qform is None:
            sform_code = sform_code or qform_code
        elif qform is None:  # the image is placed by the qform, which cannot hold it: then the sform must
            sform, sform_code = None, qform_code
    if sform_code:
        header.set_sform(to_unit @ (grid.affine if sform is None else sform), sform_code)
