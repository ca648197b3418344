# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Completion scripts: bash itself runs the script and offers what the parser knows."""

from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path

import pytest

from monai_strainer.cli import main
from monai_strainer.cli.command_line import _parser
from monai_strainer.cli.completion import SHELLS


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["re"], ["restore"]),
        (["restore", "--keep"], ["--keep-lesions"]),
        (["restore", "--noise", ""], ["rician", "gaussian", "noncentral_chi"]),
        (["pretrain", "--kind", "m"], ["meta"]),
        (["restore", "sc"], ["scan.nii.gz"]),
    ],
)
def test_bash_offers_commands_options_choices_and_files(
    words: list[str], offered: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "complete.bash").write_text(script("bash", capsys))
    (tmp_path / "scan.nii.gz").touch()
    typed = " ".join(f"'{word}'" for word in ["monai-strainer", *words])
    lines = f"source complete.bash\nCOMP_WORDS=({typed})\nCOMP_CWORD={len(words)}\n"
    lines += '_monai_strainer\necho "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", lines], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == offered and done.stderr == ""


@pytest.mark.parametrize("shell", SHELLS)
def test_every_option_of_every_command_stands_in_the_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = script(shell, capsys)
    (commands,) = (part for part in _parser()._actions if isinstance(part, argparse._SubParsersAction))
    for name, command in commands.choices.items():
        assert name in text
        options = [word for action in command._actions for word in action.option_strings if word.startswith("--")]
        assert all((f"-l {word[2:]}" if shell == "fish" else word) in text for word in options)
