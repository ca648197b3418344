# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Generate docs/schema/*.json and the tables of docs/concepts/report.md from the declared entries of records.

python -m benchmarks.report_page
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from benchmarks.tables import fill
from monai_strainer.pipelines.scan_line import ScanLine
from monai_strainer.restoring.records import Record
from monai_strainer.restoring.report import PassReport, QualityFigures, Report, WrittenRecord
from monai_strainer.storage.atomic import atomic

__all__ = ["SECTIONS", "line_schema", "schema", "sections"]

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "docs" / "schema" / "report.json"
LINE = ROOT / "docs" / "schema" / "scan_line.json"
PAGE = ROOT / "docs" / "concepts" / "report.md"

WORDS = {bool: "boolean", int: "integer", float: "number", str: "string"}

# Blocks of the page: a record, and those of its entries that stand in the block; all of them where none is named.
SECTIONS: dict[str, tuple[type[Record], str]] = {
    "entries: done": (
        Report,
        "format made_by task method scale keep_lesions seed profile fit prior prior_sha256 detail_sha256 intensity "
        "acquired notes use",
    ),
    "entries: prior": (Report, "choice"),
    "entries: noise": (Report, "noise"),
    "entries: result": (Report, "risk data median_std warnings"),
    "entries: quality": (QualityFigures, ""),
    "entries: cohort": (Report, "cohort"),
    "entries: passes": (PassReport, ""),
    "entries: record": (WrittenRecord, ""),
    "entries: scan line": (ScanLine, ""),
}


def schema() -> dict[str, Any]:
    """Return the JSON schema of a report, and of the record that holds one."""
    report, written = _of_record(Report), _of_record(WrittenRecord)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Report of monai_strainer.restore, and the JSON record beside an image",
        "description": "Generated from monai_strainer/restoring/report.py; docs/concepts/report.md has it as tables.",
        **report,
        "properties": report["properties"] | written["properties"],
    }


def line_schema() -> dict[str, Any]:
    """Return the JSON schema of the line that a run prints for each scan."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Line of monai-strainer restore --json",
        "description": "Generated from monai_strainer/pipelines/scan_line.py.",
        **_of_record(ScanLine),
    }


def _of_record(record: type[Record]) -> dict[str, Any]:
    """Return the schema of one record; entries that are always there are required, and others are refused."""
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name, hint, one in _entries(record):
        inner = _of_hint(hint, one.metadata["bounds"])
        if one.metadata["missing"] == "null":
            inner = {"anyOf": [inner, {"type": "null"}]}
        if one.metadata["missing"] == "empty":
            inner = {"anyOf": [inner, {"type": "object", "maxProperties": 0}]}
        if one.metadata["flat"]:
            properties |= inner["properties"]
            required += inner["required"] if one.metadata["missing"] is None else []
            continue
        meaning, unit = one.metadata["meaning"], one.metadata["unit"]
        text = f"{meaning} [{unit}]" if unit else meaning
        properties[name] = {"description": text, **inner}
        required += [name] if one.metadata["missing"] != "left out" else []
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _of_hint(hint: Any, bounds: dict[str, float]) -> dict[str, Any]:
    """Return the schema of a type hint; ``X | None`` counts as ``X``, for ``missing`` says how None is written."""
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return {"enum": list(inside)} if len(inside) > 1 else {"const": inside[0]}
    if origin in (types.UnionType, typing.Union):
        kinds = [kind for kind in inside if kind is not type(None)]
        return _of_hint(kinds[0], bounds) if len(kinds) == 1 else {"type": [WORDS[kind] for kind in kinds]}
    if origin is dict:
        return {"type": "object"} | ({"additionalProperties": _inner(inside[1], {})} if inside[1] is not Any else {})
    if origin is tuple:
        size = {} if inside[-1] is Ellipsis else {"minItems": len(inside), "maxItems": len(inside)}
        return {"type": "array", "items": _inner(inside[0], bounds), **size}
    return _of_record(hint) if issubclass(hint, Record) else {"type": WORDS[hint], **bounds}


def _inner(hint: Any, bounds: dict[str, float]) -> dict[str, Any]:
    """Return the schema of what a list or a dictionary holds; None is null there."""
    found = _of_hint(hint, bounds)
    return found | {"type": [found["type"], "null"]} if type(None) in typing.get_args(hint) else found


def _entries(record: type[Record]) -> Iterator[tuple[str, Any, dataclasses.Field[Any]]]:
    """Yield the name, the type and the declaration of every entry."""
    hints = typing.get_type_hints(record)
    yield from ((one.name, hints[one.name], one) for one in dataclasses.fields(record))


def _rows(record: type[Record], only: str = "", before: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield dotted name, unit and meaning of all entries that hold a number or words, those of inner records too."""
    names = only.split()
    for name, hint, one in sorted(_entries(record), key=lambda item: names.index(item[0]) if item[0] in names else 0):
        if names and name not in names:
            continue
        options = [kind for kind in typing.get_args(hint) or (hint,) if isinstance(kind, type)]
        inner = next((kind for kind in options if issubclass(kind, Record)), None)
        label = f"{before}{name}"
        if inner is None:
            yield label, one.metadata["unit"], one.metadata["meaning"]
        elif typing.get_origin(hint) is dict:
            yield from _rows(inner, "", f"{label}.<name>.")
        else:
            if one.metadata["missing"] in ("null", "empty"):
                yield label, "", one.metadata["meaning"]
            yield from _rows(inner, "", before if one.metadata["flat"] else f"{label}.")


def sections() -> dict[str, str]:
    """Return the table of every block of the page."""
    tables = {}
    for name, (record, only) in SECTIONS.items():
        lines = [f"| `{entry}` | {unit} | {meaning} |" for entry, unit, meaning in _rows(record, only)]
        tables[name] = "\n".join(["| entry | unit | meaning |", "| --- | --- | --- |", *lines])
    return tables


def main() -> None:
    """Write the schema and fill in the page."""
    for path, content in ((SCHEMA, schema()), (LINE, line_schema())):
        with atomic(path) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    fill(PAGE, sections())


if __name__ == "__main__":
    main()
