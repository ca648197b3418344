# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of training sources: what a manifest keeps for validation never trains."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_strainer.cohorts.sources import too_small, train_volumes
from monai_strainer.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.nii.gz", "b.nii", "c.nii.gz", "d.nii.gz", ".hidden.nii"):
        (tmp_path / name).touch()
    return tmp_path


def test_without_a_manifest_all_volumes_train(folder: Path) -> None:
    assert [path.name for path in train_volumes(folder)] == ["a.nii.gz", "b.nii", "c.nii.gz", "d.nii.gz"]


def test_only_what_the_manifest_marks_for_training_trains(folder: Path) -> None:
    (folder / "manifest.tsv").write_text("name\tsplit\na\ttrain\nb\tval\nc\ttest\n")  # of d it says nothing
    assert [path.name for path in train_volumes(folder)] == ["a.nii.gz"]


def test_a_manifest_without_training_volumes_is_refused(folder: Path) -> None:
    (folder / "manifest.tsv").write_text("name\tsplit\na\tval\n")
    with pytest.raises(InputError, match="no volume to train on"):
        train_volumes(folder)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (b"file\tsplit\na\ttrain\n", "no columns"),
        (b"name,split\na,train\n", "no columns"),
        (b"\xe9\tsplit\n", "no UTF-8"),
    ],
)
def test_a_manifest_that_cannot_be_understood_is_refused(table: bytes, words: str, folder: Path) -> None:
    (folder / "manifest.tsv").write_bytes(table)
    with pytest.raises(InputError, match=words):
        train_volumes(folder)


def test_scans_of_which_none_is_large_enough_are_refused() -> None:
    with pytest.raises(InputError, match="48 voxels"):
        too_small([Path("a.nii.gz")], [])
