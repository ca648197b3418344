# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Refuse to replace a file that was read, or a folder with files that were not written here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from ..storage.atomic import stem
from .find import refuse_inside

__all__ = ["SERIES", "require_free", "require_free_folder"]

SERIES = "monai_strainer"  # names the record and the page of a DICOM series
_OWN = (f"{SERIES}.json", f"{SERIES}.html")
_OF_SYSTEMS = (".DS_Store", "Thumbs.db", "desktop.ini")  # file managers make them without being asked


def require_free(targets: Sequence[Path], inputs: Sequence[Path], overwrite: bool) -> None:
    """Refuse, before anything is written, to replace an input, or anything that is not meant to be replaced.

    Args:
        targets: files to be written.
        inputs: files that were read.
        overwrite: whether existing files may be replaced; an input never is.

    Raises:
        InputError: a target is an input, takes the name of its sidecar, is a folder, or exists.
    """
    for target in targets:
        own = target.resolve()
        for source in (path.resolve() for path in inputs):
            is_input = own == source or (target.exists() and source.exists() and target.samefile(source))
            is_beside = own.parent == source.parent and stem(own) == stem(source)  # would take over its sidecar
            if is_input or is_beside:
                raise InputError("the output is the input itself or takes its name", "choose another name", target)
        if target.is_dir():
            raise InputError("there is a folder of this name", "choose another name", target)
        if not overwrite and (target.exists() or target.is_symlink()):
            raise InputError("the file exists already", "choose another name, or pass overwrite", target)


def require_free_folder(target: Path, inputs: Sequence[Path], overwrite: bool) -> None:
    """Refuse, before anything is written, to replace a folder that holds anything but an earlier result.

    A folder is replaced as a whole. What was not written here, a scan above all, would be lost.

    Args:
        target: folder to be written.
        inputs: files and folders that were read.
        overwrite: whether an earlier result may be replaced.

    Raises:
        InputError: the folder is an input or holds one, lies in one, is a file, exists, or holds other files.
    """
    for source in inputs:
        refuse_inside(target, source)
        if target.resolve() in source.resolve().parents:
            raise InputError("the output folder holds the input", "choose another folder", target)
    if target.is_file():
        raise InputError("a file of this name exists", "choose another name", target)
    if not target.is_dir() or not any(target.iterdir()):
        return
    if not overwrite:
        raise InputError("a folder of this name exists", "choose another name, or pass overwrite", target)
    others = sum(not _is_own(path, target) for path in sorted(target.rglob("*")) if not path.is_dir())
    if others:
        raise InputError(
            f"the folder holds {others} files that monai_strainer did not write, and it is replaced as a whole",
            "choose another folder",
            target,
        )


def _is_own(path: Path, folder: Path) -> bool:
    """Return whether a file of a folder was written here, or by a file manager."""
    if path.name in _OF_SYSTEMS or (path.parent == folder and path.name in _OWN):
        return True
    from .dicom.identity import is_own_result

    return not path.is_symlink() and is_own_result(path)
