# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Tables as CSV: whole or not at all, and no text is a formula."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from monai_strainer.storage.tables import write_csv


def test_a_text_is_no_formula_and_a_number_is_a_number(tmp_path: Path) -> None:
    row = {"a": "=1+1", "b": "-0.5", "c": -3, "d": "plain", "e": "@SUM(A1)", "f": "+x"}
    write_csv([row], tmp_path / "t.csv", list(row))
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as handle:
        (found,) = csv.DictReader(handle)
    assert found == {"a": "'=1+1", "b": "-0.5", "c": "-3", "d": "plain", "e": "'@SUM(A1)", "f": "'+x"}


def test_a_row_that_does_not_fit_leaves_the_table_as_it_was(tmp_path: Path) -> None:
    write_csv([{"a": 1}], tmp_path / "t.csv", ["a"])
    before = (tmp_path / "t.csv").read_bytes()
    with pytest.raises(ValueError, match="b"):
        write_csv([{"a": 1, "b": 2}], tmp_path / "t.csv", ["a"])
    assert (tmp_path / "t.csv").read_bytes() == before and len(list(tmp_path.iterdir())) == 1
