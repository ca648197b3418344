# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The table of an evaluation averages its rows."""

from __future__ import annotations

import csv
from pathlib import Path

from monai_strainer.evaluation.table import COLUMNS, markdown
from monai_strainer.storage.tables import write_csv


def test_the_table_is_written_and_averaged(tmp_path: Path) -> None:
    row = {"task": "x2", "method": "cubic", "scan": "a", "level": 0.5, "psnr_mask": 30.0, "psnr_image": 31.0}
    row |= {"ssim_mask": 0.9, "coverage90": None, "seconds": 0.1, "steps": 0, "best_step": None}
    rows = [row, row | {"scan": "b", "psnr_mask": 32.0}]
    assert "| x2 | cubic | 0 | 2 | 31.00 | 31.00 | 0.900 |  | 0.10 |" in markdown(rows)
    write_csv(rows, tmp_path / "table.csv", COLUMNS)
    with (tmp_path / "table.csv").open(newline="") as handle:
        back = list(csv.DictReader(handle))
    assert [entry["scan"] for entry in back] == ["a", "b"] and tuple(back[0]) == COLUMNS
