# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The metrics of a new bundle: from scans that did not train, or none at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from phantoms import small_head, small_prior, small_prior_with_detail

from monai_strainer import write
from monai_strainer.pipelines import bundle_metrics
from monai_strainer.pipelines.bundle_metrics import TASKS, measured


def test_every_draw_is_the_same_acquisition() -> None:
    for acquisition in TASKS.values():
        pairs = [acquisition.draw(32, np.random.default_rng(seed)) for seed in (0, 1)]
        assert pairs[0][0].shape_out == pairs[1][0].shape_out and pairs[0][1].sigma == pairs[1][1].sigma


def test_without_scans_or_detail_network_nothing_is_measured(tmp_path: Path) -> None:
    assert measured(small_prior_with_detail(), []) == {} == measured(small_prior(), [tmp_path / "a.nii.gz"])


def test_every_task_is_measured_before_and_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_metrics, "_GROUPS", 1)
    write(small_head((22, 26, 18)), tmp_path / "a.nii.gz")
    found = measured(small_prior_with_detail(tail=0.0), [tmp_path / "a.nii.gz"])
    for task in TASKS:  # a network that adds nothing changes nothing
        assert found[f"psnr_{task}_restored"] == pytest.approx(found[f"psnr_{task}_measured"], abs=0.1)
        assert 10 < found[f"psnr_{task}_measured"] < 60
