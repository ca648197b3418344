# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A series that was compressed with loss says so, and what is made of it says so too."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from dicom_files import series
from pydicom.dataset import Dataset

from monai_strainer.io import read, write

REPORT = {"task": "denoising", "scale": [1, 1, 1], "warnings": []}


@pytest.mark.filterwarnings("ignore")
def test_one_lossy_slice_makes_a_lossy_series(tmp_path: Path) -> None:
    def change(k: int, image: Dataset) -> None:
        if k == 3:
            image.LossyImageCompression, image.LossyImageCompressionRatio = "01", "12"
            image.LossyImageCompressionMethod = "ISO_10918_1"

    write(read(series(tmp_path / "in", change)), tmp_path / "out", report=REPORT)
    for file in (tmp_path / "out").glob("*.dcm"):
        made = pydicom.dcmread(file)
        found = made.LossyImageCompression, float(made.LossyImageCompressionRatio), made.LossyImageCompressionMethod
        assert found == ("01", 12.0, "ISO_10918_1")
