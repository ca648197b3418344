# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Write several volumes of one grid as one 4-D NIfTI file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from ..._version import __version__
from ...errors import InputError
from ...volume import Volume
from .files import NiftiSource, header_for, write_voxels

__all__ = ["write_volumes"]


def write_volumes(volumes: Sequence[Volume], path: Path) -> None:
    """Write volumes of one grid as one 4-D file of float32 voxels; time step and start are those of the source.

    The bytes depend on the volumes alone. The file is written in place: use :mod:`monai_strainer.storage.atomic`.

    Args:
        volumes: in their order, one or more.
        path: ``.nii`` or ``.nii.gz`` file.

    Raises:
        InputError: the volumes differ in shape.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from monai_strainer import Grid, read
        >>> path = Path(tempfile.mkdtemp()) / "bold.nii.gz"
        >>> one = Volume(np.arange(8.0).reshape(2, 2, 2), Grid((2, 2, 2), np.eye(4)))
        >>> write_volumes([one, one], path)
        >>> read(path, volume=2).data.shape
        (2, 2, 2)
    """
    first = volumes[0]
    if len({volume.grid.shape for volume in volumes}) > 1:
        raise InputError("the volumes differ in shape", "pass volumes of one grid", path)
    header = header_for(first)
    header.set_data_shape((*first.grid.shape, len(volumes)))
    if isinstance(first.source, NiftiSource):
        header["pixdim"][4], header["toffset"] = _times(first.source)
    header["descrip"] = f"monai_strainer {__version__}".encode()
    write_voxels(path, header, volumes)


def _times(source: NiftiSource) -> tuple[float, float]:
    """Return the time from volume to volume and that of the first, in the header's unit; 1 and 0 where it has none."""
    step, start = float(source.header["pixdim"][4]), float(source.header["toffset"])
    return step if math.isfinite(step) and step > 0 else 1.0, start if math.isfinite(start) else 0.0
