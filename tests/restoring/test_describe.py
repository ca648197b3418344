# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The report gathers the warnings of all steps."""

from __future__ import annotations

from phantoms import oblique_head as head

from monai_strainer import Prior, restore


def test_slices_of_another_plane_are_a_warning() -> None:
    prior = Prior(Prior.cold(0, hidden_channels=16, num_layers=3).network, plane="sagittal")
    assert any("sagittal" in warning for warning in restore(head(), prior, 1, steps=0).report["warnings"])
