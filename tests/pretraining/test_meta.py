# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of meta-learning: one step is the formula's, and the start leads to unseen images faster than a fresh one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from phantoms import small_cohort, small_siren
from torch import Tensor

from monai_strainer.networks import Siren
from monai_strainer.pretraining.aligned_points import CohortTiles
from monai_strainer.pretraining.encoder import META, Recipe
from monai_strainer.pretraining.meta import meta_learned

QUICK = Recipe(steps=6, tiles=2, points=64, images=1)


def error(siren: Siren, points: Tensor, values: Tensor) -> Tensor:
    return (siren(points[None, :, :, None])[0, 0, :, 0] - values).square().mean()


def test_a_step_adds_up_the_gradients_on_the_way() -> None:
    tiles = CohortTiles(small_cohort(), 2, 40, 1, 3)
    siren, expected = small_siren(), small_siren()
    sums = [torch.zeros_like(p) for p in expected.parameters()]
    for tile in (tiles[0], tiles[1]):
        fitted = small_siren()
        for _ in range(3):
            gradients = torch.autograd.grad(
                error(fitted, tile["image"][..., 0], tile["label"][0, :, 0]), list(fitted.parameters())
            )
            with torch.no_grad():
                for p, g, total in zip(fitted.parameters(), gradients, sums):
                    p.sub_(1e-2 * g)
                    total += g / 2
    optimiser = torch.optim.Adam(expected.parameters(), 1e-3)
    for p, total in zip(expected.parameters(), sums):
        p.grad = total
    optimiser.step()
    meta_learned(siren, tiles, [1e-3], {}, inner_steps=3, inner_rate=1e-2)
    moved = torch.cat([p.flatten() for p in siren.parameters()])
    torch.testing.assert_close(moved, torch.cat([p.flatten() for p in expected.parameters()]), atol=2e-5, rtol=0)
    fresh = torch.cat([p.flatten() for p in small_siren().parameters()])
    assert float((moved - fresh).detach().abs().mean()) > 5e-4


def descent(siren: Siren, steps: int = 3) -> float:
    """The error that a few gradient steps reach on a head that was not among the cohort's."""
    unseen = small_cohort(1, seed=7)
    points = torch.from_numpy(unseen.points(1, np.arange(12 * 14)))
    values = torch.from_numpy(2 * unseen.images[0, 1].reshape(-1).astype(np.float32) - 1)
    for _ in range(steps):
        gradients = torch.autograd.grad(error(siren, points, values), list(siren.parameters()))
        with torch.no_grad():
            for p, g in zip(siren.parameters(), gradients):
                p.sub_(1e-2 * g)
    return float(error(siren, points, values).detach())


def test_the_start_leads_to_an_unseen_image_faster() -> None:
    tiles = CohortTiles(small_cohort(), 150, 100, 1, 0)
    learned = meta_learned(small_siren(), tiles, [1e-3] * 150, {})
    assert descent(learned) < 0.3 * descent(small_siren())


def test_the_default_draws_one_image_per_step() -> None:
    assert (META.tiles, META.images, META.trained_heads) == (1, 1, False)


@pytest.mark.parametrize("dims", [2, 3])
def test_a_network_of_fewer_coordinates_sees_those_of_the_slice(dims: int) -> None:
    siren = small_siren(spatial_dims=dims)
    assert meta_learned(siren, CohortTiles(small_cohort(), 2, 20, 1, 0), [1e-3, 1e-3], {}) is siren
