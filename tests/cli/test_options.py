# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Options of every command, and the help that says how long it takes."""

from __future__ import annotations

import pytest

from monai_strainer.cli import main


@pytest.mark.parametrize("command", ["restore", "pretrain", "pretrain-general", "demo"])
def test_the_help_says_how_long_it_takes(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    text = capsys.readouterr().out
    assert "of one CPU core" in " ".join(text.split())
    assert all(len(line) < 80 for line in text.splitlines() if "CPU" in line)
