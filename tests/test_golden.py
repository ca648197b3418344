# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A golden run: a real Enhanced MR file through the command line; the files that come out, and what they hold."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from monai_strainer import read
from monai_strainer.cli import main

# means of 4 x 4 blocks over all slices; a drift of a hundredth is another result
BLOCKS = [8.5, 9.9, 10.5, 8.6, 11.9, 365.2, 435.5, 14.7, 12.8, 270.8, 435.6, 13.8, 9.0, 10.1, 10.7, 9.0]


@pytest.mark.filterwarnings("ignore")
def test_a_real_series_gives_the_files_and_the_image_it_gave(oasis: Path, tmp_path: Path) -> None:
    source = oasis.parent / "dicom" / "enhanced" / "Siemens" / "XA10" / "6_1.dcm"
    words = ["restore", source, tmp_path / "out", "--scale", "2", "--std", "--report", "--quiet", "--device", "cpu"]
    assert main([str(word) for word in words]) == 0
    made = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*"))
    slices = [f"MR{k:05d}.dcm" for k in range(1, 7)]
    assert made == [*slices, "monai_strainer.html", "monai_strainer.json", *(f"std/{name}" for name in slices)]
    shutil.rmtree(tmp_path / "out" / "std")
    data = read(tmp_path / "out").data
    assert data.shape == (128, 128, 6)
    found = data.reshape(4, 32, 4, 32, 6).mean((1, 3, 4)).ravel()
    np.testing.assert_allclose(found, BLOCKS, rtol=0.01, atol=1.0)
