# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The CLAIM page answers all 44 items in order, and counts its answers right."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "claim.md").read_text()


def test_all_items_are_answered_and_counted() -> None:
    rows = re.findall(r"^\| (\d+) \| [^|]+ \| (yes|partly|not done|does not apply) \| [^|]+ \|$", PAGE, re.M)
    assert [int(item) for item, _ in rows] == list(range(1, 45))
    counts = Counter(answer for _, answer in rows)
    stated = [int(n) for n in re.findall(r"\d+", next(s for s in PAGE.splitlines() if s.startswith("Of 44 items")))]
    assert stated == [44, counts["yes"], counts["partly"], counts["not done"], counts["does not apply"]]
