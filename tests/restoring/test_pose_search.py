# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A part of a head is placed by trial, and the user is warned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from phantoms import oblique_head as head

from monai_strainer import Grid, Prior, Volume, load_prior, restore
from monai_strainer.anatomy.head_frame import find_pose
from monai_strainer.fitting import solve_readouts
from monai_strainer.physics import Identity
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


def test_the_error_of_a_pose_is_the_misfit_of_its_solved_readouts(prior: Prior) -> None:
    whole = head((20, 24, 6))
    image = whole.slices(2)[3] / np.float32(1000)
    trials = [replace(find_pose(whole.data > 0, whole.grid), centre=(0.0, 0.0, z)) for z in (-0.3, 0.0, 0.4)]
    errors = [error for error, _ in pose_search._tried(trials, whole, 2, image, prior, 24)]
    y = torch.from_numpy(2 * image - 1)[None]
    for error, trial in zip(errors, trials):
        coords = torch.from_numpy(trial.coordinates(whole.grid.shape, 2, slice(3, 4)))
        assert error == pytest.approx(
            float(solve_readouts(prior.network, coords, Identity((20, 24)), y).misfit), rel=1e-4
        )
