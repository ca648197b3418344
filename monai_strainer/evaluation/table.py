# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Average the rows of an evaluation into a table to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["COLUMNS", "markdown"]

_SCORES = ("psnr_mask", "psnr_image", "ssim_mask", "coverage90", "seconds")
COLUMNS = ("task", "method", "scan", "level", *_SCORES, "steps", "best_step")


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Average the rows of :func:`evaluate` over scans and levels, and return a table in GitHub's Markdown.

    Example:
        >>> row = {"task": "x2", "method": "cubic", "psnr_mask": 31.8, "psnr_image": 33.0, "ssim_mask": 0.95,
        ...        "coverage90": None, "seconds": 0.01, "steps": 0}
        >>> print(markdown([row, row]).splitlines()[-1])
        | x2 | cubic | 0 | 2 | 31.80 | 33.00 | 0.950 |  | 0.01 |
    """
    groups: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["task"], row["method"], row["steps"]), []).append(row)
    lines = [
        "| task | method | steps | slices | PSNR mask | PSNR image | SSIM mask | in 90 % bars | s / slice |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for (task, method, steps), some in groups.items():
        means = []
        for key, digits in zip(_SCORES, (2, 2, 3, 2, 2)):
            values = [row[key] for row in some if row[key] is not None]
            means.append(f"{np.mean(values):.{digits}f}" if values else "")
        lines.append(f"| {task} | {method} | {steps} | {len(some)} | {' | '.join(means)} |")
    return "\n".join(lines)
