# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the readout solve: it finds the readout that made the data, or gives that of the prior."""

from __future__ import annotations

import copy

import pytest
import torch
from phantoms import slice_coordinates, small_siren
from torch import Tensor

from monai_strainer.fitting import readout_images, solve_readouts
from monai_strainer.fitting.readout import features_of, ridge
from monai_strainer.networks import Siren
from monai_strainer.physics import Downsample, Identity, KSpaceCrop, Mask, Operator

SHAPE = (20, 24)
COORDS = slice_coordinates(2, *SHAPE)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def seen(siren: Siren, operator: Operator) -> Tensor:
    """(S, C + 1, M) features as the operator shows them, float64."""
    return torch.stack([operator.A(features_of(siren, c)).flatten(1) for c in COORDS]).double()


def measured(siren: Siren, readouts: Tensor, operator: Operator, noise: float = 0.0) -> Tensor:
    y = torch.einsum("sc,scm->sm", readouts.double(), seen(siren, operator)).float()
    return (y + noise * drawn(*y.shape, seed=7)).reshape(2, *operator.shape_out)


OPERATORS = [Identity(SHAPE), Downsample(SHAPE, 2), Downsample(SHAPE, (1.5, 1)), KSpaceCrop(SHAPE, 2)]


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda o: f"{type(o).__name__}{o.shape_out}")
def test_the_readout_that_made_the_data_is_found(operator: Operator) -> None:
    siren, truth = small_siren(), 0.2 * drawn(2, 17)
    readouts = solve_readouts(siren, COORDS, operator, measured(siren, truth, operator, 1e-4))
    torch.testing.assert_close(readouts.mean, truth, atol=5e-3, rtol=0)
    images, _ = readout_images(siren, COORDS, readouts)
    expected = torch.einsum("sc,schw->shw", truth, torch.stack([features_of(siren, c) for c in COORDS]))
    torch.testing.assert_close(images, expected, atol=2e-3, rtol=0)


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda o: f"{type(o).__name__}{o.shape_out}")
def test_a_solved_readout_is_a_dense_least_squares_with_the_prior(operator: Operator) -> None:
    siren = small_siren()
    y = drawn(2, *operator.shape_out)
    readouts = solve_readouts(siren, COORDS, operator, y)
    mean = torch.cat([siren.readout.weight[0], siren.readout.bias]).detach().double()
    root = torch.linalg.cholesky(torch.linalg.inv(siren.get_buffer("readout_covariance").double())).T
    for k, features in enumerate(seen(siren, operator)):
        gram, moment = features @ features.T, features @ y[k].flatten().double()
        count, energy = features.shape[1], y[k].double().square().sum()
        _, covariance, misfit = ridge(gram, moment, energy, count, mean, root.T @ root)
        torch.testing.assert_close(readouts.covariance[k].double(), covariance, rtol=1e-3, atol=1e-6)
        # what the last turn of the fixed point solved: find its misfit from the covariance it left behind
        t = gram[0, 0] / (torch.linalg.inv(covariance) - root.T @ root)[0, 0]
        stacked = torch.cat([features.T / t.sqrt(), root])
        target = torch.cat([y[k].flatten().double() / t.sqrt(), root @ mean])
        expected = torch.linalg.lstsq(stacked, target[:, None]).solution[:, 0]
        torch.testing.assert_close(readouts.mean[k].double(), expected, atol=1e-4, rtol=1e-3)
        assert float(misfit) > 0


def test_a_measurement_that_says_nothing_leaves_the_prior() -> None:
    siren, blind = small_siren(), Mask(torch.zeros(SHAPE))
    readouts = solve_readouts(siren, COORDS, blind, drawn(2, *SHAPE))
    expected = torch.cat([siren.readout.weight[0], siren.readout.bias]).detach().expand(2, -1)
    torch.testing.assert_close(readouts.mean, expected)
    torch.testing.assert_close(readouts.covariance, siren.get_buffer("readout_covariance").expand(2, -1, -1))


def test_a_measurement_of_zeros_that_says_nothing_leaves_the_prior() -> None:
    siren, blind = small_siren(), Mask(torch.zeros(SHAPE))
    readouts = solve_readouts(siren, COORDS, blind, torch.zeros(2, *SHAPE))
    expected = torch.cat([siren.readout.weight[0], siren.readout.bias]).detach().expand(2, -1)
    torch.testing.assert_close(readouts.mean, expected)


