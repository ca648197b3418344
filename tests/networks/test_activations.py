# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The sine is its formula, and names that do not exist are refused."""

from __future__ import annotations

import pytest
import torch

from monai_strainer.networks import Siren
from monai_strainer.networks.activations import activation_named


def test_an_activation_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="'tanh'"):
        Siren(2, activation="tanh")


def test_the_sine_is_its_formula_in_float32_whatever_comes_in() -> None:
    z = torch.linspace(-0.2, 0.2, 9)
    torch.testing.assert_close(activation_named("sine", 30.0)(z), torch.sin(30 * z))
    assert activation_named("sine", 30.0)(z.bfloat16()).dtype == torch.float32
