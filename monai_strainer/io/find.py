# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Find the scans of a folder, and refuse outputs among the inputs."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError
from .formats import is_image

__all__ = [
    "DEVIATION",
    "MAPS",
    "Passed",
    "Survey",
    "bears_mark",
    "find_scans",
    "find_series",
    "holds_images",
    "is_nifti",
    "is_set_aside",
    "packing_of",
    "refuse_inside",
    "survey",
    "files_below",
]

PACKED = (".nii.bz2", ".nii.xz", ".nii.zst", ".nii.zip")
OTHERS = (".mgz", ".mgh", ".nrrd", ".nhdr", ".mha", ".mhd", ".hdr", ".mnc")
DICOM = (".dcm", ".ima")
DEVIATION = "standard deviation"  # stands in the description of the maps that we write
MAPS = {"std": DEVIATION, "residual": "residual", "mask": "mask", "labels": "labels"}  # by the endings of their names


class Passed(NamedTuple):
    """An input that was found and is not used.

    Args:
        name: relative to the folder.
        reason: why, in words.
    """

    name: str
    reason: str


class Survey(NamedTuple):
    """What a folder holds.

    Args:
        scans: to use.
        passed: what else looks like an image.
    """

    scans: list[Path]
    passed: list[Passed]


PACKINGS = ((b"\x1f\x8b", "gzip", gzip.open), (b"BZh", "bzip2", bz2.open), (b"\xfd7zXZ", "xz", lzma.open))


def is_nifti(path: Path) -> bool:
    """Return whether a path is named like a NIfTI file."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def files_below(folder: Path, follow: bool = False) -> Iterator[Path]:
    """Every file of a folder and its subfolders in sorted order, and folders that are not entered; nothing hidden.

    Args:
        folder: to look through.
        follow: go into linked folders as well, into each only once.
    """
    seen: set[Path] = set()

    def inside(folder: Path) -> Iterator[Path]:
        try:
            entries = sorted(folder.iterdir())
        except OSError:
            yield folder
            return
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if not entry.is_dir() or (entry.is_symlink() and not follow):
                yield entry  # a link to nowhere is kept: annexed data that were not fetched are to be missed aloud
            elif (real := entry.resolve()) not in seen:
                seen.add(real)
                yield from inside(entry)

    yield from inside(folder)


def holds_images(folder: Path) -> bool:
    """Return whether anything in a folder or its subfolders is named like an image; hidden files are not looked at."""
    return any(is_image(path) for path in files_below(folder))


def bears_mark(path: Path) -> bool:
    """Return whether a file begins as DICOM files do, or is packed and holds one that does."""
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
    """Return whether a file among DICOM files is no image by its name alone: hidden, or a directory record."""
    return path.name.startswith(".") or path.name.upper() == "DICOMDIR"


def _why_not(path: Path) -> str | None:
    """Why a file that looks like an image is passed over; empty for a scan, None for what is no image."""
    name = path.name.lower()
    if path.is_dir() and not path.is_symlink():
        return "a folder that cannot be opened; check the rights"
    if path.is_dir():
        return "a link to a folder; links are not followed: pass the folder itself"
    if name.endswith(PACKED):
        return "packed in another way than gzip; unpack it"
    if not is_image(path):
        return "another format; convert it to NIfTI" if name.endswith(OTHERS) else None
    if any(ending in name for ending in MAPS) and is_nifti(path) and path.is_file():
        from .nifti.outline import map_of  # nibabel is loaded when a file is, not with the package

        if (kind := map_of(path)) is not None:
            return f"a {kind} that monai_strainer wrote, no scan"
    return ""


def survey(folder: str | os.PathLike[str]) -> Survey:
    """List the images in a folder and its subfolders in sorted order, and what is passed over with the reason.

    Where there are ``sub-*`` folders with ``anat`` folders in them (BIDS), only the images in those count: functional
    and diffusion runs are no anatomy. Standard deviations that :func:`monai_strainer.write` made are known by their
    headers. ``derivatives/`` and DICOM files are named in one line per folder; hidden files are no inputs.

    Raises:
        InputError: the folder is missing, is a file, or holds no scan.
    """
    root = Path(folder)
    if not root.exists():
        raise InputError("the folder does not exist", "check the path", root)
    if not root.is_dir():
        raise InputError("this is a file, not a folder", "pass the folder that holds the scans", root)
    found: list[Path] = []
    passed: list[Passed] = []
    results, dicom = 0, Counter[str]()
    for path in files_below(root):
        inner = path.relative_to(root)
        if inner.parts[0] == "derivatives" and len(inner.parts) > 1:
            results += is_image(path)
        elif path.name.lower().endswith(DICOM):
            dicom[inner.parent.as_posix()] += 1
        elif reason := _why_not(path):
            passed.append(Passed(inner.as_posix(), reason))
        elif reason is not None:
            found.append(path)
    if results:
        passed.append(Passed("derivatives", f"{results} images: results of other programs, no inputs"))
    passed += [Passed(name, f"{n} DICOM files: restore this folder on its own") for name, n in dicom.items()]
    if not found:
        finding = "the folder holds no NIfTI file" + (f" but {passed[0].name}: {passed[0].reason}" if passed else "")
        raise InputError(finding, "pass a folder with .nii or .nii.gz files in it", root)
    parts = {path: path.relative_to(root).parts for path in found}
    anatomy = [path for path in found if parts[path][0].startswith("sub-") and "anat" in parts[path][1:-1]]
    if anatomy:
        why = "not in an anat folder; where sub-* folders hold anat folders, only those count"
        passed += [Passed("/".join(parts[path]), why) for path in found if path not in set(anatomy)]
    return Survey(anatomy or found, sorted(passed))


def find_scans(folder: str | os.PathLike[str]) -> list[Path]:
    """List the scans of a folder in sorted order, without what is passed over: see :func:`survey`.

    Raises:
        InputError: the folder is missing, is a file, or holds no scan.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> for name in ("b.nii.gz", "a.nii", "a_std.nii.gz", ".tmp-a.nii", "notes.txt"):
        ...     (root / name).touch()
        >>> " ".join(path.name for path in find_scans(root))
        'a.nii a_std.nii.gz b.nii.gz'
    """
    return survey(folder).scans


def find_series(folder: str | os.PathLike[str]) -> list[Path]:
    """List the folders that hold DICOM files, sorted; what lies below one belongs to it, hidden ones do not count.

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
    folders = [path for path in root.rglob("*") if path.is_dir() and not _is_hidden(path.relative_to(root))]
    for folder in sorted([root, *folders]):
        if not any(known in folder.parents for known in found) and any(map(_is_marked, folder.iterdir())):
            found.append(folder)
    if not found:
        raise InputError("the folder holds neither NIfTI nor DICOM files", "pass a folder with scans in it", root)
    return found


def _is_hidden(inner: Path) -> bool:
    return any(part.startswith(".") for part in inner.parts)


def _is_marked(path: Path) -> bool:
    """Return whether a path is a DICOM file that may be an image."""
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
