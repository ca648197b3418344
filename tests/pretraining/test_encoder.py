# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of pretraining: same seed same bytes, cut anywhere and resumed bit for bit, and no readout is ever stored."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from phantoms import small_cohort, small_siren

from monai_strainer.networks import Siren
from monai_strainer.pretraining.encoder import (
    COHORT,
    META,
    PAPER,
    Kind,
    Recipe,
    pretrain,
)
from monai_strainer.pretraining.run import Run

QUICK = Recipe(steps=6, tiles=2, points=64, images=3)
QUICK_PAPER = Recipe(steps=6, tiles=1, points=None, images=3, rate=1e-3, warmup=0, trained_heads=True)


def same(one: Siren, two: Siren) -> bool:
    return all(torch.equal(value, two.state_dict()[name]) for name, value in one.state_dict().items())


KINDS = pytest.mark.parametrize(("kind", "recipe"), [("cohort", QUICK), ("cohort", QUICK_PAPER), ("meta", QUICK)])


@KINDS
def test_the_same_seed_gives_the_same_bytes(kind: Kind, recipe: Recipe) -> None:
    start = small_siren()
    torch.manual_seed(1)
    one = pretrain(small_cohort(), recipe, kind=kind, network=start, run=Run(seed=2))
    torch.manual_seed(99)
    assert same(one, pretrain(small_cohort(), recipe, kind=kind, network=start, run=Run(seed=2)))
    assert not same(one, pretrain(small_cohort(), recipe, kind=kind, network=start, run=Run(seed=3)))


class Killed(Exception):
    """Stands in for a machine that goes away."""


