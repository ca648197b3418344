# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of solved readouts: the loss is the minimum by definition, and the statistics are those of the cohort."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from phantoms import small_cohort, small_siren
from torch import Tensor

from monai_strainer.anatomy.aligned_slices import AlignedSlices
from monai_strainer.networks import Siren
from monai_strainer.pretraining.aligned_points import CohortTiles
from monai_strainer.pretraining.encoder import (
    ProjectionLoss,
    readout_statistics,
)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def dense_minimum(features: Tensor, target: Tensor, ridge: float) -> Tensor:
    """The loss by definition, in double precision: least squares of every image, augmented by the ridge."""
    f = torch.cat([features.flatten(2), torch.ones(len(features), 1, features.shape[2])], 1).double()
    total, points = torch.zeros([], dtype=torch.float64), f.shape[2]
    for phi, images in zip(f, target.flatten(2).double()):
        for y in images:
            stacked = torch.cat([phi.T / points**0.5, ridge**0.5 * torch.eye(len(phi), dtype=torch.float64)])
            wanted = torch.cat([y / points**0.5, torch.zeros(len(phi), dtype=torch.float64)])
            w = torch.linalg.lstsq(stacked, wanted[:, None]).solution
            total = total + (stacked @ w - wanted[:, None]).square().sum()
    return total / (target.shape[0] * target.shape[1])


@pytest.mark.parametrize("ridge", [1e-4, 1e-2])
def test_the_loss_is_the_least_that_any_readouts_could_reach(ridge: float) -> None:
    features, target = drawn(2, 5, 40, 1), drawn(2, 3, 40, 1, seed=1)
    loss = ProjectionLoss(ridge)(features, target)
    assert float(loss) == pytest.approx(float(dense_minimum(features, target, ridge)), rel=1e-4)


@pytest.mark.parametrize("ridge", [1e-4, 1e-2])
def test_the_gradient_is_that_of_the_minimum(ridge: float) -> None:
    features, target = drawn(2, 5, 40, 1).requires_grad_(), drawn(2, 3, 40, 1, seed=1)
    ProjectionLoss(ridge)(features, target).backward()
    assert features.grad is not None
    for seed in range(5):
        direction = drawn(2, 5, 40, 1, seed=10 + seed)
        ends = [dense_minimum(features.detach() + e * direction, target, ridge) for e in (1e-4, -1e-4)]
        slope = float(ends[0] - ends[1]) / 2e-4
        assert float((features.grad * direction).sum()) == pytest.approx(slope, rel=2e-3, abs=1e-5)


def test_the_loss_keeps_nothing() -> None:
    loss = ProjectionLoss()
    loss(drawn(1, 5, 40, 1), drawn(1, 3, 40, 1))
    assert not list(loss.parameters()) and not loss.state_dict()


def solved_readouts(siren: Siren, cohort: AlignedSlices, ridge: float) -> np.ndarray:
    """(N S, C + 1) ridge regressions from every pixel, by their textbook formula."""
    readouts = []
    for level in range(len(cohort.axes[0])):
        points = torch.from_numpy(cohort.points(level, np.arange(12 * 14)))
        with torch.no_grad():
            phi = siren(points[None, :, :, None], features=True)[0, :, :, 0].double().numpy()
        phi = np.concatenate([phi, np.ones((1, phi.shape[1]))])
        y = 2 * cohort.images[:, level].reshape(len(cohort.images), -1).astype(np.float64) - 1
        readouts.append(
            np.linalg.solve(phi @ phi.T / phi.shape[1] + ridge * np.eye(len(phi)), phi @ y.T / phi.shape[1]).T
        )
    return np.concatenate(readouts)


def test_the_readout_becomes_the_mean_of_the_cohorts_readouts_with_their_covariance() -> None:
    siren, cohort = small_siren(), small_cohort(6)
    full = CohortTiles.__getitem__

    def all_points(tiles: CohortTiles, i: int) -> dict[str, Tensor]:
        tiles.points = None
        return full(tiles, i)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CohortTiles, "__getitem__", all_points)
        readout_statistics(siren, cohort, ridge=1e-2)
    readouts = solved_readouts(small_siren(), cohort, 1e-2)
    mean = torch.cat([siren.readout.weight[0], siren.readout.bias]).detach().numpy()
    np.testing.assert_allclose(mean, readouts.mean(0), atol=1e-3)
    expected = np.cov(readouts.T)
    shrunk = 0.9 * expected + np.diag(0.1 * np.diag(expected) + 1e-6)
    np.testing.assert_allclose(siren.get_buffer("readout_covariance"), shrunk, atol=1e-3 * shrunk.max())


@pytest.mark.parametrize("scans", [1, 2, 5])
def test_however_small_the_cohort_the_covariance_is_positive_definite(scans: int) -> None:
    siren = small_siren()
    readout_statistics(siren, small_cohort(scans, (1, 12, 14)))
    covariance = siren.get_buffer("readout_covariance").double()
    torch.testing.assert_close(covariance, covariance.T)
    assert float(torch.linalg.eigvalsh(covariance).min()) > 0


def test_readout_statistics_leave_the_encoder_alone() -> None:
    siren, before = small_siren(), small_siren()
    readout_statistics(siren, small_cohort())
    assert all(torch.equal(a, b) for a, b in zip(siren.encoder.parameters(), before.encoder.parameters()))
