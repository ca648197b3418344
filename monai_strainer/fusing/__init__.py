# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Several scans of one person: stacks of one contrast as one isotropic volume, or contrasts that help each other."""

from __future__ import annotations

from .contrast_report import ContrastReport, GuideReport
from .contrasts import RestoredWith, restore_with, sharpen
from .fuse import Fused, fuse
from .options import FuseOptions
from .report import FuseReport, StackReport

__all__ = [
    "ContrastReport",
    "FuseOptions",
    "FuseReport",
    "Fused",
    "GuideReport",
    "RestoredWith",
    "StackReport",
    "fuse",
    "restore_with",
    "sharpen",
]
