# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read the numbers of a command line, and refuse those that lie outside of their limits before anything is done."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from ..errors import SEEDS, InputError, Limits

__all__ = ["FRACTION", "FROM_ONE", "FROM_ZERO", "LENGTHS", "SEED", "Number", "number_or_auto", "refuse_out_of_range"]


class Number:
    """The type of an option whose value is a number, or several, within limits.

    Args:
        read: a text as a number, a list of numbers, or None.
        limits: see :class:`monai_strainer.errors.Limits`.

    Example:
        >>> Number(int, least=1)("3"), Number(float, above=0).limits.fault(-1.0)
        (3, 'is not above 0')
    """

    def __init__(self, read: Callable[[str], Any], **limits: float) -> None:
        self.read, self.limits = read, Limits(**limits)
        self.__name__ = read.__name__  # argparse names it where a text is no number

    def __call__(self, text: str) -> Any:
        """Read a text; limits are asked about later, so that the values of a file are too."""
        return self.read(text)


def refuse_out_of_range(command: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse a command line with a number that lies outside of its limits.

    Args:
        command: parser of the command.
        args: what it has read.

    Raises:
        InputError: the option, its value, and what can be given.
    """
    for action in command._actions:
        if not isinstance(action.type, Number):
            continue
        value = getattr(args, action.dest)
        for one in value if isinstance(value, list | tuple) else [value]:
            if one is not None and (fault := action.type.limits.fault(one)) is not None:
                given = f"{one:g}" if isinstance(one, float) else one
                raise InputError(f"{action.option_strings[0]} {given} {fault}", f"give {action.type.limits.remedy}")


def number_or_auto(text: str) -> float | None:
    """Read a number from text; return None for ``auto``.

    Raises:
        ArgumentTypeError: neither.
    """
    if text == "auto":
        return None
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number: give a number, or auto") from error


def numbers(text: str) -> list[float]:
    """Read several numbers with commas between them.

    Raises:
        ArgumentTypeError: one of them is none.
    """
    try:
        return [float(word) for word in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers") from error


FROM_ZERO, FROM_ONE = Number(int, least=0), Number(int, least=1)
SEED = Number(int, least=SEEDS.least, most=SEEDS.most)
FRACTION, LENGTHS = Number(float, least=0, most=1), Number(numbers, above=0)
