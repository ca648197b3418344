# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the patches that networks read: they cover what holds signal, and are few."""

from __future__ import annotations

import numpy as np
import pytest

from monai_strainer.restoring.patches import evenly_spaced, patches_of

RNG = np.random.default_rng(0)


def stack(shape: tuple[int, int, int]) -> np.ndarray:
    return RNG.random(shape, np.float32) + 1


@pytest.mark.parametrize("shape", [(3, 70, 50), (1, 32, 32), (40, 33, 20)])
def test_every_voxel_of_a_slice_lies_in_a_patch(shape: tuple[int, int, int]) -> None:
    slices, seen = stack(shape), np.zeros(shape, bool)
    for patches, middles in patches_of(slices, slices > 0, 32, 10**6):
        for patch, (s, r, c) in zip(patches[:, 0].numpy(), middles):
            h, w = patch.shape
            window = (s, slice(round(r - h / 2), round(r + h / 2)), slice(round(c - w / 2), round(c + w / 2)))
            assert np.array_equal(slices[window], patch)
            seen[window] = True
    planes = seen.any((1, 2))
    assert seen[planes].all() and planes.sum() == min(shape[0], 24)


def test_there_are_no_more_than_asked_for() -> None:
    slices = stack((30, 200, 200))
    assert 30 < sum(len(patches) for patches, _ in patches_of(slices, slices > 0, 32, 100)) <= 120


def test_air_is_passed_over_where_there_is_signal_and_read_where_there_is_none() -> None:
    slices, signal = stack((1, 64, 64)), np.zeros((1, 64, 64), bool)
    assert sum(len(p) for p, _ in patches_of(slices, signal, 32, 100)) == 4
    signal[:, :32, :32] = True
    ((patches, middles),) = patches_of(slices, signal, 32, 100)
    assert len(patches) == 1 and middles == [(0, 16.0, 16.0)]


def test_constant_patches_are_never_read() -> None:
    assert list(patches_of(np.ones((2, 40, 40), np.float32), np.ones((2, 40, 40), bool), 32, 100)) == []


@pytest.mark.parametrize(("count", "most"), [(1, 16), (5, 16), (16, 16), (17, 16), (160, 24)])
def test_slices_are_evenly_spaced_from_the_first_to_the_last(count: int, most: int) -> None:
    chosen = evenly_spaced(count, most)
    gaps = np.diff(chosen)
    assert len(chosen) == min(count, most) and chosen[0] == 0 and chosen[-1] == count - 1
    assert len(gaps) == 0 or (gaps.min() >= 1 and gaps.max() - gaps.min() <= 1)
