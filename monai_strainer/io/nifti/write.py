# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Write NIfTI files: a header of our own, no name of a person, and the same bytes for the same volume."""

from __future__ import annotations

import gzip
import math
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
from ...geometry import Grid
from ...volume import Volume
from .header import Placement, mm_per_unit

__all__ = ["NiftiSource", "opened", "write_image"]

_QFORM_MM = 5e-4  # a qform that cannot place the corners this well is not written


@dataclass(frozen=True, eq=False)
class NiftiSource:
    """Where a volume came from, and what is needed to write one of the same kind.

    Args:
        header: as read, without extensions.
        ndim: axes of the volume in the file: 2 or 3, or more where those behind the third have one entry each.
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
    if not others and isinstance(volume.source, NiftiSource):
        others = (1,) * (volume.source.ndim - 3)
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
        # a new voxel lies at an old one, and so at the position that the other form gives that one
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
