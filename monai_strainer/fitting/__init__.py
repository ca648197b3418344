# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Fitting a network to one measurement: head solve, refinement, blind stopping, and the last word to the data."""

from .adapting import ADAPTATION, Adaptation, Stack, adapt, steps_for
from .aligning import align
from .amortised import Amortised, amortise, has_bfloat16
from .head import Heads, head_images, solve_heads
from .kriging import DataStep, ErrorField
from .plug_and_play import plug_and_play
from .refine import Refined, refine
from .showing import conditions, hide_neighbours, interpolate, show
from .slices import Fit, fit_slices
from .stopping import HeldOut

__all__ = [
    "ADAPTATION",
    "Adaptation",
    "Amortised",
    "DataStep",
    "ErrorField",
    "Fit",
    "HeldOut",
    "Heads",
    "Refined",
    "Stack",
    "adapt",
    "align",
    "amortise",
    "conditions",
    "fit_slices",
    "has_bfloat16",
    "head_images",
    "hide_neighbours",
    "interpolate",
    "plug_and_play",
    "refine",
    "show",
    "solve_heads",
    "steps_for",
]
