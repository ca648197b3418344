# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Fitting a network to one measurement: head solve, refinement, blind stopping, and the last word to the data."""

from .head import Heads, head_images, solve_heads
from .kriging import DataStep, ErrorField
from .refine import Refined, refine
from .slices import Fit, fit_slices
from .stopping import HeldOut

__all__ = [
    "DataStep",
    "ErrorField",
    "Fit",
    "HeldOut",
    "Heads",
    "Refined",
    "fit_slices",
    "head_images",
    "refine",
    "solve_heads",
]
