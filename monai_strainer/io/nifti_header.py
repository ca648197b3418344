# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What a NIfTI header says, and everything that can be wrong with it: one small check for each fault."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.spatialimages import HeaderDataError
from nibabel.volumeutils import shape_zoom_affine
from numpy.typing import NDArray

from ..errors import InputError
from ..geometry import Grid

__all__ = ["HEAD", "Finding", "affine_of", "choose", "mm_per_unit", "parse", "refuse_faults", "shape_of"]

HEAD = 540  # bytes, enough for the header of either version
_REAL = {2, 4, 8, 16, 64, 256, 512, 768, 1024, 1280}  # data types of real numbers up to 64 bits
_OTHER = {1: "binary", 32: "complex", 1792: "complex", 2048: "complex", 128: "RGB", 2304: "RGBA", 1536: "128-bit float"}
_MM = {1: 1000.0, 2: 1.0, 3: 0.001}  # millimetres per metre, millimetre, micrometre
_REPAIR = "repair the header's geometry, or convert the scan from DICOM again"


class Finding(NamedTuple):
    """One fault of a header and its remedy."""

    finding: str
    remedy: str


def parse(block: bytes, path: Path) -> Nifti1Header:
    """The header in the first bytes of a single-file NIfTI image, version 1 or 2, of either byte order.

    What the standard lets a file leave open is filled in: a ``qfac`` of 0 is 1, and axes that the image does not have
    are one unit long.

    Raises:
        InputError: these bytes are not a NIfTI header.
    """
    for kind, size, at, magic in ((Nifti1Header, 348, 344, b"n+1\0"), (Nifti2Header, 540, 4, b"n+2\0")):
        if len(block) < size or block[at : at + 4] != magic:
            continue
        for order in ("little", "big"):
            if int.from_bytes(block[:4], order) == size:  # type: ignore[arg-type]
                header = kind(block[:size], "<" if order == "little" else ">", check=False)
                if header["pixdim"][0] == 0:
                    header["pixdim"][0] = 1
                if header["dim"][0] == 2 and header["pixdim"][3] == 0:
                    header["pixdim"][3] = 1
                return header
    if len(block) >= 348 and block[344:348] == b"ni1\0":
        raise InputError("this is a header whose image lies in a second file", "convert it to one .nii file", path)
    raise InputError("the file does not begin with a NIfTI header", "check that it is complete and really NIfTI", path)


def shape_of(header: Nifti1Header) -> tuple[int, int, int]:
    """Voxels on the three array axes; an axis the image does not have counts one voxel."""
    rank = int(header["dim"][0])
    sizes = [int(n) for n in header["dim"][1 : 1 + min(rank, 3)]] + [1, 1]
    return sizes[0], sizes[1], sizes[2]


def choose(header: Nifti1Header, volume: int, path: Path) -> int:
    """Make the header that of one volume, counted from 1, and tell how many voxels of others come before.

    Raises:
        InputError: there is no such volume.
    """
    sizes = [max(int(n), 0) for n in header["dim"][1 : 1 + max(0, min(int(header["dim"][0]), 7))]]
    count = math.prod(sizes[3:])
    if not 1 <= volume <= count:
        raise InputError(f"there is no volume {volume}", f"choose from 1 to {count} with --volume", path)
    if len(sizes) > 3:
        header["dim"][0], header["dim"][4:] = 3, 1
    return (volume - 1) * math.prod(sizes[:3])


def mm_per_unit(header: Nifti1Header) -> float:
    """Millimetres per unit of length of the header; an unknown unit is taken for the millimetre."""
    return _MM.get(int(header["xyzt_units"]) & 7, 1.0)


def _form(header: Nifti1Header, name: str) -> NDArray[np.float64] | None:
    """The sform or the qform, where it is coded; all NaN where it cannot be decoded."""
    if int(header[f"{name}_code"]) <= 0:
        return None
    try:
        return np.asarray(header.get_sform() if name == "sform" else header.get_qform(), dtype=np.float64)
    except (HeaderDataError, ValueError):  # a quaternion longer than 1, a qfac that is no sign
        return np.full((4, 4), np.nan)


def affine_of(header: Nifti1Header) -> tuple[NDArray[np.float64], bool]:
    """The affine of a sound header in RAS mm, and whether the file gave one: sform before qform before a guess.

    The guess is that of nibabel (and SPM): the origin in the middle, the first axis pointing left.
    """
    affine = _form(header, "sform")
    if affine is None:
        affine = _form(header, "qform")
    is_given = affine is not None
    if affine is None:
        affine = shape_zoom_affine(shape_of(header), header["pixdim"][1:4], True)
    unit = mm_per_unit(header)
    return np.diag([unit, unit, unit, 1.0]) @ affine, is_given


def _has_sound_dims(header: Nifti1Header) -> bool:
    return check_dims(header) is None


