# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A phantom as MONAI sees it."""

from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor

from monai_strainer.volume import Volume


@pytest.fixture
def image(phantom: Volume) -> MetaTensor:
    """The phantom as MONAI sees it."""
    meta = {"filename_or_obj": "head.nii.gz", "slice_axis": 2}
    return MetaTensor(torch.tensor(phantom.data)[None], affine=torch.tensor(phantom.grid.affine), meta=meta)
