# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""An accelerator gives what the CPU gives: within the rounding of its products, for every way to use a prior.

``make gpu`` runs these where there is one; elsewhere they are skipped.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from networks.test_sine_layers_cpu import gradients, layers, twin
from phantoms import (
    slice_coordinates,
    slice_images,
    small_cohort,
    small_detail,
    small_head,
    small_prior_with_detail,
    small_siren,
)
from torch import Tensor

from monai_strainer import Recipe, pretrain, restore
from monai_strainer.fitting import CoordinateFeatures, FitOptions, amortise, plug_and_play, refine, solve_readouts
from monai_strainer.networks.sine_layers_cuda import recomputed_features
from monai_strainer.optim import cuda_graphs as recorded
from monai_strainer.physics import Downsample, GaussianNoise, Measurement, RicianNoise
from monai_strainer.pretraining.run import Run

pytestmark = pytest.mark.gpu
SIZE = (20, 26)
TWICE = Downsample(SIZE, 2)


@pytest.fixture(scope="module")
def device() -> torch.device:
    if not torch.cuda.is_available():
        pytest.skip("no accelerator")
    return torch.device("cuda")


def psnr(one: Tensor, two: Tensor) -> float:
    """In dB, the head being about [0, 1]."""
    return float(-10 * (one.detach().cpu() - two.detach().cpu()).square().mean().clamp_min(1e-12).log10())


def test_heads(device: torch.device) -> None:
    siren, coords, y = small_siren(), slice_coordinates(2, *SIZE), TWICE.A(slice_images(2, *SIZE))
    here = solve_readouts(siren, coords, TWICE, 2 * y - 1)
    there = solve_readouts(small_siren().to(device), coords.to(device), TWICE.to(device), (2 * y - 1).to(device))
    torch.testing.assert_close(there.mean.cpu(), here.mean, atol=2e-2, rtol=2e-2)


@pytest.mark.parametrize("optimiser", ["muon", "adam"])
def test_refinement(device: torch.device, optimiser: str) -> None:
    coords, y = slice_coordinates(2, *SIZE), TWICE.A(slice_images(2, *SIZE))
    found = [
        refine(
            small_siren().to(where),
            coords.to(where),
            Measurement(TWICE.to(where), y.to(where), GaussianNoise(0.01).to(where)),
            FitOptions(steps=20, optimiser=optimiser),
        ).images
        for where in (torch.device("cpu"), device)
    ]
    assert psnr(*found) > 50


@pytest.mark.parametrize(("half", "near"), [(False, 5e-3), (True, 0.1)])
def test_sine_layers(device: torch.device, half: bool, near: float) -> None:
    weights, biases = layers(2, [2, 64, 64, 64], torch.float32)
    points = torch.rand(2, 3000, 2, generator=torch.Generator().manual_seed(0))
    there = [[p.detach().to(device).requires_grad_() for p in some] for some in (weights, biases)]
    ours, theirs = recomputed_features(points.to(device), *there, 2.0, half), twin(points, weights, biases, 2.0)
    assert float((ours.cpu() - theirs).detach().abs().max()) < near
    for mine, other in zip(gradients(ours, there[0]), gradients(theirs, weights)):
        assert float((mine.cpu() - other).norm() / other.norm()) < near


@pytest.mark.parametrize("optimiser", ["muon", "adam"])
@pytest.mark.parametrize("points", [4096, 100])
def test_a_recorded_refinement_is_one_launched_piece_by_piece(
    device: torch.device, monkeypatch: pytest.MonkeyPatch, optimiser: str, points: int
) -> None:
    coords, y = slice_coordinates(2, *SIZE).to(device), TWICE.A(slice_images(2, *SIZE)).to(device)
    found = []
    for before in (recorded.BEFORE, 10**9):
        monkeypatch.setattr(recorded, "BEFORE", before)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # it could be recorded
            given = FitOptions(steps=20, optimiser=optimiser, points=points, allow_no_network=False)
            noise = RicianNoise(0.01).to(device)
            found.append(
                refine(small_siren().to(device), coords, Measurement(TWICE.to(device), y, noise), given).images
            )
    assert psnr(*found) > 70


def test_a_recorded_pretraining_is_one_launched_piece_by_piece(
    device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(steps=20, tiles=1, points=None, images=3, rate=1e-3, warmup=0, trained_heads=True)
    losses: list[list[float]] = []
    for before in (recorded.BEFORE, 10**9):
        monkeypatch.setattr(recorded, "BEFORE", before)
        calls: list[float] = []
        pretrain(
            small_cohort(),
            recipe,
            network=small_siren(),
            run=Run(device=device, on_step=lambda step, loss, calls=calls: calls.append(loss)),
        )
        losses.append(calls)
    assert losses[0] == pytest.approx(losses[1], rel=1e-2) and losses[0][-1] < losses[0][0]


def test_detail_prior(device: torch.device) -> None:
    y, coords_of = TWICE.A(slice_images(5, *SIZE)), slice_coordinates(5, *SIZE)
    found = []
    for where in (torch.device("cpu"), device):
        given = Measurement(TWICE.to(where), y.to(where), RicianNoise(0.02).to(where))
        features = CoordinateFeatures(small_siren().to(where), lambda some, to=where: coords_of[some].to(to))
        found.append(amortise(small_detail().to(where), given, features=features).images)
    assert psnr(*found) > 45


def test_plug_and_play(device: torch.device) -> None:
    y = TWICE.A(slice_images(3, *SIZE))
    found = [
        plug_and_play(small_detail().to(at), Measurement(TWICE.to(at), y.to(at), GaussianNoise(0.02).to(at))).images
        for at in (torch.device("cpu"), device)
    ]
    assert psnr(*found) > 40


def test_pretraining_learns_as_well(device: torch.device) -> None:
    losses: dict[str, list[float]] = {"cpu": [], device.type: []}
    for where in list(losses):
        calls = losses[where]
        pretrain(
            small_cohort(),
            Recipe(steps=30, points=64),
            network=small_siren(),
            run=Run(device=where, on_step=lambda step, loss, calls=calls: calls.append(loss)),
        )
    here, there = losses["cpu"], losses[device.type]
    assert there[-1] < there[0] and there[-1] == pytest.approx(here[-1], rel=0.1)


@pytest.mark.parametrize("scale", [1, 2, (1, 1, 2)])
@pytest.mark.parametrize("method", ["amortised", "coordinates"])
def test_restoration(device: torch.device, scale: float | tuple[float, ...], method: str) -> None:
    scan, given = small_head(), {"method": method, "steps": 5}
    here = restore(scan, small_prior_with_detail(), scale, **given)
    there = restore(scan, small_prior_with_detail(), scale, device=device, **given)
    level = float(np.abs(here.volume.data).max())
    assert psnr(*(torch.from_numpy(out.volume.data / level) for out in (here, there))) > 45
    assert np.isfinite(there.std).all() and there.volume.data.shape == here.volume.data.shape
