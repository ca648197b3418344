# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""``listen`` says what is wrong with its configuration, and ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_strainer.cli import main


def test_the_command_line_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "listen.toml").write_text("[listen]\nprot = 104\n")
    assert main(["listen", "--config", str(tmp_path / "listen.toml")]) == 3
    assert capsys.readouterr().err.startswith("monai-strainer: listen.toml: [listen] has an unknown key prot. Choose")
