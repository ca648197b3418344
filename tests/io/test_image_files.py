# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Writing replaces nothing of the user without a request, and the input never."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from nifti_files import saved

from monai_strainer.errors import InputError
from monai_strainer.io import read, write
from monai_strainer.volume import Volume


@pytest.mark.parametrize("there", ["x.nii.gz", "x_std.nii.gz", "x.json"])
def test_nothing_is_overwritten_unless_asked(tmp_path: Path, phantom: Volume, there: str) -> None:
    (tmp_path / there).write_text("mine")
    std = np.ones(phantom.grid.shape, np.float32)
    with pytest.raises(InputError, match=f"{there}: the file exists already"):
        write(phantom, tmp_path / "x.nii.gz", report={}, std=std)
    assert [file.name for file in tmp_path.iterdir()] == [there] and (tmp_path / there).read_text() == "mine"
    write(phantom, tmp_path / "x.nii.gz", report={}, std=std, overwrite=True)
    assert len(list(tmp_path.iterdir())) == 3 and np.array_equal(read(tmp_path / "x.nii.gz").data, phantom.data)


def under_its_name(path: Path) -> Path:
    return path


def under_another_suffix(path: Path) -> Path:
    return path.with_suffix(".nii.gz")


def through_a_link(path: Path) -> Path:
    link = path.with_name("link.nii")
    link.symlink_to(path)
    return link


def through_a_second_name(path: Path) -> Path:
    twin = path.with_name("twin.nii")
    twin.hardlink_to(path)
    return twin


@pytest.mark.parametrize("way", [under_its_name, under_another_suffix, through_a_link, through_a_second_name])
def test_the_input_is_never_overwritten(tmp_path: Path, way: Callable[[Path], Path]) -> None:
    path = saved(tmp_path / "a.nii")
    scan, before = read(path), path.read_bytes()
    with pytest.raises(InputError, match="the input itself"):
        write(scan, way(path), overwrite=True)
    assert path.read_bytes() == before
