# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""An output of the wrong kind, one that exists, or one in a shut folder is refused before anything is computed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from monai_strainer.cli.targets import refuse_shut, require_target
from monai_strainer.errors import InputError


def test_an_output_that_exists_needs_a_word(tmp_path: Path) -> None:
    target = tmp_path / "out.nii.gz"
    require_target(target, [tmp_path / "in.nii.gz"], False)
    target.touch()
    with pytest.raises(InputError, match="exists already"):
        require_target(target, [tmp_path / "in.nii.gz"], False)
    require_target(target, [tmp_path / "in.nii.gz"], True)


def test_the_output_of_an_image_is_an_image(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no NIfTI file name"):
        require_target(tmp_path / "out.png", [tmp_path / "in.nii.gz"], False)
    (tmp_path / "series").mkdir()
    require_target(tmp_path / "out", [tmp_path / "series"], False)  # a series becomes a folder


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written into"):
        refuse_shut(tmp_path / "file" / "out.nii.gz")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match="cannot be written into"):
        refuse_shut(tmp_path / "new" / "out.nii.gz")


def test_what_is_read_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "study" / "series").mkdir(parents=True)
    with pytest.raises(InputError, match="the output folder holds the input"):
        require_target(tmp_path / "study", [tmp_path / "study" / "series"], True)
    scan, mask = tmp_path / "a.nii.gz", tmp_path / "b.nii.gz"
    mask.touch()
    with pytest.raises(InputError, match="the input itself"):
        require_target(mask, [scan, mask], True)
