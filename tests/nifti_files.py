# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Small NIfTI files, sound and otherwise, for the tests of reading and writing."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from monai_strainer.io import read, write
from monai_strainer.volume import Volume

SHAPE = (5, 6, 4)


def ramp(shape: tuple[int, ...] = SHAPE, dtype: Any = np.int16) -> NDArray[Any]:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def image(data: NDArray[Any] | None = None, affine: NDArray[Any] | None = None, kind: Any = nib.Nifti1Image) -> Any:
    made = kind(ramp() if data is None else data, np.diag([2, 2, 3, 1]) if affine is None else affine)
    made.set_qform(made.affine, 1)
    made.set_sform(made.affine, 1)
    return made


def saved(path: Path, made: Any = None, **fields: Any) -> Path:
    """Write an image, then set header fields in the file itself, past every check; ``name__k`` sets one element."""
    block = bytearray((image() if made is None else made).to_bytes())
    header = np.frombuffer(block, nib.Nifti1Header.template_dtype, 1)
    for name, value in fields.items():
        field, _, k = name.partition("__")
        if k:
            header[field][0, int(k)] = value
        else:
            header[field][0] = value
    path.write_bytes(gzip.compress(bytes(block), mtime=0) if path.suffix == ".gz" else bytes(block))
    return path


def oblique(angles: tuple[float, float, float], flips: tuple[int, int, int], shear: float = 0.0) -> NDArray[np.float64]:
    """(4, 4) affine of 1.1 x 1.2 x 4 mm voxels turned about x, y, z in turn, its axes flipped, then sheared."""
    turned = np.eye(3)
    for axis, angle in enumerate(angles):
        c, s, (i, j) = np.cos(angle), np.sin(angle), [k for k in range(3) if k != axis]
        about = np.eye(3)
        about[[i, i, j, j], [i, j, i, j]] = c, -s, s, c
        turned = turned @ about
    affine = np.eye(4)
    affine[:3, :3] = turned @ np.diag(flips) @ np.diag([1.1, 1.2, 4]) + shear * np.eye(3, k=1)
    affine[:3, 3] = -90, 70, 30
    return affine


def read_back(volume: Volume, path: Path) -> Volume:
    write(volume, path, overwrite=True)
    return read(path)


SCANNER, ALIGNED = oblique((0.1, -0.2, 0.3), (-1, 1, 1)), oblique((0.0, 0.05, -0.1), (1, 1, 1))


def two_forms(path: Path, qform: int, sform: int) -> Path:
    made = image(ramp((5, 6, 4), np.float32))
    made.set_qform(SCANNER, qform)
    made.set_sform(ALIGNED, sform)
    return saved(path, made)
