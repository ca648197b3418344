# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The phases of a training keep those that decide apart from those that train."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_training import tuned

from monai_strainer.pipelines import prior_phases


def test_people_held_out_train_neither_network(scans: Path, start: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def detail(heads: Any, held: Any, network: Any, *args: Any, **options: Any) -> Any:
        seen["heads"], seen["held"] = len(heads), len(held)
        return true(heads, held, network, *args, **options)

    true = prior_phases.tune_detail
    monkeypatch.setattr(prior_phases, "tune_detail", detail)
    made = tuned(scans, start)
    assert seen == {"heads": 2, "held": 1} and made.record["scans"] == 3  # the fourth validates
    assert made.record["detail"]["scans"] == 2 and made.record["detail"]["held_out"] == 1
