# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The part of a stack that rises out of the noise, and what a fusion shows around it."""

from __future__ import annotations

import numpy as np
import torch

from monai_strainer import Grid
from monai_strainer.fitting.stack_registration import Stack
from monai_strainer.fusing.air import shown_part, with_air
from monai_strainer.physics import RicianNoise

SIGMA = 0.02
GRID = Grid((120, 128, 12), np.diag([1.0, 1.0, 5.0, 1.0]))
OBJECT = (slice(40, 70), slice(50, 90), slice(4, 8))


def _stack(brightness: float, noise: float = SIGMA) -> Stack:
    truth = torch.zeros(GRID.shape)
    truth[OBJECT] = brightness
    n = noise * torch.randn((2, *GRID.shape), generator=torch.Generator().manual_seed(0))
    y = RicianNoise(SIGMA).debias(torch.hypot(truth + n[0], n[1]))
    return Stack(y, GRID, 2, SIGMA)


def test_the_part_that_is_shown_is_the_object_with_a_margin() -> None:
    part = shown_part(_stack(0.1), (1.0, 1.0, 5.0))
    for some, known, margin in zip(part, OBJECT, (20, 20, 4)):
        assert known.start - margin <= some.start < known.start and known.stop < some.stop <= known.stop + margin
    sizes = [some.stop - some.start for some in part]
    assert sizes[0] % 8 == 0 and sizes[1] % 8 == 0 and 5 * sizes[2] % 8 == 0


def test_a_faint_object_is_kept() -> None:
    part = shown_part(_stack(1.5 * SIGMA), (1.0, 1.0, 1.0))
    assert all(some.start < known.start and known.stop < some.stop for some, known in zip(part, OBJECT))


def test_all_is_kept_where_nothing_rises_out_of_the_noise_or_the_noise_is_read_too_low() -> None:
    whole = tuple(slice(0, n) for n in GRID.shape)
    assert shown_part(_stack(0.0), (1.0, 1.0, 1.0)) == whole
    assert shown_part(_stack(0.1, 2 * SIGMA), (1.0, 1.0, 1.0)) == whole


def test_air_is_a_smoothed_mean_where_nothing_was_restored() -> None:
    stack = _stack(0.5)
    mean, deviation = torch.zeros(GRID.shape), torch.zeros(GRID.shape)
    mean[OBJECT], deviation[OBJECT] = 7.0, 0.3
    image, error = with_air((mean, deviation), [stack, stack], GRID)
    assert torch.equal(image[OBJECT], mean[OBJECT]) and torch.equal(error[OBJECT], deviation[OBJECT])
    air = image[:30]
    assert float(air.std()) < 0.3 * float(stack.y[:30].std()) and 0 < float(air.mean()) < SIGMA
    assert bool((error[:30] > 0).all())


def test_where_no_stack_lies_there_is_nothing() -> None:
    away = GRID.part((60, 0, 0), GRID.shape)
    empty = torch.zeros(GRID.shape)
    image, error = with_air((empty, empty), [_stack(0.5)], away)
    assert not image[61:].any() and not error[61:].any() and error[:59].all()
