# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Raise one kind of error for all that a user can correct: the file, the finding, the remedy."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

__all__ = ["InputError", "disk_error"]


class InputError(ValueError):
    """Something outside the program is wrong and the user can put it right.

    The message reads ``file: finding. remedy.`` Only the base name of the file is shown, because folders are
    often named after patients.

    Args:
        finding: what is wrong, with the offending value.
        remedy: what the user can do about it.
        file: the file it was found in, where there is one.

    Example:
        >>> str(InputError("the scan is 4-D (64, 64, 30, 100)", "pass one 3-D volume", "/data/bold.nii.gz"))
        'bold.nii.gz: the scan is 4-D (64, 64, 30, 100). Pass one 3-D volume.'
    """

    def __init__(self, finding: str, remedy: str, file: str | PathLike[str] | None = None) -> None:
        self.finding, self.remedy = finding.rstrip("."), remedy.rstrip(".")
        self.file = None if file is None else Path(file).name
        where = "" if self.file is None else f"{self.file}: "
        super().__init__(f"{where}{self.finding}. {self.remedy[:1].upper()}{self.remedy[1:]}.")

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, str | None]]:
        """Rebuild from the parts: an exception must survive the way home from a worker process."""
        return type(self), (self.finding, self.remedy, self.file)


def disk_error(error: OSError, what: str = "file", file: str | PathLike[str] | None = None) -> InputError:
    """Turn a system error about a file or a disk into an InputError; our own hidden file names are not repeated.

    Args:
        error: of the system.
        what: cannot be written.
        file: by default the one that the error names.

    Returns:
        the error to raise in its place.

    Example:
        >>> str(disk_error(OSError(28, "No space left on device", "/data/x.nii.gz")))
        'x.nii.gz: the file cannot be written (No space left on device). Check space and rights there.'
    """
    name = error.filename if file is None else file
    if isinstance(name, bytes | int) or (name is not None and Path(name).name.startswith((".tmp-", ".old-"))):
        name = None
    reason = error.strerror or type(error).__name__
    return InputError(f"the {what} cannot be written ({reason})", "check space and rights there", name)
