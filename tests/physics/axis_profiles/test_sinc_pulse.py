# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the sinc pulse: its width, its Fourier transform, its edges."""

from __future__ import annotations

import math

import pytest
import torch

from monai_strainer.geometry import centres
from monai_strainer.physics.axis_profiles import matrix_of


@pytest.mark.parametrize("ratio", [0.6, 1.0, 1.4])
def test_a_sinc_pulse_has_the_width_asked_for(ratio: float) -> None:
    row = matrix_of("sinc_pulse", 2100, 21, ratio)[10]  # 100 voxels a slice
    above = row > row.max() / 2
    assert int(above.sum()) == pytest.approx(100 * ratio, abs=2)


def test_a_sinc_pulse_is_the_fourier_transform_of_its_envelope() -> None:
    fine, measured, samples = 840, 21, 4096
    row = matrix_of("sinc_pulse", fine, measured, 1.0)[10]
    t = (torch.arange(samples, dtype=torch.float64) + 0.5) / samples - 0.5
    pulse = (0.5 + 0.5 * torch.cos(2 * math.pi * t)) * torch.sinc(4 * t)
    u = (torch.from_numpy(centres(fine)) / 2 * measured)[:, None]  # in nominal thicknesses
    profile = (pulse * torch.cos(2 * math.pi * 4 * t * u / 1.0056)).mean(1)
    torch.testing.assert_close(row / row.max(), profile / profile.max(), atol=2e-3, rtol=0)


def test_a_sinc_pulse_has_edges_between_those_of_a_box_and_a_gaussian() -> None:
    rows = {kind: matrix_of(kind, 2100, 21, 1.0)[10] for kind in ("box", "sinc_pulse", "gaussian")}
    steepest = [float(row.diff().abs().max() / row.max()) for row in rows.values()]
    inside = [float(row[1000:1100].sum()) for row in rows.values()]
    assert steepest == sorted(steepest, reverse=True) and inside == sorted(inside, reverse=True)
