# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Read who trains and who validates from a BIDS participants.tsv, or say why it cannot be understood."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InputError

__all__ = ["Split", "read_split"]

WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
    "n/a": "",
    "": "",
}


@dataclass(frozen=True)
class Split:
    """Which part the scans belong to.

    Args:
        parts: participant, or folder, to ``train``, ``val``, ``test`` or nothing.
        how: what decided, in words.
        findings: rows that could not be used.
    """

    parts: Mapping[str, str]
    how: str
    findings: tuple[str, ...] = field(default=())

    def part_of(self, inner: Path) -> str | None:
        """Return the part of a scan by its path in the folder: by a folder's name, or by how the file's name begins."""
        names = [*inner.parts[:-1], inner.name.split("_")[0], inner.name.split(".")[0]]
        for name in names:
            for key in (name, name.lower(), name.removeprefix("sub-")):
                if key in self.parts:
                    return self.parts[key]
        return None


def read_split(table: Path) -> Split | None:
    """Read the column ``split`` of a participants file; return None where there is no file or no such column.

    The names of the columns ``participant_id`` and ``split`` may be in any case, the text in UTF-8 with a byte-order
    mark or without. The words are train, training, val, validation, test, and n/a for none of them.

    Raises:
        InputError: another encoding, another separator, an unknown word, or a participant in two parts.
    """
    if not table.is_file():
        return None
    try:
        text = table.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError("the table cannot be read", "check the rights", table) from error
    except UnicodeDecodeError as error:
        raise InputError("the text is not UTF-8", "save the table as UTF-8, tab-separated", table) from error
    if "\0" in text:
        raise InputError("the text is not UTF-8 but UTF-16 or damaged", "save the table as UTF-8", table)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t"))
    except csv.Error as error:
        raise InputError("the table cannot be read as tab-separated values", "save it again as such", table) from error
    columns = [name.strip().lower() for name in lines[0]] if lines else []
    if "split" not in columns:
        if any("split" in name.replace(";", ",").split(",") for name in columns):
            raise InputError("the columns are not separated by tabs", "save the table as tab-separated", table)
        return None
    if columns.count("split") > 1 or columns.count("participant_id") != 1:
        raise InputError("the columns are not one participant_id and one split", "name each of them once", table)
    return _split(lines, columns.index("participant_id"), columns.index("split"), table)


def _split(lines: list[list[str]], who: int, where: int, table: Path) -> Split:
    """Return the parts that the rows name."""
    parts: dict[str, str] = {}
    findings = []
    for number, line in enumerate(lines[1:], 2):
        if not any(cell.strip() for cell in line):
            continue
        if len(line) != len(lines[0]):
            counts = f"{len(line)} fields and not {len(lines[0])}"
            findings.append(f"{table.name}, line {number}: the row has {counts}; its participant trains nothing")
            if len(line) > who:
                parts[_key(line[who])] = ""
            continue
        name, word = _key(line[who]), line[where].strip()
        if word.lower() not in WORDS:
            known = "train, training, val, validation, test or n/a"
            raise InputError(f"the split {word!r} in line {number} is not known", f"write {known}", table)
        part = WORDS[word.lower()]
        if parts.setdefault(name, part) != part:
            raise InputError(f"line {number} puts a participant into a second split", "name each one once", table)
    return Split(parts, "the column split of participants.tsv", tuple(findings))


def _key(name: str) -> str:
    """Return the name of a participant without the prefix, which some tables leave out."""
    return name.strip().removeprefix("sub-")
