# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Fusion from files: a stack counts once, and the record names the files and the prior."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from phantoms import small_prior
from stacks import three

from monai_strainer import FuseOptions, InputError, write
from monai_strainer.pipelines.fuse_files import fuse_files

KRIGING = FuseOptions(spacing=6.0, method="kriging", align=False)


def test_a_volume_has_the_record_of_its_files(tmp_path: Path) -> None:
    paths = [tmp_path / f"{k}.nii.gz" for k in range(2)]
    for path, stack in zip(paths, three()):
        write(stack, path)
    report = fuse_files(paths, tmp_path / "out.nii.gz", small_prior(), KRIGING)
    record = json.loads((tmp_path / "out.json").read_text())
    assert record["inputs"] == ["0.nii.gz", "1.nii.gz"] and record["method"] == report["method"] == "kriging"
    assert str(tmp_path) not in json.dumps(record)


def test_one_file_by_two_paths_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    with pytest.raises(InputError, match="given twice"):
        fuse_files([path, tmp_path / "x" / ".." / "a.nii.gz"], tmp_path / "out.nii.gz", small_prior(), KRIGING)
