# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Slices with far more noise than those around them are found, have the level that they have, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from monai_strainer import Grid, RicianNoise, Volume, load_prior, restore
from monai_strainer.restoring.noise_level import estimated_level
from monai_strainer.restoring.noisy_slices import added_noise, in_all_slices

SHAPE = (14, 64, 64)
EVERYWHERE = np.ones(SHAPE, bool)


def scan(levels: NDArray[np.float64]) -> NDArray[np.float32]:
    """Slices of smooth anatomy with noise of levels."""
    rows, columns = np.ogrid[-1:1:64j, -1:1:64j]
    anatomy = 300 + 80 * np.cos(9 * rows) * np.cos(7 * columns)
    noise = np.random.default_rng(0).standard_normal(SHAPE)
    return (anatomy + levels[:, None, None] * noise).astype(np.float32)


@pytest.mark.parametrize("some", [(0,), (13,), (6,), (5, 6, 7), (2, 9), (0, 1, 12, 13)])
@pytest.mark.parametrize("times", [3, 15])
def test_noisier_slices_are_found_with_the_level_they_have(some: tuple[int, ...], times: int) -> None:
    levels = np.full(14, 5.0)
    levels[list(some)] *= times
    added = added_noise(scan(levels), EVERYWHERE)
    assert tuple(np.flatnonzero(added)) == some
    found = in_all_slices(5.0, added, SHAPE)[:, 0, 0]
    np.testing.assert_allclose(found, levels, rtol=0.1)


@pytest.mark.parametrize(
    "levels",
    [
        np.full(14, 5.0),
        np.zeros(14),
        np.linspace(2, 10, 14),
        np.where(np.arange(14) % 2, 5.0, 8.0),
        np.where(np.arange(14) < 7, 2.0, 30.0),
    ],
    ids=["even", "none", "rising", "interleaved", "two halves"],
)
def test_a_scan_without_such_slices_has_none(levels: NDArray[np.float64]) -> None:
    assert not added_noise(scan(levels), EVERYWHERE).any()


def test_slices_without_an_object_and_zeros_do_not_count() -> None:
    data = scan(np.full(14, 5.0))
    data[3] = 0
    where = EVERYWHERE.copy()
    where[:2] = False
    assert not added_noise(data, where).any()


def test_a_map_keeps_its_shape_in_the_slices_with_usual_noise() -> None:
    usual = np.arange(1, 5, dtype=np.float32).reshape(2, 1, 2)
    found = in_all_slices(usual, np.array([0, 7, 0], np.float32), (3, 1, 2))
    assert np.array_equal(found[[0, 2]], usual)
    np.testing.assert_allclose(found[1], np.sqrt(usual[0] ** 2 + 7))


@pytest.mark.parametrize("scale", [1, 2])
def test_a_noisier_slice_costs_the_others_nothing(scale: float) -> None:
    some = np.arange(14) == 6
    grid = Grid((6, 64, 64), np.diag([4.0, 1, 1, 1]))
    results = []
    for levels in (np.full(14, 8.0), np.where(some, 90.0, 8.0)):
        out = restore(Volume(scan(levels)[4:10], grid, slice_axis=0), load_prior(), scale, adapt=0, mirrors=1)
        results.append(out.volume.data)
        listed = any(note.endswith("level of their own: 3") for note in out.report["notes"])
        assert listed == bool(levels.max() > 8)
    truth = scan(np.zeros(14))[4:10]
    if scale == 1:
        for k in (0, 5):
            usual, beside = (float(np.square(one[k] - truth[k]).mean()) for one in results)
            assert beside < 1.2 * usual and beside < 0.7 * 64
        assert np.square(results[1][2] - truth[2]).mean() < 0.3 * 90**2
    else:
        changed = np.square(results[1][[0, 5]] - results[0][[0, 5]]).mean()
        assert changed < 64


def test_the_level_of_the_other_slices_is_that_without_them() -> None:
    noisy = np.isin(np.arange(14), (2, 5, 6, 9, 12))
    data, general = scan(np.where(noisy, 90.0, 8.0)), load_prior().general
    assert general is not None
    grid = Grid((14, 64, 64), np.diag([4.0, 1, 1, 1]))
    found = [
        estimated_level(Volume(some, grid.part([0, 0, 0], some.shape), slice_axis=0), general.noise_level, RicianNoise,
                        300.0, np.ones(some.shape, bool))
        for some in (data, data[~noisy])
    ]  # fmt: skip
    assert found[0].reading.network == pytest.approx(found[1].reading.network)
    assert found[0].reading.noisy_slices == (3, 6, 7, 10, 13) and found[1].reading.noisy_slices is None
