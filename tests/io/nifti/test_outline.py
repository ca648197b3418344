# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The outline is read from the header alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nifti_files import image, ramp, saved, two_forms

from monai_strainer.io import read, write
from monai_strainer.io.nifti.outline import map_of, outline_of
from monai_strainer.volume import Volume


def test_the_outline_is_that_of_the_scan(tmp_path: Path) -> None:
    path = two_forms(tmp_path / "a.nii", 1, 2)
    found, scan = outline_of(path), read(path)
    assert found is not None and found.grid.shape == scan.grid.shape and found.slice_axis == scan.slice_axis
    several = outline_of(saved(tmp_path / "b.nii.gz", image(ramp((5, 6, 4, 3)))))
    assert several is not None and several.volumes == 3 and several.grid.shape == (5, 6, 4)
    (tmp_path / "c.nii.gz").write_bytes(b"no image")
    assert outline_of(tmp_path / "c.nii.gz") is None and outline_of(tmp_path / "none.nii") is None


def test_a_deviation_is_known_by_its_header(tmp_path: Path, phantom: Volume) -> None:
    write(phantom, tmp_path / "x.nii.gz", std=np.ones(phantom.grid.shape, np.float32))
    assert map_of(tmp_path / "x_std.nii.gz") == "standard deviation" and map_of(tmp_path / "x.nii.gz") is None
