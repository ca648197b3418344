# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the detail prior's training: same seed same bytes, cut anywhere and resumed bit for bit, errors go down."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from phantoms import ellipsoid, small_detail, small_siren
from torch import Tensor

from monai_strainer.errors import InputError
from monai_strainer.geometry import centres
from monai_strainer.networks import DetailPrior
from monai_strainer.physics import AcquisitionDistribution
from monai_strainer.pretraining.detail import DETAIL, DetailLoss, DetailRecipe, pretrain_detail
from monai_strainer.pretraining.patches import CleanScan, MeasuredPatches
from monai_strainer.pretraining.run import Run

QUICK = DetailRecipe(steps=6, groups=2, patches=1, side=16, warmup=2)
EASY = AcquisitionDistribution(factor=2.0, rician=0.05)


def heads() -> list[CleanScan]:
    shape = (24, 26, 20)
    places = [centres(n).astype(np.float32) for n in shape]
    return [
        CleanScan((ellipsoid(shape, contrast) / 1000).astype(np.float16), (places[0], places[1], places[2]), (0, 1, 2))
        for contrast in (200.0, 150.0)
    ]


def same(one: DetailPrior, two: DetailPrior) -> bool:
    return all(torch.equal(value, two.state_dict()[name]) for name, value in one.state_dict().items())


def trained(recipe: DetailRecipe = QUICK, **more: object) -> DetailPrior:
    return pretrain_detail(heads(), small_siren(), recipe, network=small_detail(), **more)  # type: ignore[arg-type]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_the_same_seed_gives_the_same_bytes() -> None:
    torch.manual_seed(1)
    one = trained(run=Run(seed=3))
    torch.manual_seed(2)
    assert same(one, trained(run=Run(seed=3))) and not same(one, trained(run=Run(seed=4)))


def test_the_first_weights_follow_from_the_seed() -> None:
    recipe = replace(QUICK, steps=0)
    with torch.no_grad():
        one, two, other = (pretrain_detail(heads(), small_siren(), recipe, run=Run(seed=seed)) for seed in (3, 3, 4))
    assert same(one, two) and not same(one, other)
    assert one.features == 16 and pretrain_detail(heads(), None, recipe).features == 0


class Cut(Exception):
    """An interruption."""


@pytest.mark.parametrize("after", [1, 3, 5])
def test_cut_anywhere_it_goes_on_bit_for_bit(after: int, tmp_path: Path) -> None:
    file, calls = tmp_path / "checkpoint.pt", []

    def cut(step: int, loss: float) -> None:
        if step == after:
            raise Cut

    whole = trained(run=Run(on_step=lambda step, loss: calls.append((step, loss))))
    with pytest.raises(Cut):
        trained(run=Run(checkpoint=file, every=1, on_step=cut))
    again: list[tuple[int, float]] = []
    resumed = trained(
        run=Run(checkpoint=file, every=1, resume=True, on_step=lambda step, loss: again.append((step, loss)))
    )
    assert same(whole, resumed)
    assert again == calls[after:]
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_finished_training_is_not_done_again(tmp_path: Path) -> None:
    file, calls = tmp_path / "checkpoint.pt", []
    whole = trained(run=Run(checkpoint=file))
    again = trained(run=Run(checkpoint=file, resume=True, on_step=lambda step, loss: calls.append(step)))
    assert same(whole, again) and not calls


def test_without_resume_a_checkpoint_is_not_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.pt"
    whole = trained(run=Run(checkpoint=file, seed=1))
    assert same(trained(run=Run(checkpoint=file, seed=0)), trained(run=Run(seed=0))) and not same(
        whole, trained(run=Run(seed=0))
    )