def check_dims(header: Nifti1Header) -> Finding | None:
    """Two or three axes of at least one voxel; further axes may only be one long."""
    rank = int(header["dim"][0])
    if not 1 <= rank <= 7:
        return Finding(f"the header declares {rank} dimensions", "take the file from its source again")
    sizes = tuple(int(n) for n in header["dim"][1 : 1 + rank])
    if min(sizes) < 1:
        return Finding(f"the header declares the shape {sizes}, with an axis below one voxel", "convert the scan again")
    if rank == 1:
        return Finding(f"the image has the one axis {sizes}", "pass a 2-D or 3-D image")
    if max(sizes[3:], default=1) > 1:
        return Finding(f"the image is {rank}-D {sizes}: {math.prod(sizes[3:])} volumes", "choose one with --volume")
    return None


def check_type(header: Nifti1Header) -> Finding | None:
    """Real numbers of up to 64 bits."""
    code = int(header["datatype"])
    if code in _REAL:
        return None
    return Finding(
        f"the voxels are of type {_OTHER.get(code, 'unknown')} (datatype {code})", "save one real-valued image"
    )


def check_spacing(header: Nifti1Header) -> Finding | None:
    """The voxel edges of the axes the image has are positive and finite."""
    if not _has_sound_dims(header):
        return None
    edges = [float(v) for v in header["pixdim"][1 : 1 + min(int(header["dim"][0]), 3)]]
    if all(math.isfinite(v) and v > 0 for v in edges):
        return None
    return Finding(f"the voxel size pixdim is {tuple(round(v, 6) for v in edges)}, not positive and finite", _REPAIR)


def check_codes(header: Nifti1Header) -> Finding | None:
    """The codes that say what an affine means are among those of the standard."""
    codes = {name: int(header[f"{name}_code"]) for name in ("sform", "qform")}
    wrong = [f"{name}_code {code}" for name, code in codes.items() if not 0 <= code <= 5]
    return Finding(f"the header holds {' and '.join(wrong)}, not 0 to 5", _REPAIR) if wrong else None


def _check_form(header: Nifti1Header, name: str) -> Finding | None:
    affine = _form(header, name)
    if affine is None:
        return None
    if not np.isfinite(affine).all():
        return Finding(f"the {name} is not finite", _REPAIR)
    try:
        Grid((1, 1, 1), affine)
    except InputError:
        return Finding(f"the {name} is singular: some axis has no length of its own", _REPAIR)
    return None


def check_sform(header: Nifti1Header) -> Finding | None:
    """The sform, where coded, is finite and invertible."""
    return _check_form(header, "sform")


def check_qform(header: Nifti1Header) -> Finding | None:
    """The qform, where coded, is finite and invertible."""
    return _check_form(header, "qform")


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
    return float(np.abs(Grid(shape, trial.get_qform()).corners() - Grid(shape, rigid).corners()).max())


def check_agreement(header: Nifti1Header) -> Finding | None:
    """Where sform and qform are both coded, they agree to 1 % of a voxel (and the rounding of the qform) everywhere."""
    sform, qform = _form(header, "sform"), _form(header, "qform")
    if sform is None or qform is None or not _has_sound_dims(header) or check_sform(header) or check_qform(header):
        return None
    shape = shape_of(header)
    apart = float(np.abs(Grid(shape, sform).corners() - Grid(shape, qform).corners()).max())
    edge = float(np.linalg.norm(sform[:3, :3], axis=0).min())
    if apart <= 0.01 * edge or apart <= 0.01 * edge + 2 * _rounding(header, sform, shape):
        return None
    codes = f"sform (code {int(header['sform_code'])}) and qform (code {int(header['qform_code'])})"
    finding = f"{codes} disagree by {apart * mm_per_unit(header):.3g} mm at a corner, more than 1 % of a voxel"
    return Finding(finding, "set the code of the wrong one to 0")


def check_scaling(header: Nifti1Header) -> Finding | None:
    """Slope and intercept are finite, or absent: a slope of 0 or NaN."""
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    is_absent = slope == 0 or (math.isnan(slope) and (math.isnan(inter) or inter == 0))
    if is_absent or (math.isfinite(slope) and math.isfinite(inter)):
        return None
    return Finding(f"scl_slope is {slope} and scl_inter {inter}", "write the scan again with a finite slope, or none")


def check_offset(header: Nifti1Header) -> Finding | None:
    """The voxels begin behind the header."""
    offset, least = float(header["vox_offset"]), int(header["sizeof_hdr"]) + 4
    if math.isfinite(offset) and offset >= least:
        return None
    return Finding(f"the voxels begin at byte {offset:g}, inside the header", "write the scan again as one .nii file")


CHECKS: list[Callable[[Nifti1Header], Finding | None]] = [
    check_dims,
    check_type,
    check_spacing,
    check_codes,
    check_sform,
    check_qform,
    check_agreement,
    check_scaling,
    check_offset,
]


def refuse_faults(header: Nifti1Header, path: Path) -> None:
    """Run every check.

    Raises:
        InputError: names all that the checks found.
    """
    with np.errstate(all="ignore"):  # wild numbers are what the checks are for
        found = [finding for check in CHECKS if (finding := check(header)) is not None]
    if found:
        remedies = list(dict.fromkeys(remedy for _, remedy in found))
        raise InputError("; ".join(finding for finding, _ in found), "; ".join(remedies), path)
