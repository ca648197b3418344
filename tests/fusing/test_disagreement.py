# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Stacks that agree are fused as their noise says; where tissue moves between them, the result follows their mean."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage
from stacks import GRID, SHAPE, cut, phantom

from monai_strainer.fitting.stack_registration import Aligned, Stack
from monai_strainer.fusing.disagreement import disagreement_of, varying_together, with_disagreement
from monai_strainer.fusing.images import corrected, kriged_start, prediction_error

SIGMA = 0.01


@lru_cache
def moved_inside(amount: float, seed: int) -> NDArray[np.float32]:
    """The phantom after a smooth motion that is no rotation and no shift, as of bowel; amount in voxels."""
    draw = np.random.default_rng(seed)
    fields = [ndimage.gaussian_filter(draw.standard_normal(SHAPE), 4.0) for _ in range(3)]
    places = [i + amount * f / f.std() for i, f in zip(np.indices(SHAPE), fields)]
    out: NDArray[np.float32] = ndimage.map_coordinates(phantom(), places, order=1)
    return out


def stacks(amount: float, first_seed: int = 0) -> list[Stack]:
    """Three stacks, each of another state of the inside."""
    found = []
    for seed, axis in enumerate((2, 1, 0), first_seed):
        one = cut(moved_inside(amount, seed), axis, 3, [0.0] * 6, sigma=1000 * SIGMA)
        found.append(Stack(torch.from_numpy(one.data / np.float32(1000)), one.grid, axis, SIGMA))
    return found


def widened(some: list[Stack]) -> list[Stack]:
    found = with_disagreement([Aligned(one, True, (0.0, 0.0), 1.0, 1.0) for one in some], GRID, 0)
    return [one.stack for one in found]


def test_stacks_that_agree_lose_nothing() -> None:
    agree = stacks(0.0)
    truth, mask = torch.from_numpy(phantom() / np.float32(1000)), torch.from_numpy(phantom() > 0)
    psnr = []
    for some in (agree, widened(agree)):
        image = corrected(kriged_start(some, GRID), [one.data(GRID) for one in some])
        psnr.append(float(-10 * (image - truth)[mask].square().mean().log10()))
    assert psnr[1] > psnr[0] - 0.1


def predicted(amount: float, count: int) -> list[float]:
    """Error of a further stack that is predicted as noise alone says, and with the disagreement."""
    some = stacks(amount)[:count]
    left_out, errors = stacks(amount, first_seed=7)[2].data(GRID), []
    for others in (some, widened(some)):
        errors.append(prediction_error(kriged_start(others, GRID), left_out, [one.data(GRID) for one in others]))
    return errors


@pytest.mark.parametrize("count", [2, 3])
def test_stacks_that_disagree_predict_another_better_by_their_mean(count: int) -> None:
    before, after = predicted(2.5, count)
    assert after < 0.99 * before


def test_a_third_stack_keeps_the_sharpness_where_stacks_hardly_disagree() -> None:
    before, after = predicted(0.5, 3)
    assert widened(stacks(0.5))[0].disagreement < disagreement_of([one.data(GRID) for one in stacks(0.5)], 0)
    assert after < 1.03 * before


def test_all_stacks_share_the_value_and_it_grows_with_the_motion() -> None:
    still, little, much = (disagreement_of([one.data(GRID) for one in stacks(k)], 0) for k in (0.0, 0.5, 1.5))
    assert still < little < much
    assert len({one.disagreement for one in widened(stacks(1.0))}) == 1


@pytest.mark.parametrize("width", [1.0, 2.0])
def test_voxels_that_vary_together_count_as_one(width: float) -> None:
    white = np.random.default_rng(0).standard_normal((32, 32, 32))
    smooth = torch.from_numpy(ndimage.gaussian_filter(white, width, mode="wrap"))
    # a Gaussian of width s correlates over 2 s sqrt(pi) voxels along every axis
    assert varying_together(smooth, torch.ones(32, 32, 32)) == pytest.approx((2 * width * np.pi**0.5) ** 3, rel=0.3)
