# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Activations are their formulas, and names that do not exist are refused."""

from __future__ import annotations

import pytest
import torch

from monai_strainer.networks import Siren
from monai_strainer.networks.activations import activation_named


def test_an_activation_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="'tanh'"):
        Siren(2, activation="tanh")


def test_fourier_features_of_an_odd_width_are_refused() -> None:
    with pytest.raises(ValueError, match="even"):
        Siren(2, hidden_channels=17, activation="relu")


def test_activations_are_their_formulas() -> None:
    z = torch.linspace(-0.2, 0.2, 9)
    formulas = {
        "sine": torch.sin(30 * z),
        "finer": torch.sin(30 * (z.abs() + 1) * z),
        "gabor": torch.cos(30 * z) * torch.exp(-((10 * z) ** 2)),
        "gaussian": torch.exp(-((30 * z) ** 2)),
        "relu": z.clamp_min(0),
    }
    for name, expected in formulas.items():
        torch.testing.assert_close(activation_named(name, 30.0)(z), expected)
