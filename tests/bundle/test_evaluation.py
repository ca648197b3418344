# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A scan that ``evaluate.json`` degrades: truth and measurement cover the same place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ignite")

from monai_strainer.bundle.evaluation import LoadDegradedScand, _SliceSSIM
from monai_strainer.geometry import Grid

from .conftest import SHAPE


@pytest.mark.parametrize("scale", [1.0, 2.0, 1.5, 3.0])
def test_truth_and_measurement_have_one_field_of_view(scale: float, cohort_dir: Path) -> None:
    data = LoadDegradedScand("image", scale=scale, levels=(0.4, 0.6, 2))({"image": str(cohort_dir / "head0.nii.gz")})
    corners = [Grid(tuple(data[key].shape[1:]), data[key].affine.numpy()).corners() for key in ("image", "label")]
    np.testing.assert_allclose(*corners, atol=1e-6)
    sizes = data["label"].shape[1:3]
    assert all(round(round(n / scale) * scale) == n and n >= m - 2 for n, m in zip(sizes, SHAPE))
    assert [round(n * scale) for n in data["image"].shape[1:3]] == list(sizes)
    assert float(data["label"].max()) == pytest.approx(1, abs=0.1)


def test_the_ssim_of_an_image_with_itself_is_one(cohort_dir: Path) -> None:
    label = LoadDegradedScand("image")({"image": str(cohort_dir / "head0.nii.gz")})["label"][None]
    metric = _SliceSSIM()
    metric(label, label)
    assert float(metric.aggregate()) == pytest.approx(1)
