# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Formats by suffix: what has no format is refused for reading and writing."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_strainer.errors import InputError
from monai_strainer.io import read, write
from monai_strainer.volume import Volume


@pytest.mark.parametrize("name", ["scan.nrrd", "scan", "scan.gz"])
def test_other_suffixes_are_refused_for_reading_and_writing(tmp_path: Path, phantom: Volume, name: str) -> None:
    for action in (lambda: read(tmp_path / name), lambda: write(phantom, tmp_path / name)):
        with pytest.raises(InputError, match="suffix"):
            action()
