# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The method follows from operator and noise; what was not trained goes to plug-and-play."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from phantoms import HEAD_SHAPE as SHAPE
from phantoms import oblique_head as head
from phantoms import small_prior_with_detail

from monai_strainer import InputError, Prior, restore
from monai_strainer.physics import Blur, Downsample, KSpaceLines, Mask, random_lines


@pytest.fixture(scope="module")
def prior() -> Prior:
    return Prior.cold(0, hidden_channels=16, num_layers=3)


@pytest.fixture(scope="module")
def both() -> Prior:
    return small_prior_with_detail(tail=0.005)


def test_the_method_is_chosen_from_operator_and_noise_alone(both: Prior) -> None:
    def masked(fine: tuple[int, ...], measured: tuple[int, ...]) -> Mask:
        return Mask(torch.ones(fine, dtype=torch.bool))

    scan = head()
    assert restore(scan, both, 1, operator=masked).report["method"] == "plug_and_play"
    assert restore(scan, both, (8, 1, 1)).report["method"] == "plug_and_play"
    assert restore(scan, both, 1, sigma=0.2 * 850).report["method"] == "plug_and_play"
    assert restore(scan, both, (4, 1, 1)).report["method"] == "amortised"
    assert restore(scan, replace(both, detail=None), 2, steps=0).report["method"] == "coordinates"


def test_an_operator_that_no_training_drew_is_left_to_plug_and_play(both: Prior) -> None:
    assert restore(head(), both, 1, operator=lambda fine, measured: Blur(fine, 2.0)).report["method"] == "plug_and_play"
    lines = KSpaceLines(SHAPE[:2], 0, random_lines(SHAPE[0], 2))  # made for these slices: no other shape is asked of it
    assert restore(head(), both, 1, operator=lambda fine, measured: lines).report["method"] == "plug_and_play"


def test_a_method_that_cannot_be_is_refused(prior: Prior) -> None:
    with pytest.raises(InputError, match="there is no method 'magic'"):
        restore(head(), prior, 2, method="magic")
    with pytest.raises(InputError, match="no detail prior"):
        restore(head(), prior, 2, method="amortised")


def test_a_thickness_beside_an_operator_of_ones_own_is_refused(both: Prior) -> None:
    with pytest.raises(InputError, match="has its own"):
        restore(head(), both, (1, 1, 2), operator=Downsample.onto, thickness=10)


def test_a_thickness_of_nothing_is_refused(both: Prior) -> None:
    with pytest.raises(InputError, match="thickness 0 is not above 0"):
        restore(head(), both, (1, 1, 2), thickness=0)
