# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Which scans a folder holds, and which folders an output must stay out of."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import zipfile
import zlib
from pathlib import Path

from ..errors import InputError

__all__ = [
    "bears_mark",
    "find_scans",
    "find_series",
    "holds_nifti",
    "is_nifti",
    "is_set_aside",
    "packing_of",
    "refuse_inside",
]

PACKINGS = ((b"\x1f\x8b", "gzip", gzip.open), (b"BZh", "bzip2", bz2.open), (b"\xfd7zXZ", "xz", lzma.open))


def is_nifti(path: Path) -> bool:
    """Whether a path is named like a NIfTI file."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def holds_nifti(folder: Path) -> bool:
    """Whether anything in a folder or its subfolders is named like NIfTI."""
    return any(folder.rglob("*.nii*"))


def bears_mark(path: Path) -> bool:
    """Whether a file begins as DICOM files do, or is packed and holds one that does."""
    with path.open("rb") as handle:
        head = handle.read(132)
    return head[128:] == b"DICM" or packing_of(path) is not None


def packing_of(path: Path) -> str | None:
    """How a DICOM file is packed: gzip, bzip2, xz or zip; None where it is not, or is no DICOM file."""
    try:
        with path.open("rb") as handle:
            head = handle.read(6)
        for start, name, opened in PACKINGS:
            if head.startswith(start):
                with opened(path) as inner:
                    return name if inner.read(132)[128:] == b"DICM" else None
        if head.startswith(b"PK\3\4"):
            with zipfile.ZipFile(path) as archive:
                for member in [item for item in archive.infolist() if not item.is_dir()][:20]:
                    with archive.open(member) as inner:
                        if inner.read(132)[128:] == b"DICM":
                            return "zip"
    except (OSError, EOFError, RuntimeError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile):
        return None  # damaged, locked, or packed in a way that is not known
    return None


def is_set_aside(path: Path) -> bool:
    """Whether a file among DICOM files is no image by its name alone: hidden, or a directory record."""
    return path.name.startswith(".") or path.name.upper() == "DICOMDIR"


def _is_scan(path: Path, root: Path) -> bool:
    inner = path.relative_to(root)
    is_hidden = any(part.startswith(".") for part in inner.parts)
    is_made = inner.parts[0] == "derivatives" or "_std" in path.name
    # a link to nowhere is kept: annexed data that were not fetched are to be missed aloud, not skipped
    return is_nifti(path) and not is_hidden and not is_made and (path.is_file() or path.is_symlink())


def find_scans(folder: str | os.PathLike[str]) -> list[Path]:
    """The NIfTI files in a folder and its subfolders, in sorted order.

    Where there are ``sub-*`` folders with ``anat`` folders in them (BIDS), only the images in those count: functional
    and diffusion runs are no anatomy. ``derivatives/``, hidden files and our own maps ``*_std.nii.gz`` are left out.

    Raises:
        InputError: the folder is missing, is a file, or holds no scan.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> for name in ("b.nii.gz", "a.nii", "a_std.nii.gz", "notes.txt"):
        ...     (root / name).touch()
        >>> " ".join(path.name for path in find_scans(root))
        'a.nii b.nii.gz'
    """
    root = Path(folder)
    if not root.exists():
        raise InputError("the folder does not exist", "check the path", root)
    if not root.is_dir():
        raise InputError("this is a file, not a folder", "pass the folder that holds the scans", root)
    found = sorted(path for path in root.rglob("*") if _is_scan(path, root))
    parts = {path: path.relative_to(root).parts for path in found}
    anatomy = [path for path in found if parts[path][0].startswith("sub-") and "anat" in parts[path][1:-1]]
    if not found:
        raise InputError("the folder holds no NIfTI file", "pass a folder with .nii or .nii.gz files in it", root)
    return anatomy or found


def find_series(folder: str | os.PathLike[str]) -> list[Path]:
    """The folders that hold DICOM files, in sorted order; what lies below one belongs to it.

    Raises:
        InputError: no folder holds one.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> (root / "b").mkdir()
        >>> _ = (root / "b" / "IM1").write_bytes(bytes(128) + b"DICM")
        >>> [path.name for path in find_series(root)]
        ['b']
    """
    root, found = Path(folder), list[Path]()
    for place in sorted([root, *(path for path in root.rglob("*") if path.is_dir())]):
        if not any(known in place.parents for known in found) and any(map(_is_marked, place.iterdir())):
            found.append(place)
    if not found:
        raise InputError("the folder holds neither NIfTI nor DICOM files", "pass a folder with scans in it", root)
    return found


def _is_marked(path: Path) -> bool:
    """Whether a path is a DICOM file that may be an image."""
    return not is_set_aside(path) and path.is_file() and bears_mark(path)


def refuse_inside(output: str | os.PathLike[str], input: str | os.PathLike[str]) -> None:
    """Refuse an output that would lie among the inputs, where the next run would take it for one.

    ``derivatives/`` of a folder is where BIDS wants outputs, and ``find_scans`` does not look there: it is allowed.

    Args:
        output: file or folder to be written.
        input: file or folder that was read.

    Raises:
        InputError: the output is the input, or lies in the input folder outside ``derivatives/``.

    Example:
        >>> refuse_inside("study/derivatives/strainer", "study")
        >>> refuse_inside("study", "study")
        Traceback (most recent call last):
        monai_strainer.errors.InputError: study: the output is the input itself. Choose another output.
    """
    out, source = Path(output).resolve(), Path(input).resolve()
    if out == source:
        raise InputError("the output is the input itself", "choose another output", out)
    if source in out.parents and not source.is_file() and out.relative_to(source).parts[0] != "derivatives":
        raise InputError(
            f"the output lies inside the input folder {source.name}",
            "choose a folder outside of it or derivatives/",
            out,
        )
