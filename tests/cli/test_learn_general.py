# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""``pretrain-general`` refuses what cannot train before it reads anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_lines import run


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--steps", 0), "fewer than one step"),
        (("--noise-steps", 0), "fewer than one step"),
        (("--truncation-steps", -1), "--truncation-steps -1 is below 0"),
        (("--rate", "-1"), "--rate -1 is not above 0"),
        (("--rate", "nan"), "--rate nan is not finite"),
        (("--denoising", "1.5"), "--denoising 1.5 is above 1"),
        (("--side", "20"), "patches of 20 voxels"),
    ],
)
def test_numbers_that_nothing_can_be_trained_with_are_refused(
    more: tuple[object, ...], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    assert run("pretrain-general", tmp_path / "in", tmp_path / "out", *more) == 3
    assert words in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_prior_that_is_there_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    rules = tmp_path / "out" / "models" / "general.json"
    rules.parent.mkdir(parents=True)
    rules.write_text("mine")
    assert run("pretrain-general", tmp_path / "in", tmp_path / "out") == 3
    assert "there is a prior already" in capsys.readouterr().err and rules.read_text() == "mine"