def test_what_was_kept_from_the_fit_does_not_change_it() -> None:
    siren, y = small_siren(), drawn(2, *SHAPE)
    kept = drawn(*SHAPE, seed=3) > 0
    other = torch.where(kept, y, 100 * drawn(2, *SHAPE, seed=4))
    one, two = (solve_readouts(siren, COORDS, Identity(SHAPE), data, kept) for data in (y, other))
    torch.testing.assert_close(one.mean, two.mean)


def test_more_data_make_it_surer() -> None:
    siren, operator = small_siren(), Identity(SHAPE)
    y = measured(siren, 0.2 * drawn(2, 17), operator, 0.05)
    order = torch.randperm(SHAPE[0] * SHAPE[1], generator=torch.Generator().manual_seed(0)).reshape(SHAPE)
    spreads = []
    for count in (30, 120, 480):
        _, std = readout_images(siren, COORDS, solve_readouts(siren, COORDS, operator, y, order < count))
        spreads.append(float(std.mean()))
    assert spreads[0] > 1.5 * spreads[1] > 2.25 * spreads[2] > 0


def test_the_misfit_is_the_variance_of_the_noise() -> None:
    siren, operator = small_siren(), Identity(SHAPE)
    readouts = solve_readouts(siren, COORDS, operator, measured(siren, 0.2 * drawn(2, 17), operator, 0.05))
    assert readouts.misfit.sqrt().tolist() == pytest.approx([0.05, 0.05], rel=0.15)


def test_the_standard_deviation_holds_what_it_promises() -> None:
    siren, operator = small_siren(), Downsample(SHAPE, 2)
    root = torch.linalg.cholesky(siren.get_buffer("readout_covariance"))
    inside = []
    for seed in range(12):
        truth = torch.cat([siren.readout.weight[0], siren.readout.bias]).detach() + drawn(2, 17, seed=seed) @ root.T
        y = torch.einsum("sc,scm->sm", truth.double(), seen(siren, operator)).float()
        y = (y + 0.1 * drawn(*y.shape, seed=100 + seed)).reshape(2, *operator.shape_out)
        images, std = readout_images(siren, COORDS, solve_readouts(siren, COORDS, operator, y))
        clean = torch.einsum("sc,schw->shw", truth, torch.stack([features_of(siren, c) for c in COORDS]))
        inside.append(((clean - images).abs() < 1.645 * std).float().mean())
    assert 0.82 < float(torch.stack(inside).mean()) < 0.97


def test_every_slice_is_solved_on_its_own() -> None:
    siren, y = small_siren(), drawn(2, *SHAPE)
    both = solve_readouts(siren, COORDS, Identity(SHAPE), y)
    alone = solve_readouts(siren, COORDS[1:], Identity(SHAPE), y[1:])
    torch.testing.assert_close(both.mean[1], alone.mean[0])


def test_features_do_not_depend_on_the_tiles_they_were_made_in(monkeypatch: pytest.MonkeyPatch) -> None:
    siren = small_siren()
    whole = features_of(siren, COORDS[0])
    monkeypatch.setattr("monai_strainer.networks.sine_layers_cpu.TILE", 37)
    torch.testing.assert_close(features_of(siren, COORDS[0]), whole)


def test_solving_never_changes_the_network() -> None:
    siren = small_siren()
    before = copy.deepcopy(siren.state_dict())
    solve_readouts(siren, COORDS, Identity(SHAPE), drawn(2, *SHAPE))
    assert all(torch.equal(value, before[name]) for name, value in siren.state_dict().items())


def test_a_gram_matrix_that_rounding_made_indefinite_is_solved() -> None:
    """Few measurements, hardly any misfit: the condition number is beyond float64."""
    g = torch.Generator().manual_seed(0)
    features = torch.randn(60, 40, generator=g).double() @ torch.randn(40, 60, generator=g).double()
    gram = features.float().double() @ features.float().double().T - 1e-4 * torch.eye(60).double()
    moment = gram @ torch.ones(60).double()
    mean, covariance, misfit = ridge(
        gram, moment, moment.sum(), 40, torch.zeros(60).double(), 1e-9 * torch.eye(60).double()
    )
    assert torch.isfinite(mean).all() and torch.isfinite(covariance).all() and float(misfit) > 0
