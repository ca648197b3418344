# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Declare records whose entries state their meaning and unit, and turn them into plain values for JSON.

A record is a frozen dataclass. Every field is made by :func:`entry`, and its type hint says what it holds: a bool, a
number, a word, a choice of words (``Literal``), a list of these (``tuple``), another record, or a ``dict`` of them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Missing", "Record", "entry"]

Missing = Literal["left out", "null", "empty"]
"""How JSON shows an entry that does not apply: it has no such key, or null, or a record without entries."""


def entry(
    meaning: str,
    unit: str = "",
    *,
    missing: Missing | None = None,
    flat: bool = False,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
) -> Any:
    """Declare one entry of a record.

    Args:
        meaning: one phrase for the documentation.
        unit: such as ``"mm"`` or ``"0 to 1"``; empty for words and counts.
        missing: how JSON shows it where it does not apply; then its default is None. None for an entry that is always
            there.
        flat: the entries of this record stand in the one around it.
        least, above, most: bounds of a number, or of every number of a list; ``above`` is excluded.
    """
    bounds = {"minimum": least, "exclusiveMinimum": above, "maximum": most}
    described = {
        "meaning": meaning,
        "unit": unit,
        "missing": missing,
        "flat": flat,
        "bounds": {key: value for key, value in bounds.items() if value is not None},
    }
    return field(metadata=described) if missing is None else field(default=None, metadata=described)


@dataclass(frozen=True)
class Record:
    """Base class of all records.

    Example:
        >>> @dataclass(frozen=True, kw_only=True)
        ... class Size(Record):
        ...     mm: tuple[float, ...] = entry("edges of a voxel", "mm")
        ...     name: str | None = entry("what it is called", missing="left out")
        >>> Size(mm=(1.0, 2.0)).as_dict()
        {'mm': [1.0, 2.0]}
    """

    def as_dict(self) -> dict[str, Any]:
        """Return all entries that apply, as plain numbers, words, lists and dictionaries."""
        out: dict[str, Any] = {}
        for one in dataclasses.fields(self):
            value = getattr(self, one.name)
            if value is None and one.metadata["missing"] != "left out":
                out[one.name] = {} if one.metadata["missing"] == "empty" else None
            elif value is not None and one.metadata["flat"]:
                out |= value.as_dict()
            elif value is not None:
                out[one.name] = _plain(value)
        return out


def _plain(value: Any) -> Any:
    """Turn records into dictionaries and tuples into lists."""
    if isinstance(value, Record):
        return value.as_dict()
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, tuple | list) else value
