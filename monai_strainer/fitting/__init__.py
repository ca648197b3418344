# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Fitting a network to one measurement: head solve, refinement, blind stopping, and the last word to the data."""

from .head import Heads, head_images, solve_heads
from .kriging import DataStep, data_step
from .refine import Refined, refine
from .slices import Fit, fit_slices
from .stopping import HeldOut

__all__ = ["DataStep", "Fit", "HeldOut", "Heads", "Refined", "data_step", "fit_slices", "head_images", "refine", "solve_heads"]
