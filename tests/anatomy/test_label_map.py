# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Label maps are known by their values, and coarse images are none."""

from __future__ import annotations

import numpy as np
import pytest
from phantoms import small_head

from monai_strainer.anatomy.label_map import is_label_map


@pytest.mark.parametrize("count", [2, 4, 40, 200])
def test_label_maps_are_known_by_their_values(count: int) -> None:
    rng = np.random.default_rng(0)
    pieces = rng.integers(1, count, (10, 10, 10)).repeat(8, 0).repeat(8, 1).repeat(8, 2)
    assert is_label_map((pieces * (rng.random() > -1)).astype(np.float32))


@pytest.mark.parametrize("levels", [30, 255, 4000])
def test_a_coarse_image_is_no_label_map(levels: int) -> None:
    noisy = small_head((22, 26, 18), noise=20).data
    assert not is_label_map(np.round(noisy / noisy.max() * levels))
    assert not is_label_map(noisy)
