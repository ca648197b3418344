# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The folder of a bundle: what its owner wrote stays, and a finished run is not made again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_training import SMALL, tuned

from monai_strainer import InputError
from monai_strainer.pipelines import prior_phases
from monai_strainer.pretraining.run import Run


def test_what_the_owner_wrote_stays(scans: Path, start: Path) -> None:
    tuned(scans, start)
    ours = scans.parent / "ours"
    own = {"docs/data_license.txt": "Ours alone.", "configs/inference.json": "{}\n", "configs/own.json": "{}\n"}
    for name, text in own.items():
        (ours / name).write_text(text)
    (ours / "docs" / "README.md").write_text("old")
    tuned(scans, start, overwrite=True)
    assert {name: (ours / name).read_text() for name in own} == own
    assert (ours / "docs" / "README.md").read_text().startswith("# Model Overview")


def test_a_finished_run_is_not_made_again_and_another_is_refused(
    scans: Path, start: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tuned(scans, start)
    assert not (scans.parent / "ours" / "runs").exists()

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("it was trained again")

    monkeypatch.setattr(prior_phases, "tune_encoder", never)
    assert tuned(scans, start, run=Run(resume=True)).digest == first.digest
    for other in (replace(SMALL, detail=replace(SMALL.detail, steps=3)), replace(SMALL, images=2)):
        with pytest.raises(InputError, match="was made with another"):
            tuned(scans, start, other, run=Run(resume=True))
