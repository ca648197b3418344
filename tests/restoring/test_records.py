# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Records: entries that do not apply are shown as declared, and records stand in records."""

from __future__ import annotations

from dataclasses import dataclass, fields

import pytest

from monai_strainer.restoring.records import Record, entry


@dataclass(frozen=True, kw_only=True)
class Inner(Record):
    """An inner record."""

    mm: tuple[float, ...] = entry("edges", "mm", least=0)


@dataclass(frozen=True, kw_only=True)
class Outer(Record):
    """A record with all kinds of entries."""

    name: str = entry("name")
    size: Inner = entry("size")
    flat: Inner | None = entry("stands in the outer record", missing="left out", flat=True)
    gone: float | None = entry("no key", missing="left out")
    none: float | None = entry("null", missing="null")
    empty: Inner | None = entry("a record without entries", missing="empty")
    many: dict[str, Inner] = entry("records by name")


def test_entries_that_do_not_apply_are_shown_as_declared() -> None:
    inner = Inner(mm=(1.0, 2.0))
    plain = Outer(name="a", size=inner, many={"x": inner}).as_dict()
    assert plain == {"name": "a", "size": {"mm": [1, 2]}, "none": None, "empty": {}, "many": {"x": {"mm": [1, 2]}}}
    assert Outer(name="a", size=inner, many={}, flat=inner, gone=0.0).as_dict()["mm"] == [1, 2]
    assert Outer(name="a", size=inner, many={}, gone=0.0).as_dict()["gone"] == 0


def test_an_entry_that_is_always_there_has_to_be_given_and_states_its_meaning() -> None:
    with pytest.raises(TypeError):
        Outer(name="a", many={})  # type: ignore[call-arg]
    (one,) = fields(Inner)
    assert one.metadata["unit"] == "mm" and one.metadata["bounds"] == {"minimum": 0}
