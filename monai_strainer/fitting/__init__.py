# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Fit networks to one measurement: solved readouts, refinement, blind stopping, data consistency."""

from .adapting import ADAPTATION, Adaptation, Stack, adapt, recorrupted, steps_for
from .amortised import PROBE, Amortised, Repeats, amortise
from .coordinate_fit import Fit, fit_slices
from .data_consistency import DataStep, ErrorField, white_step
from .detail_inputs import assemble_inputs, describe_acquisition, hide_neighbours, interpolate
from .early_stopping import HeldOut
from .plug_and_play import plug_and_play
from .readout import Readouts, readout_images, solve_readouts
from .refine import FitOptions, Refined, refine
from .registration import align
from .slice_prediction import CoordinateFeatures

__all__ = [
    "ADAPTATION",
    "Adaptation",
    "Amortised",
    "CoordinateFeatures",
    "DataStep",
    "ErrorField",
    "Fit",
    "FitOptions",
    "HeldOut",
    "PROBE",
    "Readouts",
    "Refined",
    "Repeats",
    "Stack",
    "adapt",
    "align",
    "amortise",
    "describe_acquisition",
    "fit_slices",
    "readout_images",
    "hide_neighbours",
    "interpolate",
    "plug_and_play",
    "recorrupted",
    "refine",
    "assemble_inputs",
    "solve_readouts",
    "steps_for",
    "white_step",
]
