# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read from the header alone how large a NIfTI image is, how its slices run, and who wrote it."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from nibabel.nifti1 import Nifti1Header

from ...errors import InputError
from ...geometry import Grid
from ...volume import Volume
from ..find import MAPS
from .header import HEAD, Form, parse, placement_of, refuse_faults, shape_of, volumes_of

__all__ = ["Outline", "map_of", "outline_of"]


class Outline(NamedTuple):
    """What a header says of an image.

    Args:
        grid: of one volume.
        slice_axis: as of :class:`monai_strainer.Volume`.
        volumes: that the file holds.
        others: sizes of the axes behind the third.
    """

    grid: Grid
    slice_axis: int
    volumes: int
    others: tuple[int, ...] = ()

    @property
    def blank(self) -> Volume:
        """A volume of zeros on this grid, which takes no memory."""
        return Volume(np.broadcast_to(np.float32(0), self.grid.shape), self.grid, slice_axis=self.slice_axis)


def _header(path: Path) -> Nifti1Header | None:
    """Read the header of a file; return None where it cannot be read."""
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as handle:
            return parse(handle.read(HEAD), path)
    except (InputError, OSError, EOFError, zlib.error):
        return None


def outline_of(path: Path, form: Form | None = None) -> Outline | None:
    """Return what the header of a file says; None where it cannot be read or is not sound: ``read`` says what is wrong.

    Args:
        path: NIfTI file; nothing behind its header is decoded.
        form: see :func:`monai_strainer.read`.
    """
    header = _header(path)
    if header is None:
        return None
    volumes = volumes_of(header)
    others = tuple(int(n) for n in header["dim"][4 : 1 + max(0, min(int(header["dim"][0]), 7))])
    try:
        if volumes > 1:
            header["dim"][0], header["dim"][4:] = 3, 1
        refuse_faults(header, path, form)
        shape = shape_of(header)
        grid = Grid(shape, placement_of(header, form).affine)
        axis = (int(header["dim_info"]) >> 4 & 3) - 1
        return Outline(grid, Outline(grid, axis, 1).blank.slice_axis, volumes, others)
    except InputError:
        return None


def map_of(path: Path) -> str | None:
    """Return which of ``MAPS`` a file is that ``write`` made, by what its header says; None for any other file."""
    header = _header(path)
    text = b"" if header is None else bytes(header["descrip"].item())
    program, _, note = text.decode(errors="replace").partition(": ")
    return next((kind for kind in MAPS.values() if program.startswith("monai_strainer") and note == kind), None)
