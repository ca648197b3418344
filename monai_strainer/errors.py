# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Refuse what a user can correct by one kind of error, with file, finding and remedy; and numbers by their limits."""

from __future__ import annotations

import math
import reprlib
from dataclasses import dataclass
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any

__all__ = ["SEEDS", "InputError", "Limits", "disk_error"]

_LARGEST = 2**63 - 1  # seed that all generators take


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


@dataclass(frozen=True)
class Limits:
    """Between what a number has to lie.

    Args:
        least: smallest value.
        most: largest value.
        above: value that has to be exceeded.

    Example:
        >>> Limits(above=0).fault(-1.0), Limits(above=0).fault(2.0), Limits(least=0, most=1).remedy
        ('is not above 0', None, '0 to 1')
    """

    least: float = -math.inf
    most: float = math.inf
    above: float = -math.inf

    def fault(self, value: float) -> str | None:
        """Return what is wrong with a value; None where it lies within the limits."""
        if isinstance(value, float) and not math.isfinite(value):
            return "is not finite"
        if value < self.least:
            return f"is below {self.least:g}"
        if value > self.most:
            return f"is above {self.most:g}"
        return None if value > self.above else f"is not above {self.above:g}"

    @property
    def remedy(self) -> str:
        """What can be given."""
        if self.above > -math.inf:
            upper = "" if self.most == math.inf else f", at most {self.most:g}"
            return f"more than {self.above:g}{upper}"
        if self.most < math.inf and self.most < _LARGEST:
            return f"{self.least:g} to {self.most:g}"
        return f"{self.least:g} or more" if self.least > -math.inf else "a finite number"

    def checked(self, value: Any, what: str, whole: bool = False) -> float:
        """Return a value as a number within the limits.

        Args:
            value: a number, or an array of one number.
            what: it is, for the message.
            whole: whether it has to be a whole number.

        Returns:
            float, or int where it has to be whole.

        Raises:
            InputError: no number, or one outside of the limits.

        Example:
            >>> Limits(least=0).checked(3, "steps", whole=True)
            3
        """
        one: Any = value.item() if getattr(value, "shape", None) == () else value
        is_number = isinstance(one, Integral if whole else Real) and not isinstance(one, bool)
        if not is_number:
            raise InputError(f"{what} {reprlib.repr(value)} is no {'whole ' * whole}number", f"give {self.remedy}")
        number: float = int(one) if whole else float(one)
        if (fault := self.fault(number)) is not None:
            raise InputError(f"{what} {number:g} {fault}", f"give {self.remedy}")
        return number


SEEDS = Limits(least=0, most=_LARGEST)
