# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Fusion from files: a stack counts once, and the record names the files and the prior."""

from __future__ import annotations

import json
from pathlib import Path

from phantoms import small_prior
from stacks import three

from monai_strainer import FuseOptions, write
from monai_strainer.pipelines.fuse_files import fuse_files
from monai_strainer.pipelines.stack_files import StackFiles

KRIGING = FuseOptions(spacing=6.0, method="kriging", align=False)


def test_a_volume_has_the_record_of_its_files(tmp_path: Path) -> None:
    paths = [tmp_path / f"{k}.nii.gz" for k in range(2)]
    for path, stack in zip(paths, three()):
        write(stack, path)
    report = fuse_files(StackFiles(paths), tmp_path / "out.nii.gz", small_prior(), KRIGING)
    record = json.loads((tmp_path / "out.json").read_text())
    assert record["inputs"] == ["0.nii.gz", "1.nii.gz"] and record["method"] == report["method"] == "kriging"
    assert str(tmp_path) not in json.dumps(record)
