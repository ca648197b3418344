# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A part of a head is placed by trial, and the user is warned."""

from __future__ import annotations

import numpy as np
import pytest
from phantoms import oblique_head as head

from monai_strainer import Grid, Prior, Volume, load_prior, restore
from monai_strainer.restoring import pose_search
from monai_strainer.restoring.pose_search import search_pose


@pytest.fixture(scope="module")
def prior() -> Prior:
    return Prior.cold(0, hidden_channels=16, num_layers=3)


def test_a_part_of_a_head_is_located_with_a_warning(prior: Prior) -> None:
    whole = head((20, 24, 6))
    part = Volume(whole.data[:, :, 2:4], Grid((20, 24, 2), whole.grid.affine))
    assert any("part of a head" in warning for warning in restore(part, prior, 1, steps=0).report["warnings"])


def test_the_levels_that_few_pixels_choose_hold_the_best_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick search has the pose of the slow one, which looks at all pixels of every level."""
    whole, prior = head((40, 48, 30)), load_prior()
    for level in (9, 15, 20):
        grid = Grid((40, 48, 1), whole.grid.affine)
        part = Volume(np.ascontiguousarray(whole.data[:, :, level : level + 1]), grid, slice_axis=2)
        quick = search_pose(part, part.data > 0, prior)
        with monkeypatch.context() as patch:
            patch.setattr(pose_search, "KEPT", len(pose_search.TRIALS))
            assert search_pose(part, part.data > 0, prior) == quick
