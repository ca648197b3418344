# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A part of a head is placed by trial, and the user is warned."""

from __future__ import annotations

import pytest
from phantoms import oblique_head as head

from monai_strainer import Grid, Prior, Volume, restore


@pytest.fixture(scope="module")
def prior() -> Prior:
    return Prior.cold(0, hidden_channels=16, num_layers=3)


def test_a_part_of_a_head_is_located_with_a_warning(prior: Prior) -> None:
    whole = head((20, 24, 6))
    part = Volume(whole.data[:, :, 2:4], Grid((20, 24, 2), whole.grid.affine))
    assert any("part of a head" in warning for warning in restore(part, prior, 1, steps=0).report["warnings"])
