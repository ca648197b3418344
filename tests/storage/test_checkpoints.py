# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Checkpoints: what was kept comes back, and only to the run that it belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from monai_strainer.errors import InputError
from monai_strainer.storage.checkpoints import read_checkpoint, resume_from, save_checkpoint

CPU = torch.device("cpu")


def test_what_was_kept_comes_back_to_its_own_run_alone(tmp_path: Path) -> None:
    file, weights = tmp_path / "runs" / "a.pt", torch.arange(4.0)
    save_checkpoint(file, {"seed": 1}, 7, weights=weights, note="x")
    found = resume_from(file, {"seed": 1}, CPU)
    assert found is not None and found["step"] == 7 and found["note"] == "x" and torch.equal(found["weights"], weights)
    assert read_checkpoint(file, CPU)["identity"] == {"seed": 1}
    with pytest.raises(InputError, match=r"a\.pt was made with \{'seed': 1\}, not \{'seed': 2\}"):
        resume_from(file, {"seed": 2}, CPU)


def test_where_nothing_was_kept_a_run_starts_from_the_beginning(tmp_path: Path) -> None:
    assert resume_from(None, {}, CPU) is None and resume_from(tmp_path / "a.pt", {}, CPU) is None


def test_a_write_that_fails_keeps_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path / "a.pt", {}, 1)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(tmp_path / "a.pt", {}, 2)
    assert read_checkpoint(tmp_path / "a.pt", CPU)["step"] == 1 and len(list(tmp_path.iterdir())) == 1
