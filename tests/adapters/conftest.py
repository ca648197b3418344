# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Load deepinv, or skip its tests with the reason."""

from __future__ import annotations

from importlib.util import find_spec
from types import ModuleType

import pytest
import torch

if find_spec("torchvision") is not None and torch.version.cuda is None:
    # torchvision's compiled operators do not load beside a CPU build of torch from another index, and importing it
    # fails where it describes two of them. deepinv uses neither, so they are declared and never called.
    _LIBRARY = torch.library.Library("torchvision", "FRAGMENT")
    for _name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, _name):
            _LIBRARY.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


@pytest.fixture(scope="session")
def deepinv() -> ModuleType:
    """The package deepinv; tests are skipped where it is not installed."""
    return pytest.importorskip("deepinv", reason="deepinv is not installed: tests/external/install.sh")
