# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of refinement: reproducible, slice by slice, stopped where held-out measurements are predicted best."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from phantoms import slice_coordinates, slice_images, small_siren

from monai_strainer.fitting import FitOptions, Refined, fit_slices, refine
from monai_strainer.networks import Siren
from monai_strainer.physics import (
    Blur,
    Downsample,
    GaussianNoise,
    Identity,
    KSpaceCrop,
    Mask,
    Measurement,
    Operator,
    RicianNoise,
)

SHAPE = (20, 24)
QUICK: dict[str, Any] = {"steps": 12, "every": 4}


def problem(operator: Operator, slices: int = 3, sigma: float = 0.03) -> tuple[torch.Tensor, torch.Tensor]:
    """Head coordinates and a noisy measurement."""
    clean = operator.A(slice_images(slices, *operator.shape_in))
    y = RicianNoise(sigma).sample(clean.clamp_min(0), torch.Generator().manual_seed(5))
    return slice_coordinates(slices, *operator.shape_in), y


def run(
    operator: Operator | None = None,
    siren: Siren | None = None,
    slices: int = 3,
    seed: int = 0,
    on_step: Callable[[int], None] | None = None,
    **options: Any,
) -> Refined:
    operator = Downsample(SHAPE, 2) if operator is None else operator
    coords, y = problem(operator, slices)
    given = Measurement(operator, y, RicianNoise(0.03))
    return refine(siren or small_siren(), coords, given, FitOptions(**{**QUICK, **options}), seed=seed, on_step=on_step)


OPERATORS = [
    Identity(SHAPE),
    Downsample(SHAPE, (2, 1.5)),
    KSpaceCrop(SHAPE, 2),
    Mask((torch.arange(24) % 3 > 0).expand(SHAPE)),
    Mask((torch.arange(24) % 3 > 0).expand(SHAPE)) @ Blur(SHAPE, 2),
]


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("optimiser", ["adam", "muon"])
def test_every_operator_and_optimiser_gives_finite_images(operator: Operator, optimiser: str) -> None:
    refined = run(operator, optimiser=optimiser)
    assert refined.images.shape == (3, *SHAPE)
    assert torch.isfinite(refined.images).all() and torch.isfinite(refined.held_out).all()


def test_the_same_seed_gives_the_same_bytes() -> None:
    one, two = run(seed=3), run(seed=3)
    assert torch.equal(one.images, two.images) and one.curve == two.curve


def test_another_seed_gives_other_images() -> None:
    assert not torch.equal(run(seed=3).held_out, run(seed=4).held_out)


def test_global_randomness_is_neither_used_nor_disturbed() -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    one = run()
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(run().images, one.images)


@pytest.mark.parametrize("optimiser", ["adam", "muon"])
def test_a_slice_does_not_depend_on_its_neighbours(optimiser: str) -> None:
    operator, siren = Downsample(SHAPE, 2), small_siren()
    coords, y = problem(operator)
    options = FitOptions(**QUICK, optimiser=optimiser)
    together = refine(siren, coords, Measurement(operator, y, RicianNoise(0.03)), options)
    for k in range(3):
        alone = refine(siren, coords[k : k + 1], Measurement(operator, y[k : k + 1], RicianNoise(0.03)), options)
        torch.testing.assert_close(alone.images[0], together.images[k], atol=1e-5, rtol=0)
        assert alone.best_step[0] == together.best_step[k]


def test_a_slice_does_not_depend_on_the_noise_of_its_neighbours() -> None:
    operator, siren = Identity(SHAPE), small_siren()
    coords, y = problem(operator)
    sigma = torch.tensor([0.01, 0.03, 0.2])[:, None, None].expand(3, *SHAPE)
    together = fit_slices(siren, coords, Measurement(operator, y, RicianNoise(sigma)), FitOptions(steps=4))
    alone = fit_slices(siren, coords[:1], Measurement(operator, y[:1], RicianNoise(sigma[:1])), FitOptions(steps=4))
    torch.testing.assert_close(alone.data.images[0], together.data.images[0], atol=1e-4, rtol=0)


@pytest.mark.parametrize("allow_no_network", [True, False])
def test_the_image_that_comes_back_is_the_one_of_the_least_held_out_error(allow_no_network: bool) -> None:
    refined = run(slices=1, allow_no_network=allow_no_network)
    steps, errors = zip(*refined.curve)
    assert steps == ((-1, 0, 4, 8, 12) if allow_no_network else (0, 4, 8, 12))
    assert float(refined.held_out[0]) == pytest.approx(min(errors))
    assert int(refined.best_step[0]) == steps[errors.index(min(errors))]


