# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Puts the evaluation's table into docs/benchmark.md and the bundle's README, between the markers.

Reads benchmarks/evaluation*.csv.

python benchmarks/tables.py
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_strainer.evaluation.table import markdown
from monai_strainer.storage.atomic import atomic

ROOT = Path(__file__).resolve().parent.parent
NUMBERS = ("psnr_mask", "psnr_image", "ssim_mask", "coverage90", "seconds", "level")


def fill(page: Path, blocks: Mapping[str, str]) -> None:
    """Put texts between ``<!-- name -->`` and ``<!-- end of name -->`` of a page; a block it lacks is passed over."""
    text = page.read_text()
    for name, block in blocks.items():
        start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        before, _, rest = text.partition(start)
        if end in rest:
            text = f"{before}{start}\n{block}\n{end}{rest.partition(end)[2]}"
    with atomic(page) as temporary:
        temporary.write_text(text)


def known(path: Path) -> list[dict[str, str]]:
    """Return the rows of a file of an earlier run; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def rows(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a table as ``evaluate`` gave them."""
    with path.open(newline="") as handle:
        table_rows: list[dict[str, Any]] = list(csv.DictReader(handle))
    for row in table_rows:
        row.update({name: float(row[name]) if row.get(name) else None for name in NUMBERS})
        row["steps"] = int(row["steps"])
    return table_rows


def main() -> None:
    """Fill in every page that has the markers."""
    files = sorted((ROOT / "benchmarks").glob("evaluation*.csv"))
    table = markdown([row for file in files for row in rows(file)])
    for page in (ROOT / "docs" / "benchmark.md", ROOT / "bundles" / "mri_strainer" / "docs" / "README.md"):
        fill(page, {"evaluation": table.strip()})


if __name__ == "__main__":
    main()
