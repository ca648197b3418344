# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The command line as a whole: help, exit codes, and one line for what ends it."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_lines import restore

from monai_strainer.cli import main
from monai_strainer.pipelines import restore_file as files


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    assert exit_.value.code == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("restore", "pretrain", "evaluate", "demo", "exit codes", "Research use only"))


@pytest.mark.parametrize("command", ["restore", "pretrain", "evaluate", "demo"])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([command, "--help"])
    assert exit_.value.code == 0 and "--device" in capsys.readouterr().out


def test_an_interruption_is_one_line(
    scan: Path, prior: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "restore", stop)
    assert restore(scan, tmp_path / "out.nii.gz", prior) == 130
    assert capsys.readouterr().err == "monai-strainer: interrupted\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "in"]


def test_a_wrong_command_line_exits_with_two() -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["restore"])
    assert exit_.value.code == 2
