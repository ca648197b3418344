# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Every way to compute works away from the CPU: no tensor of the CPU gets in, and the numbers are those of the CPU.

The device is the one of ``elsewhere``: it needs no accelerator.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from elsewhere import ELSEWHERE, Place, elsewhere
from phantoms import (
    slice_coordinates,
    slice_images,
    small_cohort,
    small_detail,
    small_head,
    small_prior_with_detail,
    small_siren,
)
from physics.test_operators import OPERATORS as ALL
from torch import Tensor

from monai_strainer import Recipe, pretrain, restore
from monai_strainer.fitting import (
    CoordinateFeatures,
    ErrorField,
    FitOptions,
    align,
    amortise,
    plug_and_play,
    refine,
    solve_readouts,
)
from monai_strainer.networks import DetailPrior
from monai_strainer.networks.noise_level import NoiseLevelNet
from monai_strainer.physics import (
    Blur,
    Downsample,
    GaussianNoise,
    Identity,
    Mask,
    Measurement,
    NoiseModel,
    Operator,
    RicianNoise,
    Separable,
)
from monai_strainer.pretraining.detail import DetailTraining, joined, patches_of, pretrain_detail
from monai_strainer.pretraining.general import GeneralRecipe, pretrain_general
from monai_strainer.pretraining.noise_level import NoiseLevelRecipe, learn, pretrain_noise_level
from monai_strainer.pretraining.patches import CleanScan
from monai_strainer.pretraining.run import Run
from monai_strainer.pretraining.source import Source

SIZE = (20, 26)
HERE = torch.device("cpu")


def mask() -> Mask:
    return Mask(torch.rand(SIZE, generator=torch.Generator().manual_seed(3)) < 0.7)


def operators() -> dict[str, Operator]:
    """Built again: what an operator has worked out on one device must not help it on another."""
    return {
        "nothing": Identity(SIZE),
        "nothing as matrices": Separable(list(SIZE)),
        "twice": Downsample(SIZE, 2),
        "one axis": Downsample(SIZE, (1, 3)),
        "missing voxels": mask(),
        "blur and missing voxels": mask() @ Blur(SIZE, 1.5),
    }


NAMES = list(operators())
SEPARABLE = [name for name, operator in operators().items() if isinstance(operator, Separable)]


@pytest.fixture(autouse=True)
def place() -> Iterator[Place]:
    with elsewhere() as place:
        yield place


def same(here: Tensor, there: Tensor, near: float = 1e-4) -> None:
    assert here.device == HERE and there.device == ELSEWHERE
    torch.testing.assert_close(there.cpu(), here, atol=near, rtol=near)


