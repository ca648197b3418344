# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Several stacks of one person, in any direction, as one isotropic volume."""

from __future__ import annotations

from .fuse import Fused, fuse
from .options import FuseOptions
from .report import FuseReport, StackReport

__all__ = ["FuseOptions", "FuseReport", "Fused", "StackReport", "fuse"]
