# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""No command leaves its user with the advice to use an option that it does not have."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from monai_strainer.cli.command_line import _parser, main
from monai_strainer.cli.other_options import elsewhere


@pytest.mark.parametrize(
    ("command", "remedy", "said"),
    [
        ("fuse", "choose one with --volume", ""),
        ("restore", "choose one with --series-uid: 1", ""),
        ("evaluate", "choose one with --volume, or split the file", "evaluate has no --volume"),
        ("pretrain", "choose one with --form sform", "pretrain has no --form"),
        ("evaluate", "check the --nonsense", ""),
        ("evaluate", "check the path", ""),
    ],
)
def test_an_option_that_only_other_commands_have_is_named(command: str, remedy: str, said: str) -> None:
    found = elsewhere(remedy, command, _parser())
    assert said in found and bool(said) == bool(found)


def test_a_file_of_several_volumes_says_so_where_none_can_be_chosen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bold.nii"
    nib.save(nib.Nifti1Image(np.ones((8, 8, 8, 3), np.float32), np.eye(4)), path)
    assert main(["restore", str(path), str(tmp_path / "out.nii"), "--with", str(path), "--quiet"]) == 3
    assert main(["fuse", str(path), str(path), str(tmp_path / "out.nii"), "--volume", "1.5", "--quiet"]) == 3
    said = capsys.readouterr().err
    assert "whole number" in said
