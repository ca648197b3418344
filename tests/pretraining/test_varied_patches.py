# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Varied patches: each follows from seed and number, shapes are those asked for, hidden neighbours are zero."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from phantoms import body_part

from monai_strainer.errors import InputError
from monai_strainer.pretraining.source import Source
from monai_strainer.pretraining.varied_patches import VariedPatches, clean_patch

DATA = (body_part()[0] / 800).astype(np.float16)
SOURCES = [
    Source(DATA, (1.0, 1.0, 3.0), (2,), "scan", "body"),
    Source(DATA, (1.0, 1.0, 1.0), (0, 1, 2), "labels", "map"),
]


def patches(seed: int = 0, **options: float) -> VariedPatches:
    return VariedPatches(SOURCES, 4, patches=2, side=32, slices=5, seed=seed, **options)  # type: ignore[arg-type]


def test_a_group_follows_from_the_seed_and_its_number_alone() -> None:
    one, two = patches(), patches()
    two[0]
    for i in (1, 3):
        assert all(torch.equal(value, two[i][name]) for name, value in one[i].items())
    assert not torch.equal(one[1]["label"], one[3]["label"])
    assert not torch.equal(one[1]["label"], patches(seed=1)[1]["label"])
    with pytest.raises(IndexError):
        one[4]


def test_shapes_are_those_of_the_network() -> None:
    group = patches()[0]
    assert group["image"].shape == (2, 7, 32, 32) and group["label"].shape == (2, 1, 32, 32)
    assert len(group["conditions"]) == 2 and group["coords"].shape == (2, 0)
    assert all(bool(torch.isfinite(value).all()) for value in group.values())


def test_hidden_neighbours_are_zero() -> None:
    image = patches(single=1.0)[0]["image"]
    assert [bool(image[:, k].any()) for k in range(5)] == [False, False, True, False, False]


def test_a_patch_is_as_wide_as_asked_for_and_knows_how_near_its_neighbours_are() -> None:
    made = clean_patch(SOURCES[0], 24, 5, 1, np.random.default_rng(0))
    assert made.patch.shape == (5, 24, 24) and made.spacing_ratio == pytest.approx(1 / 3) and made.gain > 0
    assert clean_patch(SOURCES[0], 24, 5, 0, np.random.default_rng(0)).spacing_ratio == 0


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(InputError, match="nothing to learn from"):
        VariedPatches([], 1)
