# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The report of a fusion is plain numbers and words."""

from __future__ import annotations

import json

from monai_strainer.fusing.report import FuseReport, StackReport


def test_a_report_is_the_same_after_json() -> None:
    one = StackReport(
        number=1, spacing=(1.0, 1.0, 3.0), sigma=5.0, rotation=(0.0, 0.1, 0.2), shift=(1.0, 2.0, 3.0), gain=1.1,
        converged=True, common=0.8, disagreement=2.0, misfit=1.02, prior="none",
    )  # fmt: skip
    report = FuseReport(
        made_by="monai_strainer", method="kriging", why="asked for", spacing=(1.0, 1.0, 1.0),
        predicted={"kriging": 1.2}, seed=0, aligned=True, stacks=(one, one), left_out=(), seen=1.0, notes=(),
        warnings=("look at it",),
    )  # fmt: skip
    plain = json.loads(json.dumps(report.as_dict()))
    assert plain["task"] == "fusion" and plain["stacks"][1]["shift"] == [1, 2, 3]
    assert plain["warnings"] == ["look at it"]
