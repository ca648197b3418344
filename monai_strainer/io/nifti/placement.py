# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Place a NIfTI image: its sform, its qform, which of them counts, and how far the two are apart."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.spatialimages import HeaderDataError
from nibabel.volumeutils import shape_zoom_affine
from numpy.typing import NDArray

from ...geometry import Grid

__all__ = ["Form", "Placement", "apart_of", "form_of", "mm_per_unit", "placement_of", "shape_of"]

Form = Literal["sform", "qform"]
_MM = {1: 1000.0, 2: 1.0, 3: 0.001}  # millimetres per metre, millimetre, micrometre


class Placement(NamedTuple):
    """Where a header puts the image.

    Args:
        affine: (4, 4) in RAS mm.
        form: the one it is from; None where neither is coded and it is a guess.
        other: (4, 4) in RAS mm of the other form, where both are coded and they disagree.
        apart: how far they disagree at a corner, in mm.
    """

    affine: NDArray[np.float64]
    form: Form | None
    other: NDArray[np.float64] | None = None
    apart: float = 0.0


def shape_of(header: Nifti1Header) -> tuple[int, int, int]:
    """Voxels on the three array axes; an axis the image does not have counts one voxel."""
    rank = int(header["dim"][0])
    sizes = [int(n) for n in header["dim"][1 : 1 + min(rank, 3)]] + [1, 1]
    return sizes[0], sizes[1], sizes[2]


def mm_per_unit(header: Nifti1Header) -> float:
    """Millimetres per unit of length of the header; an unknown unit is taken for the millimetre."""
    return _MM.get(int(header["xyzt_units"]) & 7, 1.0)


def form_of(header: Nifti1Header, name: str) -> NDArray[np.float64] | None:
    """Return the sform or the qform of a header.

    Args:
        header: of the file.
        name: ``"sform"`` or ``"qform"``.

    Returns:
        affine (4, 4) in the units of the header; None where its code is 0, NaN where it cannot be decoded.
    """
    if int(header[f"{name}_code"]) <= 0:
        return None
    try:
        return np.asarray(header.get_sform() if name == "sform" else header.get_qform(), dtype=np.float64)
    except (HeaderDataError, ValueError):  # a quaternion longer than 1, a qfac that is no sign
        return np.full((4, 4), np.nan)


def placement_of(header: Nifti1Header, wanted: Form | None = None) -> Placement:
    """Return the affine of a sound header: the form that is wanted, else the sform, then the qform, then a guess.

    The standard lets the two say different things: the qform where the scanner had the image, the sform where it lies
    after an alignment. The guess is that of nibabel (and SPM): the origin in the middle, the first axis pointing left.

    Args:
        header: of the file, after :func:`~monai_strainer.io.nifti.header.refuse_faults`.
        wanted: the form to prefer.

    Returns:
        affine in RAS mm, where it is from, and how far the two forms are apart.
    """
    unit = mm_per_unit(header)
    to_mm = np.diag([unit, unit, unit, 1.0])
    forms: dict[Form, NDArray[np.float64] | None] = {
        "sform": form_of(header, "sform"),
        "qform": form_of(header, "qform"),
    }
    order: tuple[Form, Form] = ("qform", "sform") if wanted == "qform" else ("sform", "qform")
    for form, second in (order, order[::-1]):
        affine, other = forms[form], forms[second]
        if affine is not None:
            apart = 0.0 if other is None else apart_of(header)
            return Placement(to_mm @ affine, form, to_mm @ other if other is not None and apart else None, apart)
    return Placement(to_mm @ shape_zoom_affine(shape_of(header), header["pixdim"][1:4], True), None)


def _rounding(header: Nifti1Header, affine: NDArray[np.float64], shape: tuple[int, int, int]) -> float:
    """How far the corners move when an affine without shear goes through the header's quaternion and back.

    Near half a turn the fourth component, which is not stored, is the root of a difference lost in float32.
    """
    zooms = np.linalg.norm(affine[:3, :3], axis=0)
    u, _, v = np.linalg.svd(affine[:3, :3] / zooms)
    rigid = np.array(affine)
    rigid[:3, :3] = (u @ v) * zooms
    trial = type(header)()
    trial.set_qform(rigid, 1)
    return Grid(shape, trial.get_qform()).apart(Grid(shape, rigid))


def apart_of(header: Nifti1Header) -> float:
    """Millimetres between sform and qform at a corner; 0 up to 1 % of a voxel and the rounding of the qform."""
    sform, qform = form_of(header, "sform"), form_of(header, "qform")
    if sform is None or qform is None:
        return 0.0
    shape = shape_of(header)
    apart = Grid(shape, sform).apart(Grid(shape, qform))
    edge = float(np.linalg.norm(sform[:3, :3], axis=0).min())
    is_same = apart <= 0.01 * edge or apart <= 0.01 * edge + 2 * _rounding(header, sform, shape)
    return 0.0 if is_same else apart * mm_per_unit(header)