def level_of(kind: str, shape: tuple[int, ...]) -> float | Tensor:
    return 0.03 if kind == "a number" else 0.02 + 0.02 * torch.rand(shape, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("rho", [0.3, torch.tensor([0.1, 2.0])], ids=["a number", "one per image"])
@pytest.mark.parametrize("name", ALL)
def test_operators(name: str, rho: float | Tensor) -> None:
    operator = ALL[name]
    moved = deepcopy(operator).to(ELSEWHERE)
    shows_device = isinstance(rho, Tensor) or bool(list(moved.buffers()))  # else nothing says where the images are
    x, y = torch.rand(2, *operator.shape_in), torch.rand(2, *operator.shape_out)
    weight = rho.to(ELSEWHERE) if isinstance(rho, Tensor) else rho
    same(operator.A(x), moved.A(x.to(ELSEWHERE)))
    same(operator.adjoint(y), moved.adjoint(y.to(ELSEWHERE)))
    same(operator.prox(x, y, rho), moved.prox(x.to(ELSEWHERE), y.to(ELSEWHERE), weight), 1e-3)
    here, there = operator.undetermined(rho), moved.undetermined(weight)
    torch.testing.assert_close(there.cpu(), here, atol=1e-4, rtol=1e-4)
    assert not shows_device or there.device == ELSEWHERE


@pytest.mark.parametrize("level", ["a number", "a map"])
@pytest.mark.parametrize("name", NAMES)
def test_kriging(name: str, level: str) -> None:
    found = []
    for at in (HERE, ELSEWHERE):
        operator = operators()[name].to(at)
        y = operators()[name].A(slice_images(3, *SIZE))
        sigma = level_of(level, tuple(y.shape))
        sigma2 = sigma.square().to(at) if isinstance(sigma, Tensor) else sigma**2
        field = ErrorField(operator, y.to(at), sigma2)
        found.append(field.correct(0.9 * slice_images(3, *SIZE).to(at)))
    same(found[0].images, found[1].images)
    same(found[0].std, found[1].std)


def given(kind: str, y: Tensor, at: torch.device) -> tuple[Tensor, NoiseModel]:
    return y.to(at), RicianNoise(level_of(kind, tuple(y.shape))).to(at)


@pytest.mark.parametrize("level", ["a number", "a map"])
@pytest.mark.parametrize("name", SEPARABLE)
def test_the_detail_prior(name: str, level: str) -> None:
    found, probe = [], level == "a map"
    for at in (HERE, ELSEWHERE):
        operator, siren = operators()[name], small_siren().to(at)
        y, noise = given(level, operator.A(slice_images(3, *SIZE)), at)
        coords = slice_coordinates(3, *SIZE).to(at)
        features = CoordinateFeatures(siren, lambda some, coords=coords: coords[some])
        draws = torch.Generator().manual_seed(0) if probe else None
        assert isinstance(operator, Separable)
        measured = Measurement(operator.to(at), y, noise)
        found.append(amortise(small_detail().to(at), measured, features=features, probe=draws))
    same(found[0].images, found[1].images, 2e-2)  # bfloat16 on the CPU
    same(found[0].std, found[1].std, 5e-2)


@pytest.mark.parametrize("level", ["a number", "a map"])
@pytest.mark.parametrize("name", NAMES)
def test_plug_and_play(name: str, level: str) -> None:
    found = []
    for at in (HERE, ELSEWHERE):
        operator = operators()[name]
        y, noise = given(level, operator.A(slice_images(3, *SIZE)), at)
        found.append(
            plug_and_play(small_detail(features=0).to(at), Measurement(operator.to(at), y, noise), iterations=4)
        )
    same(found[0].images, found[1].images, 3e-2)
    same(found[0].std, found[1].std, 5e-2)


@pytest.mark.parametrize("optimiser", ["muon", "adam"])
@pytest.mark.parametrize("name", NAMES)
def test_refinement(name: str, optimiser: str) -> None:
    found = []
    for at in (HERE, ELSEWHERE):
        operator = operators()[name]
        y = operator.A(slice_images(2, *SIZE)).to(at)
        coords, noise = slice_coordinates(2, *SIZE).to(at), GaussianNoise(0.02).to(at)
        options = FitOptions(steps=4, points=100, every=2, optimiser=optimiser, freeze="auto")
        found.append(refine(small_siren().to(at), coords, Measurement(operator.to(at), y, noise), options))
    same(found[0].images, found[1].images, 2e-3)


def test_heads_and_alignment() -> None:
    coords, images = slice_coordinates(2, *SIZE), slice_images(2, *SIZE)
    here = solve_readouts(small_siren(), coords, Identity(SIZE), 2 * images - 1)
    moved = (coords.to(ELSEWHERE), Identity(SIZE), (2 * images - 1).to(ELSEWHERE))
    same(here.mean, solve_readouts(small_siren().to(ELSEWHERE), *moved).mean, 1e-3)
    turn = align(small_siren().to(ELSEWHERE), images.to(ELSEWHERE), coords.to(ELSEWHERE), iterations=2)
    same(align(small_siren(), images, coords, iterations=2), turn, 1e-3)


RECIPES: dict[str, tuple[str, Recipe]] = {
    "cohort": ("cohort", Recipe(steps=3, points=64)),
    "paper": ("cohort", Recipe(steps=3, tiles=1, points=None, images=3, warmup=0, trained_heads=True)),
    "meta": ("meta", Recipe(steps=3, tiles=1, points=64, images=2)),
}


@pytest.mark.parametrize("name", RECIPES)
def test_pretraining(name: str) -> None:
    kind, recipe = RECIPES[name]
    losses: list[list[float]] = [[], []]
    for noted, at in zip(losses, (HERE, ELSEWHERE)):
        note = lambda step, loss, noted=noted: noted.append(loss)  # noqa: E731
        found = pretrain(small_cohort(), recipe, kind=kind, network=small_siren(), run=Run(device=at, on_step=note))  # type: ignore[arg-type]
        assert next(found.parameters()).device == at
    assert losses[1] == pytest.approx(losses[0], rel=2e-2)  # bfloat16 on the CPU


def a_head() -> CleanScan:
    data = np.random.default_rng(0).random((20, 20, 20)).astype(np.float16)
    axis = np.linspace(-1, 1, 20, dtype=np.float32)
    return CleanScan(data, (axis, axis, axis), (0, 1, 2))


def a_source() -> Source:
    data = (small_head((24, 26, 20)).data / 800).astype(np.float16)
    return Source(data, (1.0, 1.0, 1.0), (0, 1, 2), "scan", "one")


DETAIL = GeneralRecipe(steps=2, groups=2, patches=2, side=16)


def test_pretraining_of_the_detail_prior() -> None:
    for at in (HERE, ELSEWHERE):
        siren = small_siren().to(at)
        found = pretrain_detail([a_head()], siren, DETAIL, network=small_detail(), run=Run(device=at))
        assert next(found.parameters()).device == at and bool(torch.isfinite(found.tail.weight).all())


def test_pretraining_of_the_general_prior() -> None:
    for at in (HERE, ELSEWHERE):
        network = DetailPrior(3, (8, 8), 1, 0, equivariant=True)
        found = pretrain_general([a_source()], DETAIL, network=network, run=Run(device=at))
        assert next(found.parameters()).device == at


def test_pretraining_of_the_noise_level() -> None:
    recipe, losses = NoiseLevelRecipe(steps=5, patches=2, side=12), []
    for at in (HERE, ELSEWHERE):
        noted: list[float] = []
        found = pretrain_noise_level(
            [a_source()], recipe, run=Run(device=at, on_step=lambda step, loss, noted=noted: noted.append(loss))
        )
        assert isinstance(found, NoiseLevelNet) and next(found.parameters()).device == at
        losses.append(noted)
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


@pytest.mark.parametrize(
    ("method", "scale"), [("amortised", (1, 1, 2)), ("amortised", 1), ("plug_and_play", 2), ("coordinates", 1)]
)
def test_restoration_twice_with_one_prior(method: str, scale: float | tuple[float, ...]) -> None:
    prior, scan = small_prior_with_detail(), small_head((16, 18, 4))
    options: dict[str, Any] = {"method": method, "steps": 2}
    here = restore(scan, prior, scale, **options)
    for _ in range(2):  # the first leaves the networks where it computed
        there = restore(scan, prior, scale, device=ELSEWHERE, **options)
    level = float(np.abs(here.volume.data).max())
    assert np.abs(there.volume.data - here.volume.data).mean() < 0.01 * level
    again = restore(scan, prior, scale, **options)
    assert np.array_equal(again.volume.data, here.volume.data)


@pytest.mark.parametrize("level", ["a number", "a map"])
@pytest.mark.parametrize("name", ["nothing", "twice", "blur and missing voxels"])
def test_a_step_of_refinement_reads_nothing_back(place: Place, name: str, level: str) -> None:
    reads = []
    for steps in (2, 5):
        operator, before = operators()[name], place.reads
        y, coords = operator.A(slice_images(2, *SIZE)).to(ELSEWHERE), slice_coordinates(2, *SIZE).to(ELSEWHERE)
        options = FitOptions(steps=steps, points=100, every=99, solve=False)
        noise = GaussianNoise(level_of(level, tuple(y.shape))).to(ELSEWHERE)
        refine(small_siren().to(ELSEWHERE), coords, Measurement(operator.to(ELSEWHERE), y, noise), options)
        reads.append(place.reads - before)
    assert reads[0] == reads[1]


@pytest.mark.parametrize("name", RECIPES)
def test_a_step_of_pretraining_reads_nothing_back(place: Place, name: str) -> None:
    kind, recipe = RECIPES[name]
    reads = []
    for steps in (1, 3):
        before = place.reads
        pretrain(
            small_cohort(), replace(recipe, steps=steps), kind=kind, network=small_siren(), run=Run(device=ELSEWHERE)
        )  # type: ignore[arg-type]
        reads.append(place.reads - before)
    assert reads[0] == reads[1]


def test_a_step_of_the_detail_prior_reads_nothing_back(place: Place) -> None:
    siren = small_siren().to(ELSEWHERE)
    training = DetailTraining(small_detail().to(ELSEWHERE), siren, DETAIL)
    patches = patches_of([a_head()], DETAIL)
    batch, before = joined([patches[k] for k in range(DETAIL.groups)]), place.reads
    losses = [training.step(k, batch) for k in range(2)]
    assert place.reads == before and all(loss.device == ELSEWHERE for loss in losses)


def test_a_step_of_the_noise_level_reads_nothing_back(place: Place) -> None:
    network = NoiseLevelNet(4, 2).to(ELSEWHERE)
    adam, image = torch.optim.Adam(network.parameters()), torch.rand(2, 1, 12, 12).to(ELSEWHERE)
    before = place.reads
    assert learn(network, adam, image, torch.tensor([0.1, 0.2]).to(ELSEWHERE)).device == ELSEWHERE
    assert place.reads == before
