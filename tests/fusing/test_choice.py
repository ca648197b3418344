# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The method of a fusion is the one that predicts a stack better, unless one is asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from phantoms import affine_of

from monai_strainer.fitting.stack_registration import Aligned, Stack
from monai_strainer.fusing import choice
from monai_strainer.fusing.choice import chosen
from monai_strainer.fusing.images import RestoredStack
from monai_strainer.fusing.options import FuseOptions
from monai_strainer.geometry import Grid
from monai_strainer.volume import Volume

GRID = Grid((12, 12, 12), affine_of(np.eye(3)))


def given(restored: float) -> tuple[list[RestoredStack], list[Aligned]]:
    """Three stacks of the value 0.6, and what a prior made of each: one value everywhere."""
    parts, aligned = [], []
    for axis in range(3):
        shape = tuple(4 if k == axis else 12 for k in range(3))
        stack = Stack(torch.full(shape, 0.6), GRID.resize(shape), axis, 0.02)
        images = (Volume(np.full(GRID.shape, value), GRID) for value in (restored, 0.01))
        parts.append(RestoredStack(*images, stack))
        aligned.append(Aligned(stack, True, (0.0, 0.0), 1.0, 1.0))
    return parts, aligned


def test_a_prior_that_is_wrong_is_not_chosen() -> None:
    found = chosen(FuseOptions(), *given(0.2), GRID)
    assert found.predicted["mean"] < found.predicted["network"]
    assert found.method != "network"


@pytest.mark.parametrize("best", ["network", "kriging"])
def test_a_method_that_is_clearly_better_than_the_mean_is_taken(best: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"network": 0.2, "kriging": 0.5, "mean": 0.7}

    def error(first: tuple[torch.Tensor, torch.Tensor], *data: object, correct: bool) -> float:
        return 1.0 if float(first[0]) == values[best] else 1.2

    monkeypatch.setattr(
        choice, "start_of", lambda method, *given: (torch.tensor(values[method], dtype=torch.float64), None)
    )
    monkeypatch.setattr(choice, "prediction_error", error)
    found = chosen(FuseOptions(), *given(0.2), GRID)
    assert found.predicted == pytest.approx({"network": 1.2, "kriging": 1.2, "mean": 1.2} | {best: 1.0})
    assert found.method == best and found.why == "it predicts the stacks best from each other"


def test_the_mean_is_taken_where_no_method_is_clearly_better(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = iter((0.99, 0.97, 1.0) * 3)
    monkeypatch.setattr(choice, "prediction_error", lambda *given, correct: next(errors))
    found = chosen(FuseOptions(), *given(0.2), GRID)
    assert found.method == "mean" and found.why.startswith("no other method predicts the stacks clearly better")


def test_the_choice_is_never_worse_than_the_mean_of_the_stacks() -> None:
    for restored in (0.2, 0.59):
        found = chosen(FuseOptions(), *given(restored), GRID)
        assert set(found.predicted) == {"network", "kriging", "mean"}
        assert found.predicted[found.method] <= found.predicted["mean"]


@pytest.mark.parametrize("method", ["network", "kriging", "mean"])
def test_a_method_that_is_asked_for_is_taken_without_a_trial(method: str) -> None:
    found = chosen(FuseOptions(method=method), *given(0.2), GRID)
    assert found.method == method and not found.predicted


def test_stacks_that_overlap_only_outside_the_block_where_methods_are_tried_are_averaged() -> None:
    parts, aligned = [], []
    for begin, length, axis in ((0, 240, 2), (200, 240, 1)):
        place = np.eye(4)
        place[0, 3] = begin
        whole = Grid((length, 12, 12), affine_of(np.eye(3)) @ place)
        stack = Stack(torch.full((length, 12, 12), 0.6), whole, axis, 0.02)
        images = (Volume(np.full(whole.shape, value, np.float32), whole) for value in (0.6, 0.01))
        parts.append(RestoredStack(*images, stack))
        aligned.append(Aligned(stack, True, (0.0, 0.0), 1.0, 1.0))
    found = chosen(FuseOptions(), parts, aligned, aligned[0].stack.grid)
    assert found.method == "mean" and "overlap" in found.why
