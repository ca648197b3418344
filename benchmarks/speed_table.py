# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The page of performance: what was asked, what was measured, and every row of benchmarks/speed.csv.

python benchmarks/speed_table.py
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tables import ROOT, fill

GATES = (  # name, row, column, must, is it a floor
    ("fit, whole slice, float32, against siren-pytorch", "fit, whole slice, float32", "ratio", 2, True),
    ("fit, 4,096 points, float32, against siren-pytorch", "fit, 4,096 points, float32", "ratio", 1.1, True),
    ("pretraining, whole slices, float32", "pretraining as in the paper, 10 whole slices, float32", "ratio", 2, True),
    ("fit, whole slice, bfloat16 products", "fit, whole slice, bfloat16 products", "ratio", 4, True),
    ("fit, whole slice, float32, share of sgemm", "fit, whole slice, float32", "share_of_sgemm", 0.6, True),
    ("... of the quickest product", "fit, whole slice, float32", "share_of_quickest_product", 0.6, True),
    ("readout solve of a slice, seconds", "readout solve of a 176 x 208 slice", "value", 0.5, False),
    ("command restore, one slice, seconds", "restore, default, x1, 159 x 188 x 1", "value", 5, False),
    ("command restore, 160 slices, seconds", "restore, default, x1, 159 x 188 x 160", "value", 300, False),
    ("... its peak memory, GiB", "restore, default, x1, 159 x 188 x 160", "peak_GiB", 2, False),
    ("a cold SIREN's PSNR, times sooner", "clean fit, ours, float32, until there", "ratio", 20, True),
    ("import, times that of torch", "import monai_strainer", "ratio_to_torch", 1.5, False),
    ("--help, seconds", "monai-strainer --help", "value", 1, False),
)


def gates(rows: list[dict[str, str]]) -> str:
    """Return a table of what was asked beside what was measured."""
    found = {made["what"]: made for made in rows}
    lines = ["| gate | asked | measured | |", "| --- | --- | ---: | --- |"]
    for name, what, column, must, is_floor in GATES:
        if what in found:
            value = float(found[what][column])
            met = "met" if (value >= must) == is_floor else "**missed**"
            lines.append(f"| {name} | {'>=' if is_floor else '<'} {must:g} | {value:.3g} | {met} |")
    return "\n".join(lines)


def page(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the table as Markdown: what, value, and everything else in the row."""
    lines = ["| what | value | details |", "| --- | --- | --- |"]
    for made in rows:
        extra = {k: v for k, v in made.items() if k not in ("what", "value", "unit", "machine") and v not in ("", None)}
        details = ", ".join(f"{name.replace('_', ' ')} {float(v):,.4g}" for name, v in extra.items())
        lines.append(f"| {made['what']} | {float(made['value']):,.4g} {made['unit']} | {details} |")
    return "\n".join(lines)


def show(source: Path = ROOT / "benchmarks" / "speed.csv") -> None:
    """Put both tables into docs/performance.md."""
    with source.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    details = page({k: v for k, v in made.items() if k != "part"} for made in rows)
    fill(ROOT / "docs" / "performance.md", {"speed": f"{gates(rows)}\n\n{details}"})


if __name__ == "__main__":
    show()
