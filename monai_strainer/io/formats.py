# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""List the formats of images in one file: which suffix means which, and the module that reads and writes it.

To add a format, add a line to ``FORMATS`` and a module with

    read_image(path, limit_bytes, volume, form) -> Volume     checks everything before it decodes; see ``io.read``
    write_image(volume, path, note, integers)                 the bytes follow from these alone, not from the time

Every command, pipeline and transform takes and makes such files then. DICOM is many files, and has its own folder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError

__all__ = ["FORMATS", "DicomForm", "Format", "format_of", "is_image", "require_format"]


class Format(NamedTuple):
    """A file format.

    Args:
        name: for messages.
        suffixes: in lower case; the first is that of compressed files, which standard deviations get.
        module: of ``monai_strainer.io``; it is loaded when a file of this format is read or written.
    """

    name: str
    suffixes: tuple[str, ...]
    module: str

    @property
    def read(self) -> Callable[..., Any]:
        """``read_image`` of the module."""
        return import_module(self.module, __package__).read_image  # type: ignore[no-any-return]

    @property
    def write(self) -> Callable[..., None]:
        """``write_image`` of the module."""
        return import_module(self.module, __package__).write_image  # type: ignore[no-any-return]


FORMATS = (
    Format("NIfTI", (".nii.gz", ".nii"), ".nifti.files"),
    Format("MGH", (".mgz", ".mgh"), ".mgh"),
)


@dataclass(frozen=True)
class DicomForm:
    """Which DICOM objects an output is made of; by default classic MR images, one file per slice.

    Args:
        parametric_map: the standard deviation is one Parametric Map, not a second series of MR images.
        enhanced: every series is one Enhanced MR file; the source has to be Enhanced MR.
    """

    parametric_map: bool = False
    enhanced: bool = False


def format_of(path: Path) -> Format | None:
    """Return the format that a file name means, or None.

    Example:
        >>> format_of(Path("scan.NII.GZ")).name, format_of(Path("scan.txt"))
        ('NIfTI', None)
    """
    return next((one for one in FORMATS if path.name.lower().endswith(one.suffixes)), None)


def is_image(path: Path) -> bool:
    """Return whether a path is named like an image of one of the formats."""
    return format_of(path) is not None


def require_format(path: Path) -> Format:
    """Return the format that a file name means.

    Raises:
        InputError: it means none.
    """
    found = format_of(path)
    if found is None:
        suffix = Path(path.name.lower()).suffix
        kind = f"the suffix {suffix!r} is not known" if suffix else "the name has no suffix"
        *most, last = sorted((suffix for one in FORMATS for suffix in one.suffixes), key=len)
        raise InputError(kind, f"use {', '.join(most)} or {last}; dcm2niix or nibabel convert other formats", path)
    return found