@pytest.mark.parametrize("what", ["recipe", "seed", "measurements", "network", "start", "heads", "siren"])
def test_a_checkpoint_of_another_training_is_refused(what: str, tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.pt"
    trained(run=Run(checkpoint=file))
    other = {
        "recipe": {"recipe": replace(QUICK, rate=1e-3)},
        "seed": {"run": Run(seed=5, checkpoint=file, resume=True)},
        "measurements": {"measurements": EASY},
        "network": {"network": small_detail(channels=(8, 16))},
        "start": {"network": small_detail(seed=1)},
        "heads": {"heads": heads()[:1]},
        "siren": {"siren": small_siren(seed=1)},
    }[what]
    again = {"heads": heads(), "siren": small_siren(), "recipe": QUICK, "network": small_detail()}
    given = {**again, "run": Run(checkpoint=file, resume=True), **other}
    with pytest.raises(InputError, match=r"checkpoint\.pt was made with .* Start again without --resume"):
        pretrain_detail(**given)  # type: ignore[arg-type]


def test_a_checkpoint_holds_no_patient(tmp_path: Path) -> None:
    trained(run=Run(checkpoint=tmp_path / "checkpoint.pt"))
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert set(state) == {"identity", "network", "average", "optimisers", "step"} and state["step"] == 6


def errors(network: DetailPrior, measurements: AcquisitionDistribution) -> tuple[float, float, float]:
    """Root mean square error of what the network is shown and of what it gives, and its deviation over its error."""
    data = MeasuredPatches(heads(), 24, patches=2, side=16, seed=99, measurements=measurements)
    before, after, sure = [], [], []
    with torch.no_grad():
        for i in range(len(data)):
            group = data[i]
            mean, log_std = network(group["image"], group["conditions"])
            before.append((group["image"][:, 2:3] - group["label"]).square().mean())
            after.append((mean - group["label"]).square().mean())
            sure.append(log_std.exp().square().mean())
    return tuple(float(torch.stack(values).mean().sqrt()) for values in (before, after, sure))  # type: ignore[return-value]


def test_errors_go_down_and_are_known() -> None:
    recipe = DetailRecipe(steps=150, groups=4, patches=2, side=16, warmup=10, rate=3e-3, average=0.95, single=0.0)
    losses: list[float] = []
    measurements = AcquisitionDistribution(2.0, 0.1, 0.1, whole=1.0)
    start = small_detail(features=0, tail=1e-3)
    network = pretrain_detail(
        heads(),
        None,
        recipe,
        network=start,
        measurements=measurements,
        run=Run(on_step=lambda _, loss: losses.append(loss)),
    )
    assert len(losses) == 150 and np.mean(losses[-50:]) < 0.8 * np.mean(losses[:50])
    before, after, sure = errors(network, measurements)
    assert after < 0.9 * before and 0.5 < sure / after < 2


def test_the_running_average_is_what_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.pt"
    network = trained(run=Run(checkpoint=file))
    state = torch.load(file, weights_only=True)
    assert all(torch.equal(value, state["average"][name]) for name, value in network.state_dict().items())
    assert not all(torch.equal(value, state["network"][name]) for name, value in network.state_dict().items())
    assert not network.training


def test_the_average_follows_its_formula(tmp_path: Path) -> None:
    """``a <- keep a + (1 - keep) w`` with ``keep = min(average, (1 + step) / (10 + step))``."""
    weights, recipe = [], replace(QUICK, average=0.15)
    for steps in range(1, 4):  # the weights after every step: rates follow from the step and the full recipe
        with pytest.raises(Cut):
            trained(recipe, run=Run(checkpoint=tmp_path / f"{steps}.pt", every=1, on_step=_stop_at(steps)))
        weights.append(torch.load(tmp_path / f"{steps}.pt", weights_only=True))
    average = dict(small_detail().state_dict())
    for step, state in enumerate(weights):
        keep = min(0.15, (1 + step) / (10 + step))
        average = {name: keep * value + (1 - keep) * state["network"][name] for name, value in average.items()}
        assert all(torch.allclose(average[name], value, atol=1e-6) for name, value in state["average"].items())


def _stop_at(step: int) -> object:
    def stop(now: int, loss: float) -> None:
        if now == step:
            raise Cut

    return stop


def test_neither_networks_nor_heads_are_changed() -> None:
    start, siren, cohort = small_detail(), small_siren(), heads()
    before, encoder, data = copy.deepcopy(start), copy.deepcopy(siren.state_dict()), [h.data.copy() for h in cohort]
    pretrain_detail(cohort, siren, QUICK, network=start)
    assert same(start, before) and all(np.array_equal(h.data, d) for h, d in zip(cohort, data))
    assert all(torch.equal(value, encoder[name]) for name, value in siren.state_dict().items())
    assert all(p.grad is None for p in siren.parameters())


def test_global_randomness_is_not_disturbed() -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    pretrain_detail(heads(), small_siren(), replace(QUICK, steps=1))
    assert torch.equal(torch.get_rng_state(), state)


def test_the_features_are_learned_from_unless_every_group_does_without() -> None:
    moved = []
    for alone in (0.0, 1.0):
        weights = trained(replace(QUICK, alone=alone)).state_dict()["marry.weight"]
        moved.append(float((weights - small_detail().state_dict()["marry.weight"]).abs().max()))
    assert moved[0] > 0 and moved[1] == 0


def test_an_empty_cohort_is_refused() -> None:
    with pytest.raises(InputError, match="cohort is empty"):
        pretrain_detail([], small_siren(), QUICK)


def test_the_rate_rises_and_falls() -> None:
    rates = [DETAIL.rate_at(step) for step in range(DETAIL.steps)]
    top = int(np.argmax(rates))
    assert top < 2 * DETAIL.warmup and max(rates) == pytest.approx(DETAIL.rate, rel=0.01)
    assert np.all(np.diff(rates[:top]) > 0) and np.all(np.diff(rates[top:]) < 0)
    assert rates[-1] == pytest.approx(0.01 * DETAIL.rate, rel=0.05)


def test_the_deviation_does_not_pull_at_the_image() -> None:
    mean, label = drawn(4, 1, 6, 6).requires_grad_(), drawn(4, 1, 6, 6, seed=1)
    found = []
    for log_std in (torch.zeros(4, 1, 6, 6), drawn(4, 1, 6, 6, seed=2)):
        (gradient,) = torch.autograd.grad(DetailLoss()(mean, log_std, label, groups=2), mean)
        found.append(gradient)
    roots = (mean - label).square().reshape(2, -1).mean(1).sqrt().mean()
    torch.testing.assert_close(found[0], torch.autograd.grad(roots, mean)[0], atol=1e-6, rtol=1e-4)
    assert torch.equal(found[0], found[1])


def test_every_group_pulls_with_the_same_force() -> None:
    error = torch.cat([0.01 * drawn(2, 1, 6, 6), drawn(2, 1, 6, 6, seed=1)]).requires_grad_()
    DetailLoss()(error, torch.zeros(4, 1, 6, 6), torch.zeros(4, 1, 6, 6), groups=2).backward()
    assert error.grad is not None
    forces = error.grad.reshape(2, -1).norm(dim=1)
    torch.testing.assert_close(forces[0], forces[1], rtol=1e-3, atol=0)


def test_the_best_deviation_is_the_error_itself() -> None:
    mean, label = drawn(2, 1, 6, 6), torch.zeros(2, 1, 6, 6)
    log_std = mean.abs().log().clamp(-6, 1).requires_grad_()
    DetailLoss()(mean.sign() * log_std.detach().exp(), log_std, label, groups=1).backward()
    assert log_std.grad is not None and float(log_std.grad.abs().max()) < 1e-8


def test_the_loss_is_its_formula() -> None:
    mean, label, log_std = drawn(4, 1, 3, 3), drawn(4, 1, 3, 3, seed=1), 0.3 * drawn(4, 1, 3, 3, seed=2)
    error = (mean - label).double()
    roots = sum(math.sqrt(float(part.square().mean())) for part in (error[:2], error[2:])) / 2
    predicted = float((log_std.double() + error.square() / (2 * (2 * log_std.double()).exp())).mean())
    assert float(DetailLoss()(mean, log_std, label, groups=2)) == pytest.approx(roots + predicted / 200, rel=1e-5)


@pytest.mark.parametrize("value", [-50.0, 50.0])
def test_a_wild_deviation_does_not_end_in_infinity(value: float) -> None:
    log_std = torch.full((2, 1, 4, 4), value, requires_grad=True)
    loss = DetailLoss()(torch.ones(2, 1, 4, 4), log_std, torch.zeros(2, 1, 4, 4), groups=1)
    assert math.isfinite(float(loss.detach()))
