# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A fitted stack of slices is nearer to the truth than its measurement."""

from __future__ import annotations

import torch
from phantoms import slice_coordinates, slice_images, small_siren

from monai_strainer.fitting import FitOptions, fit_slices
from monai_strainer.physics import (
    Identity,
    Measurement,
    RicianNoise,
)

SHAPE = (20, 24)


def test_the_whole_fit_is_nearer_to_the_truth_than_the_measurement() -> None:
    coords, noise = slice_coordinates(3, *SHAPE), RicianNoise(0.1)
    y = noise.sample(slice_images(3, *SHAPE).clamp_min(0), torch.Generator().manual_seed(5))
    fit = fit_slices(small_siren(), coords, Measurement(Identity(SHAPE), y, noise), FitOptions(steps=20))
    truth = slice_images(3, *SHAPE)
    assert (fit.data.images - truth).square().mean() < 0.7 * (y - truth).square().mean()
