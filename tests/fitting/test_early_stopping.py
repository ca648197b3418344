# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of held-out measurements: they alone decide, each slice for itself, and some are always left for the fit."""

from __future__ import annotations

import pytest
import torch

from monai_strainer.fitting.early_stopping import HeldOut


def drawn(share: float = 0.25, shape: tuple[int, int] = (8, 6), seed: int = 0) -> HeldOut:
    return HeldOut.draw(shape, 2, share, torch.Generator().manual_seed(seed))


def test_only_held_out_measurements_decide() -> None:
    watch = drawn()
    good_there = torch.where(watch.mask, 0.1, 9.0).expand(2, -1, -1)  # met well where held out, badly elsewhere
    watch.update(0, torch.zeros(2, 8, 6), good_there)
    watch.update(1, torch.ones(2, 8, 6), 9.1 - good_there)
    assert watch.best_step.tolist() == [0, 0] and not watch.images.any()
    assert watch.error.tolist() == pytest.approx([0.01, 0.01])


def test_each_slice_stops_for_itself() -> None:
    watch = drawn()
    for step, missed in enumerate(([1.0, 2.0], [2.0, 1.0])):
        watch.update(step, torch.full((2, 8, 6), float(step)), torch.tensor(missed)[:, None, None].expand(2, 8, 6))
    assert watch.best_step.tolist() == [0, 1] and watch.images[:, 0, 0].tolist() == [0, 1]
    assert watch.curve == [(0, 2.5), (1, 2.5)]


@pytest.mark.parametrize(("share", "count"), [(0.0, 1), (0.25, 12), (1.0, 47)])
def test_the_share_is_held_out_but_never_nothing_and_never_all(share: float, count: int) -> None:
    assert int(drawn(share).mask.sum()) == count
    assert torch.equal(drawn(share).mask, drawn(share).mask)
    assert count in (1, 47) or not torch.equal(drawn(share).mask, drawn(share, seed=1).mask)
