# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What one image says: slope and intercept to intensities, also where a vendor hides them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from dicom_files import series, stored
from pydicom.dataset import Dataset

from monai_strainer.io import read


def test_the_scale_of_philips_is_undone(tmp_path: Path) -> None:
    def change(k: int, image: Dataset) -> None:
        image.Manufacturer, image.RescaleSlope, image.RescaleIntercept = "Philips Medical Systems", "1.29", "0"
        image.add_new(0x20050010, "LO", "Philips MR Imaging DD 001")
        image.add_new(0x2005100E, "FL", 0.004)

    np.testing.assert_allclose(read(series(tmp_path / "s", change)).data, stored() / 0.004, rtol=1e-6)


def test_the_intercept_of_philips_is_undone_with_its_slope(tmp_path: Path) -> None:
    def change(k: int, image: Dataset) -> None:
        image.Manufacturer, image.RescaleSlope, image.RescaleIntercept = "Philips Medical Systems", "1.25", "-40"
        image.add_new(0x20050010, "LO", "Philips MR Imaging DD 001")
        image.add_new(0x2005100E, "FL", 0.004)

    shown = 1.25 * stored() - 40
    np.testing.assert_allclose(read(series(tmp_path / "s", change)).data, shown / (1.25 * 0.004), rtol=1e-5)
