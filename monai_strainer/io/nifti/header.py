# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read a NIfTI header and find everything that is wrong with it: one small check for each fault."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header

from ...errors import InputError
from ...geometry import Grid
from .placement import Form, Placement, apart_of, form_of, mm_per_unit, placement_of, shape_of

__all__ = [
    "HEAD",
    "Finding",
    "Form",
    "Placement",
    "choose",
    "mm_per_unit",
    "parse",
    "placement_of",
    "refuse_faults",
    "shape_of",
    "volumes_of",
]

HEAD = 540  # bytes, enough for the header of either version
_REAL = {2, 4, 8, 16, 64, 256, 512, 768, 1024, 1280}  # data types of real numbers up to 64 bits
_OTHER = {1: "binary", 32: "complex", 1792: "complex", 2048: "complex", 128: "RGB", 2304: "RGBA", 1536: "128-bit float"}
_REPAIR = "repair the header's geometry, or convert the scan from DICOM again"


class Finding(NamedTuple):
    """One fault of a header.

    Args:
        finding: what was found.
        remedy: what to do.
    """

    finding: str
    remedy: str


def parse(block: bytes, path: Path) -> Nifti1Header:
    """Parse the header in the first bytes of a single-file NIfTI image, version 1 or 2, of either byte order.

    What the standard lets a file leave open is filled in: a ``qfac`` of 0 is 1, and axes that the image does not have
    are one unit long.

    Args:
        block: first bytes of the file, at least 540.
        path: for messages.

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


def volumes_of(header: Nifti1Header) -> int:
    """Volumes that the header declares: the product of all axes behind the third."""
    return math.prod(max(int(n), 0) for n in header["dim"][4 : 1 + max(0, min(int(header["dim"][0]), 7))])


def choose(header: Nifti1Header, volume: int, path: Path) -> int:
    """Make the header that of one volume of the file.

    Args:
        header: changed in place.
        volume: from 1.
        path: for messages.

    Returns:
        the number of voxels before it.

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
        finding = f"the image is {rank}-D {sizes}: {math.prod(sizes[3:])} volumes (echoes, repeats, times) and not one"
        return Finding(finding, "choose one with --volume, or split the file into 3-D images")
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
    """Check that the voxel edges of the axes the image has are positive and finite."""
    if not _has_sound_dims(header):
        return None
    edges = [float(v) for v in header["pixdim"][1 : 1 + min(int(header["dim"][0]), 3)]]
    if all(math.isfinite(v) and v > 0 for v in edges):
        return None
    return Finding(f"the voxel size pixdim is {tuple(round(v, 6) for v in edges)}, not positive and finite", _REPAIR)


def check_codes(header: Nifti1Header) -> Finding | None:
    """Check that the codes that say what an affine means are among those of the standard."""
    codes = {name: int(header[f"{name}_code"]) for name in ("sform", "qform")}
    wrong = [f"{name}_code {code}" for name, code in codes.items() if not 0 <= code <= 5]
    return Finding(f"the header holds {' and '.join(wrong)}, not 0 to 5", _REPAIR) if wrong else None


def _check_form(header: Nifti1Header, name: str) -> Finding | None:
    affine = form_of(header, name)
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
    """Check that the sform, where coded, is finite and invertible."""
    return _check_form(header, "sform")


def check_qform(header: Nifti1Header) -> Finding | None:
    """Check that the qform, where coded, is finite and invertible."""
    return _check_form(header, "qform")


def check_agreement(header: Nifti1Header) -> Finding | None:
    """Where sform and qform claim the same space, by one code, they agree; with two codes both may be meant."""
    if not _has_sound_dims(header) or check_sform(header) or check_qform(header):
        return None
    code = int(header["sform_code"])
    apart = apart_of(header) if code == int(header["qform_code"]) else 0.0
    if not apart:
        return None
    finding = (
        f"sform (code {code}) and qform (code {code}) disagree by {apart:.3g} mm at a corner, more than 1 % of a voxel"
    )
    return Finding(finding, "choose one with --form sform or --form qform, or set the code of the wrong one to 0")


def check_scaling(header: Nifti1Header) -> Finding | None:
    """Slope and intercept are finite, or absent: a slope of 0 or NaN."""
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    is_absent = slope == 0 or (math.isnan(slope) and (math.isnan(inter) or inter == 0))
    if is_absent or (math.isfinite(slope) and math.isfinite(inter)):
        return None
    return Finding(f"scl_slope is {slope} and scl_inter {inter}", "write the scan again with a finite slope, or none")


def check_offset(header: Nifti1Header) -> Finding | None:
    """Check that the voxels begin behind the header."""
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


def refuse_faults(header: Nifti1Header, path: Path, form: Form | None = None) -> None:
    """Run every check of a header.

    Args:
        header: of the file.
        path: for messages.
        form: ``"sform"`` or ``"qform"`` where the caller chose one; then the two may disagree.

    Raises:
        InputError: names all that the checks found.
    """
    checks = [check for check in CHECKS if form is None or check is not check_agreement]
    with np.errstate(all="ignore"):  # wild numbers are what the checks are for
        found = [finding for check in checks if (finding := check(header)) is not None]
    if form is not None and int(header[f"{form}_code"]) <= 0:
        found.append(Finding(f"the header has no {form} (its code is 0)", "leave out --form"))
    if found:
        remedies = list(dict.fromkeys(remedy for _, remedy in found))
        raise InputError("; ".join(finding for finding, _ in found), "; ".join(remedies), path)