@pytest.mark.parametrize("killed_at", [0, 1, 2, 4, 5])
@KINDS
def test_a_run_cut_anywhere_and_resumed_is_the_unbroken_run(
    kind: Kind, recipe: Recipe, killed_at: int, tmp_path: Path
) -> None:
    start, file = small_siren(), tmp_path / "run.pt"
    unbroken = pretrain(small_cohort(), recipe, kind=kind, network=start)

    def kill(step: int, _: float) -> None:
        if step == killed_at:
            raise Killed

    with pytest.raises(Killed):
        pretrain(small_cohort(), recipe, kind=kind, network=start, run=Run(checkpoint=file, every=2, on_step=kill))
    calls: list[int] = []
    resumed = pretrain(
        small_cohort(),
        recipe,
        kind=kind,
        network=start,
        run=Run(checkpoint=file, every=2, resume=True, on_step=lambda k, _: calls.append(k)),
    )
    assert same(resumed, unbroken)
    assert calls == list(range(killed_at // 2 * 2, 6))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run-statistics.pt", "run.pt"]


def test_a_finished_run_resumed_does_nothing_more(tmp_path: Path) -> None:
    one = pretrain(small_cohort(), QUICK, network=small_siren(), run=Run(checkpoint=tmp_path / "run.pt"))
    calls: list[int] = []
    two = pretrain(
        small_cohort(),
        QUICK,
        network=small_siren(),
        run=Run(checkpoint=tmp_path / "run.pt", resume=True, on_step=lambda k, _: calls.append(k)),
    )
    assert same(one, two) and not calls


def test_without_resume_a_checkpoint_is_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "run.pt").write_bytes(b"an old one")
    pretrain(small_cohort(), QUICK, network=small_siren(), run=Run(checkpoint=tmp_path / "run.pt"))


@pytest.mark.parametrize(("recipe", "seed"), [(Recipe(steps=6, tiles=2, points=32, images=3), 0), (QUICK, 1)])
def test_a_checkpoint_of_another_recipe_or_seed_is_refused(recipe: Recipe, seed: int, tmp_path: Path) -> None:
    pretrain(small_cohort(), QUICK, network=small_siren(), run=Run(checkpoint=tmp_path / "run.pt"))
    with pytest.raises(ValueError, match=r"run\.pt was made with"):
        pretrain(
            small_cohort(),
            recipe,
            network=small_siren(),
            run=Run(seed=seed, checkpoint=tmp_path / "run.pt", resume=True),
        )


def test_a_checkpoint_of_an_accelerator_goes_on_here(tmp_path: Path) -> None:
    unbroken = pretrain(small_cohort(), QUICK, network=small_siren(), run=Run(checkpoint=tmp_path / "run.pt", every=4))
    kept = torch.load(tmp_path / "run.pt", weights_only=True)
    kept["step"] -= 1
    for group in kept["optimiser"]["param_groups"]:  # what an optimiser over there says of itself
        group.update(lr=torch.tensor(0.5), capturable=True, fused=True)
    torch.save(kept, tmp_path / "run.pt")
    calls: list[int] = []
    further = pretrain(
        small_cohort(),
        QUICK,
        network=small_siren(),
        run=Run(checkpoint=tmp_path / "run.pt", resume=True, on_step=lambda k, _: calls.append(k)),
    )
    assert calls == [QUICK.steps - 1]
    moved = (further.encoder[1][0].weight - unbroken.encoder[1][0].weight).detach().abs()
    assert 0 < float(moved.max()) < 0.01


def test_a_checkpoint_of_another_width_is_refused(tmp_path: Path) -> None:
    pretrain(small_cohort(), QUICK, network=small_siren(), run=Run(checkpoint=tmp_path / "run.pt"))
    with pytest.raises(ValueError, match=r"run\.pt was made with"):
        pretrain(
            small_cohort(), QUICK, network=small_siren(width=24), run=Run(checkpoint=tmp_path / "run.pt", resume=True)
        )


def test_a_checkpoint_of_another_cohort_is_refused(tmp_path: Path) -> None:
    pretrain(small_cohort(), QUICK, network=small_siren(), run=Run(checkpoint=tmp_path / "run.pt"))
    with pytest.raises(ValueError, match=r"run\.pt was made with"):
        pretrain(
            small_cohort(seed=1), QUICK, network=small_siren(), run=Run(checkpoint=tmp_path / "run.pt", resume=True)
        )


def test_a_checkpoint_of_another_kind_is_refused(tmp_path: Path) -> None:
    pretrain(small_cohort(), QUICK, network=small_siren(), run=Run(checkpoint=tmp_path / "run.pt"))
    with pytest.raises(ValueError, match=r"run\.pt was made with"):
        pretrain(
            small_cohort(),
            QUICK,
            kind="meta",
            network=small_siren(),
            run=Run(checkpoint=tmp_path / "run.pt", resume=True),
        )


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no kind 'maml'"):
        pretrain(small_cohort(), QUICK, kind="maml", network=small_siren())  # type: ignore[arg-type]


def test_a_start_has_no_readout_of_any_one_image_to_train() -> None:
    with pytest.raises(ValueError, match="trained readouts"):
        pretrain(small_cohort(), QUICK_PAPER, kind="meta", network=small_siren())


def test_a_start_keeps_the_readout_it_was_learned_with() -> None:
    cohort = small_cohort()
    start, encoder = (pretrain(cohort, QUICK, kind=kind, network=small_siren()) for kind in ("meta", "cohort"))
    moved = [float((s.readout.weight - small_siren().readout.weight).abs().max()) for s in (start, encoder)]
    assert 0 < moved[0] <= 1.2 * QUICK.steps * META.rate * 4 < moved[1]


def test_no_readout_is_stored_and_nothing_grows_with_the_cohort(tmp_path: Path) -> None:
    sizes = []
    for scans in (2, 8):
        file = tmp_path / f"{scans}.pt"
        recipe = Recipe(steps=2, tiles=1, points=32, images=None)
        siren = pretrain(small_cohort(scans), recipe, network=small_siren(), run=Run(checkpoint=file))
        state = torch.load(file, weights_only=True)
        assert not [name for name in state["module"] if "head" in name]
        sizes.append(
            (sum(v.numel() for v in siren.state_dict().values()), sum(v.numel() for v in state["module"].values()))
        )
    assert sizes[0] == sizes[1]


def test_training_brings_the_loss_down() -> None:
    losses: list[float] = []
    recipe = Recipe(steps=60, tiles=2, points=None, images=None, rate=3e-3)
    pretrain(small_cohort(), recipe, network=small_siren(), run=Run(on_step=lambda _, loss: losses.append(loss)))
    assert np.mean(losses[-8:]) < 0.6 * np.mean(losses[:8])


def test_the_paper_s_recipe_brings_the_loss_down() -> None:
    losses: list[float] = []
    recipe = Recipe(**{**PAPER.__dict__, "steps": 60, "images": 3, "rate": 1e-3})
    pretrain(small_cohort(), recipe, network=small_siren(), run=Run(on_step=lambda _, loss: losses.append(loss)))
    assert losses[-1] < 0.5 * losses[0]


def test_the_paper_s_recipe_is_the_paper_s() -> None:
    assert (PAPER.steps, PAPER.images, PAPER.rate, PAPER.points) == (5000, 10, 1e-4, None)
    assert PAPER.trained_heads and all(PAPER.rate_at(step) == 1e-4 for step in (0, 2500, 4999))


def test_the_rate_rises_and_falls() -> None:
    rates = [COHORT.rate_at(step) for step in range(COHORT.steps)]
    top = int(np.argmax(rates))
    assert top < 2 * COHORT.warmup and max(rates) == pytest.approx(COHORT.rate, rel=0.01)
    assert np.all(np.diff(rates[:top]) > 0) and np.all(np.diff(rates[top:]) < 0)
    assert rates[-1] == pytest.approx(0.03 * COHORT.rate, rel=0.05)


@pytest.mark.parametrize("rule", ["cohort", "paper", "meta"])
def test_a_step_is_as_long_as_the_rate_of_its_place(rule: str) -> None:
    recipe = replace(QUICK_PAPER if rule == "paper" else QUICK, steps=1, warmup=50)
    start = small_siren()
    end = pretrain(small_cohort(), recipe, kind="meta" if rule == "meta" else "cohort", network=start)
    moved = torch.stack([(a - b).abs().max() for a, b in zip(end.encoder.parameters(), start.encoder.parameters())])
    assert float(moved.max()) == pytest.approx(recipe.rate_at(0), rel=0.01)  # Adam's first step has that length
    assert recipe.rate_at(0) == pytest.approx(recipe.rate / 50)


def test_neither_the_network_nor_the_cohort_is_changed() -> None:
    start, cohort = small_siren(), small_cohort()
    before, images = copy.deepcopy(start), cohort.images.copy()
    pretrain(cohort, QUICK, network=start)
    assert same(start, before) and np.array_equal(cohort.images, images)


def test_global_randomness_is_not_disturbed() -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    pretrain(small_cohort(), QUICK, network=small_siren())
    assert torch.equal(torch.get_rng_state(), state)
