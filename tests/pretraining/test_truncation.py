# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The training of the truncation network: what it is shown, and a training cut anywhere and resumed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from phantoms import ellipsoid

from monai_strainer.errors import InputError
from monai_strainer.networks.truncation import TruncationNet
from monai_strainer.pretraining.run import Run
from monai_strainer.pretraining.source import Source
from monai_strainer.pretraining.truncation import (
    TruncationRecipe,
    drawn_body,
    large_enough,
    measured_slice,
    pretrain_truncation,
)

QUICK = TruncationRecipe(steps=5, slices=2, patches=1, side=16)


def source(shape: tuple[int, int, int] = (48, 40, 6)) -> Source:
    return Source((ellipsoid(shape) / 800).astype(np.float16), (1.0, 1.0, 3.0), (2,), "scan", "body")


class Killed(Exception):
    """Stands in for a machine that goes away."""


@pytest.mark.parametrize("cut", [0, 2, 4])
def test_a_training_cut_anywhere_is_the_unbroken_one(cut: int, tmp_path: Path) -> None:
    whole, file = pretrain_truncation([source()], QUICK), tmp_path / "truncation.pt"

    def kill(step: int, _: float) -> None:
        if step == cut:
            raise Killed

    with pytest.raises(Killed):
        pretrain_truncation([source()], QUICK, run=Run(checkpoint=file, every=1, on_step=kill))
    steps: list[int] = []
    go_on = Run(checkpoint=file, resume=True, on_step=lambda step, _: steps.append(step))
    resumed = pretrain_truncation([source()], QUICK, run=go_on)
    assert steps == list(range(cut, 5))
    assert all(torch.equal(value, resumed.state_dict()[name]) for name, value in whole.state_dict().items())
    with pytest.raises(ValueError, match=r"truncation\.pt was made with"):
        pretrain_truncation([source()], QUICK, run=Run(seed=1, checkpoint=file, resume=True))


def test_the_loss_falls() -> None:
    losses: list[float] = []
    recipe = TruncationRecipe(
        steps=80, slices=8, patches=1, side=24, rate=1e-2, highest=0.003, stripped=0.25, softened=0, bodies=0
    )
    pretrain_truncation(
        [source((96, 96, 8))],
        recipe,
        network=TruncationNet(channels=8),
        run=Run(on_step=lambda _, loss: losses.append(loss)),
    )
    assert np.mean(losses[-20:]) < 0.85 * np.mean(losses[:5])


def test_slices_of_both_kinds_are_shown_and_the_same_draw_is_the_same_slice() -> None:
    kinds = []
    for seed in range(12):
        one, two = (measured_slice(source(), QUICK, np.random.default_rng(seed)) for _ in range(2))
        assert torch.equal(one[0], two[0]) and one[1] == two[1]
        assert min(one[0].shape) >= QUICK.side and float(one[0].min()) >= 0
        kinds.append(one[1])
    assert 0 < sum(kinds) < len(kinds)


def test_sources_without_large_slices_are_refused() -> None:
    small = source((18, 40, 6))
    assert large_enough([small, source()], QUICK)[0].data.shape == (48, 40, 6)
    with pytest.raises(InputError, match="no slice has two axes of 20 voxels"):
        pretrain_truncation([small], QUICK)


def test_a_drawn_body_has_hard_edges_and_air_around() -> None:
    for seed in range(8):
        image = drawn_body((60, 50), np.random.default_rng(seed))
        assert image.shape == (60, 50) and image.min() >= 0 and 0.05 < image.max() < 1.1
        assert 0.1 < (image > 0).mean() < 0.8 and not image[[0, -1]].any() and not image[:, [0, -1]].any()
        beside = np.abs(np.diff(image, axis=0))[(image[1:] > 0) != (image[:-1] > 0)]
        assert beside.min() > 0.05  # from the air to the body in one voxel


def test_bodies_and_softened_slices_are_drawn_as_often_as_asked() -> None:
    recipes = [replace(QUICK, bodies=bodies, softened=softened) for bodies, softened in ((0, 0), (1, 0), (0, 1))]
    plain, body, soft = (measured_slice(source(), recipe, np.random.default_rng(3))[0] for recipe in recipes)
    assert not torch.equal(plain, body) and not torch.equal(plain, soft)
    assert not torch.equal(body, soft)
