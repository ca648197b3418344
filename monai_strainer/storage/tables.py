# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Write tables as CSV that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .atomic import atomic

__all__ = ["write_csv"]


def _neutral(value: Any) -> Any:
    """Mark as text what a spreadsheet would take for a formula; numbers, also written ones, stay."""
    if not isinstance(value, str) or not value.startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def write_csv(rows: Sequence[dict[str, Any]], path: Path, columns: Sequence[str], **style: Any) -> None:
    """Write rows as CSV, whole or not at all.

    A text that begins as a formula does (``= + - @``) gets an apostrophe before it: names of files are not to be run.

    Args:
        rows: their values by column.
        path: of the table.
        columns: in their order.
        style: as of ``csv.writer``, such as ``delimiter``.

    Source: OWASP, CSV injection.
    """
    with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as handle:
        table = csv.DictWriter(handle, columns, **style)
        table.writeheader()
        table.writerows({key: _neutral(value) for key, value in row.items()} for row in rows)