def test_the_curve_is_the_average_over_slices() -> None:
    together = run(slices=3)
    coords, y = problem(Downsample(SHAPE, 2))
    alone = [
        refine(
            small_siren(),
            coords[k : k + 1],
            Measurement(Downsample(SHAPE, 2), y[k : k + 1], RicianNoise(0.03)),
            FitOptions(**QUICK),
        )
        for k in range(3)
    ]
    for k, (_, error) in enumerate(together.curve):
        assert error == pytest.approx(sum(one.curve[k][1] for one in alone) / 3, rel=1e-3)


def test_without_steps_the_solved_readout_is_the_image() -> None:
    refined = run(steps=0, allow_no_network=False)
    assert refined.best_step.tolist() == [0, 0, 0]
    again = run(steps=0, allow_no_network=False, rate=9.0)
    assert torch.equal(refined.images, again.images)


def test_without_a_solve_the_start_is_the_network_itself() -> None:
    siren = small_siren()
    coords, _ = problem(Downsample(SHAPE, 2))
    refined = run(siren=siren, steps=0, solve=False, allow_no_network=False)
    torch.testing.assert_close(refined.images, (siren(coords)[:, 0].detach() + 1) / 2)


@pytest.mark.parametrize("optimiser", ["adam", "muon"])
def test_steps_bring_the_network_nearer_to_the_truth(optimiser: str) -> None:
    truth, everything = slice_images(3, *SHAPE), Mask(torch.ones(SHAPE))  # a mask: judged by the network alone
    rates = {"rate": 1e-3, "readout_rate": 1e-3, "optimiser": optimiser, "every": 20, "allow_no_network": False}
    start, end = (run(everything, steps=steps, **rates).images for steps in (0, 80))
    assert (end - truth).square().mean() < 0.8 * (start - truth).square().mean()


def test_where_every_layer_is_kept_no_step_leaves_the_span_of_the_features() -> None:
    siren = small_siren(layers=4)
    coords, _ = problem(Downsample(SHAPE, 2))
    refined = run(siren=siren, freeze=3, allow_no_network=False, rate=1e-2)
    assert refined.frozen == 3
    for k in range(3):
        phi = torch.cat([siren(coords[k : k + 1], features=True)[0].flatten(1), torch.ones(1, 480)]).T.detach()
        image = refined.images[k].flatten()[:, None]
        rest = image - phi @ torch.linalg.lstsq(phi, image).solution
        assert float(rest.square().mean().sqrt()) < 1e-4


def test_the_number_of_frozen_layers_is_reported() -> None:
    assert run(freeze=None, steps=1).frozen == 0
    assert 1 <= run(freeze="auto", steps=1).frozen <= 3


def test_refining_never_changes_the_network() -> None:
    siren = small_siren()
    before = copy.deepcopy(siren.state_dict())
    run(siren=siren)
    assert all(torch.equal(value, before[name]) for name, value in siren.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in siren.parameters())


def test_every_step_is_reported() -> None:
    calls: list[int] = []
    run(on_step=calls.append, steps=5)
    assert calls == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("solve", "steps"), [(True, 0), (False, 20)])
def test_held_out_measurements_never_steer_the_network(solve: bool, steps: int) -> None:
    operator = Mask(torch.ones(SHAPE))  # a mask: judged by the network alone
    coords, y = problem(operator, 1)
    options = FitOptions(solve=solve, steps=steps, allow_no_network=False, rate=1e-3)
    one = refine(small_siren(), coords, Measurement(operator, y, GaussianNoise(0.03)), options)
    generator = torch.Generator().manual_seed(0)
    count = round(max(0.03, min(0.15, 300 / 480)) * 480)
    held = torch.zeros(480, dtype=torch.bool)
    held[torch.randperm(480, generator=generator)[:count]] = True
    other = torch.where(held.reshape(SHAPE), y + 0.05, y)
    two = refine(small_siren(), coords, Measurement(operator, other, GaussianNoise(0.03)), options)
    assert one.best_step.tolist() == two.best_step.tolist() == [steps]
    torch.testing.assert_close(one.images, two.images)


def test_a_number_of_frozen_layers_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="freeze must be None"):
        run(freeze=9)
