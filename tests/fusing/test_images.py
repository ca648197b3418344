# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Images of several stacks: certain stacks count more, and what nobody measured stays uncertain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from phantoms import affine_of

from monai_strainer.fitting.stack_registration import Stack
from monai_strainer.fusing.images import (
    RestoredStack,
    block_of,
    corrected,
    kriged_mean,
    posterior,
    prediction_error,
    restored_mean,
    uncertainty,
)
from monai_strainer.geometry import Grid
from monai_strainer.volume import Volume

GRID = Grid((12, 12, 12), affine_of(np.eye(3)))


def stack(level: float, axis: int, sigma: float = 0.02) -> Stack:
    shape = tuple(4 if k == axis else 12 for k in range(3))
    return Stack(torch.full(shape, level), GRID.resize(shape), axis, sigma)


def test_a_restored_stack_counts_by_its_variance() -> None:
    parts = [
        RestoredStack(Volume(np.full(GRID.shape, value), GRID), Volume(np.full(GRID.shape, std), GRID), stack(value, 2))
        for value, std in ((1.0, 0.1), (0.0, 0.3))
    ]
    mean, std = restored_mean(parts, GRID)
    weights = [1 / (s**2 + 1e-4) for s in (0.1, 0.3)]
    assert float(mean.mean()) == pytest.approx(weights[0] / sum(weights), rel=1e-4)
    assert float(std.mean()) == pytest.approx((2 / sum(weights)) ** 0.5, rel=1e-4)


def test_where_stacks_disagree_restored_stacks_count_alike() -> None:
    parts = [
        RestoredStack(
            Volume(np.full(GRID.shape, value), GRID),
            Volume(np.full(GRID.shape, std), GRID),
            replace(stack(value, 2), disagreement=1.0),
        )
        for value, std in ((1.0, 0.01), (0.0, 0.1))
    ]
    mean, std = restored_mean(parts, GRID)
    assert float(mean.mean()) == pytest.approx(0.5, abs=0.01) and float(std.mean()) == pytest.approx(1.0, abs=0.01)


def test_stacks_of_one_value_agree_on_it_and_predict_each_other() -> None:
    data = [stack(0.6, axis).data(GRID) for axis in range(3)]
    first = kriged_mean(data)
    assert float((corrected(first, data) - 0.6).abs().max()) < 0.01
    found = posterior(first, data, 0, lambda done, total: None)
    assert float((found.image - 0.6).abs().max()) < 0.01
    assert uncertainty(found.left).shape == GRID.shape
    others = kriged_mean(data[1:])
    assert prediction_error(others, data[0], data[1:]) < 0.1
    assert prediction_error(others, stack(0.9, 0).data(GRID), data[1:]) > 10


def test_a_block_is_the_middle_of_a_grid() -> None:
    wide = Grid((100, 60, 90), affine_of(2 * np.eye(3)))
    block = block_of(wide)
    assert block.shape == (80, 60, 80)
    np.testing.assert_allclose(block.corners().mean(0), wide.corners().mean(0), atol=2)
