# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The line of JSON that a run prints for each scan follows its schema."""

from __future__ import annotations

import json

from benchmarks.report_page import LINE, line_schema


def test_the_schema_of_a_line_is_generated() -> None:
    assert json.loads(LINE.read_text()) == line_schema(), "run python -m benchmarks.report_page"
