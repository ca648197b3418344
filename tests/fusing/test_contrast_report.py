# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The report of a restoration with other contrasts says when they are not used, and is plain numbers and words."""

from __future__ import annotations

import json
from dataclasses import replace

from monai_strainer.fusing.contrast_report import ContrastReport, GuideReport

ONE = GuideReport((1.0, 1.0, 1.0), False, True, (0.1, 0.2, 0.3), (1.0, 2.0, 3.0))
REPORT = ContrastReport(True, "it lowers the error", 0.1, 0.08, 0.6, (ONE,), {"warnings": ["look at it"]})


def test_a_report_is_the_same_after_json() -> None:
    plain = json.loads(json.dumps(REPORT.as_dict()))
    assert plain["guides"][0]["shift"] == [1, 2, 3] and plain["warnings"] == ["look at it"]


def test_contrasts_that_are_not_used_are_a_warning_before_all_others() -> None:
    unused = replace(REPORT, used=False, why="they do not help")
    assert unused.warnings == ("the other contrasts are not used: they do not help", "look at it")


def test_what_is_unusual_about_the_file_of_a_contrast_is_a_warning_with_its_number() -> None:
    odd = replace(ONE, findings=("images may be missing",))
    assert replace(REPORT, guides=(ONE, odd)).warnings == ("look at it", "contrast 2: images may be missing")
