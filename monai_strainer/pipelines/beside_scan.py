# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read the masks and label maps that go with a scan, and take labels to the grid of its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..anatomy.foreground import foreground
from ..errors import InputError
from ..io import read
from ..restoring.background import nearest
from ..restoring.restore import Restored
from ..volume import Volume

__all__ = ["Beside", "file_for", "labels_on", "maps_of", "read_beside", "read_labels", "read_mask"]

_NEAR = 0.1  # of a voxel: how far the corners of two grids may be apart to be one grid
_LARGEST = 2**24  # whole numbers up to it are exact in float32


@dataclass(frozen=True, eq=False)
class Beside:
    """What lies beside a scan, on its grid.

    Args:
        mask: (X, Y, Z), true where the scan is restored.
        labels: (X, Y, Z) label map.
    """

    mask: NDArray[np.bool_] | None = None
    labels: NDArray[np.int32] | None = None


def file_for(path: Path, source: Path) -> Path:
    """Return the file that lies beside a scan: the one that is named, or in a folder the one with the scan's name.

    Args:
        path: file, or folder of files.
        source: file of the scan.
    """
    return path / source.name if path.is_dir() else path


def _of_scan(path: Path, scan: Volume, source: Path, what: str) -> NDArray[np.float32]:
    """Read an image on the grid of a scan; of a folder, the one with the name of the scan.

    Raises:
        InputError: there is none, or it lies elsewhere.
    """
    file = file_for(path, source)
    if not file.exists():
        if file == path:
            raise InputError(f"there is no such {what}", "check the path", file)
        raise InputError(f"there is no {what} for this scan", f"give one named {source.name} in that folder", file)
    image = read(file)
    remedy = f"bring the {what} to the scan's grid by nearest neighbour"
    if image.grid.shape != scan.grid.shape:
        raise InputError(f"the {what} has {image.grid.shape} voxels, the scan {scan.grid.shape}", remedy, file)
    apart = image.grid.apart(scan.grid)
    if apart > _NEAR * float(scan.grid.spacing.min()):
        raise InputError(f"the {what} lies up to {apart:.3g} mm away from the scan", remedy, file)
    return image.data


def read_mask(path: Path, scan: Volume, source: Path) -> NDArray[np.bool_]:
    """Read a mask: true where its values are above 0.

    Args:
        path: image on the scan's grid, or a folder that holds one of the scan's name.
        scan: that it belongs to.
        source: file of the scan.

    Raises:
        InputError: it is missing, damaged, or lies on another grid.
    """
    inside: NDArray[np.bool_] = _of_scan(path, scan, source, "mask") > 0
    return inside


def read_labels(path: Path, scan: Volume, source: Path) -> NDArray[np.int32]:
    """Read a label map.

    Args:
        path, scan, source: see :func:`read_mask`.

    Returns:
        (X, Y, Z) whole numbers.

    Raises:
        InputError: as a mask, or the values are not whole numbers.
    """
    data = _of_scan(path, scan, source, "label map")
    if not (data == np.rint(data)).all() or np.abs(data).max() >= _LARGEST:
        raise InputError("the values are not whole numbers", "pass a label map, not probabilities", path)
    return data.astype(np.int32)


def read_beside(scan: Volume, source: Path, mask: Path | None = None, labels: Path | None = None) -> Beside:
    """Read what lies beside a scan, each file once.

    Args:
        scan: that it belongs to; its grid counts.
        source: file of the scan.
        mask, labels: see :func:`read_mask` and :func:`read_labels`; None for none.

    Raises:
        InputError: see :func:`read_mask` and :func:`read_labels`.
    """
    return Beside(
        None if mask is None else read_mask(mask, scan, source),
        None if labels is None else read_labels(labels, scan, source),
    )


def labels_on(labels: NDArray[np.int32], shape: Sequence[int]) -> NDArray[np.int32]:
    """Resample labels by nearest neighbour to a grid of the same field of view that is as fine or finer.

    A finer voxel lies in one voxel of the scan, up to fractions of a voxel: its label is that voxel's.

    Args:
        labels: (X, Y, Z).
        shape: voxels of the new grid.

    Example:
        >>> labels_on(np.array([[[3, 7]]], np.int32), (1, 1, 4)).tolist()
        [[[3, 3, 7, 7]]]
    """
    found: NDArray[np.int32] = nearest(labels, shape)
    return found


def maps_of(
    scan: Volume, out: Restored, endings: Sequence[str], labels: NDArray[np.int32] | None
) -> Mapping[str, NDArray[Any]]:
    """Return the maps that are written beside a result, by the endings of their names.

    Args:
        scan: what was measured.
        out: what was made of it.
        endings: of ``std``, ``residual`` (scan minus result), ``mask`` (the foreground of the result) and ``labels``.
        labels: on the scan's grid.
    """
    made: dict[str, NDArray[Any]] = {}
    for ending in endings:
        if ending == "std":
            made[ending] = out.std
        elif ending == "residual":
            made[ending] = scan.data - out.volume.data
        elif ending == "mask":
            made[ending] = foreground(out.volume.data).astype(np.int16)
        elif labels is not None:
            made[ending] = labels_on(labels, out.volume.grid.shape)
    return made
