# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Whole or not at all: the name appears with its content, and an error leaves no trace."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from monai_strainer.storage.atomic import atomic, stem, write_json


def test_the_name_appears_only_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.nii.gz"
    with atomic(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists() and temporary.parent == target.parent
        assert temporary.name.startswith(".tmp-") and temporary.name.endswith(".nii.gz")
    assert target.read_text() == "whole" and os.listdir(target.parent) == ["a.nii.gz"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_keeps_the_old_file_and_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def half() -> None:
        with atomic(target) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        half()
    assert target.read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]


def test_two_writers_do_not_meet(tmp_path: Path) -> None:
    with atomic(tmp_path / "a") as one, atomic(tmp_path / "a") as two:
        one.write_text("1")
        two.write_text("2")
        assert one != two
    assert (tmp_path / "a").read_text() == "1" and os.listdir(tmp_path) == ["a"]


def test_json_holds_plain_values_and_no_folders(tmp_path: Path) -> None:
    odd = {
        "a": np.float32(0.5),
        "b": np.arange(2),
        "c": (1, None),
        "d": float("inf"),
        "e": tmp_path / "x.nii",
        3: {True},
    }
    write_json(tmp_path / "a.json", odd)
    found = json.loads((tmp_path / "a.json").read_text())
    assert found == {"a": 0.5, "b": [0, 1], "c": [1, None], "d": None, "e": "x.nii", "3": [True]}


def test_the_same_object_gives_the_same_json_bytes(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        write_json(tmp_path / name, {"z": 1, "a": {"ü": [0.1, 2]}})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


@pytest.mark.parametrize(
    ("name", "expected"), [("a.nii.gz", "a"), ("a.nii", "a"), ("a.b.nii.gz", "a.b"), ("A.NII.GZ", "A"), ("a", "a")]
)
def test_the_double_suffix_is_one(name: str, expected: str) -> None:
    assert stem(Path("folder") / name) == expected
