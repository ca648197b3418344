# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Slices are made comparable where they differ by more than anatomy does, and left alone elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from monai_strainer import Grid, Prior, Volume, restore
from monai_strainer.restoring.even_slices import alternation, even_slices

AXES = pytest.mark.parametrize("axis", [0, 1, 2])


def anatomy(count: int = 14) -> NDArray[np.float32]:
    """Slices that change smoothly, with noise of 2 %."""
    k, rows, columns = np.ogrid[0:count, -1:1:48j, -1:1:48j]
    image = 300 * (np.hypot(rows, columns) < 0.8) * (1 + 0.3 * np.cos(6 * rows + 0.4 * k) * np.cos(5 * columns))
    return np.abs(image + 6 * np.random.default_rng(0).standard_normal(image.shape)).astype(np.float32)


def volume(slices: NDArray[np.float32], axis: int = 0) -> Volume:
    data = np.ascontiguousarray(np.moveaxis(slices, 0, axis))
    x, y, z = data.shape
    spacing = [4.0 if k == axis else 1.0 for k in range(3)]
    return Volume(data, Grid((x, y, z), np.diag([*spacing, 1.0])), slice_axis=axis)


@AXES
@pytest.mark.parametrize("d", [-0.1, 0.05, 0.15])
def test_alternating_brightness_is_evened_out(axis: int, d: float) -> None:
    true = anatomy()
    gains = 1 + d * np.where(np.arange(len(true)) % 2, -1, 1)
    even, notes = even_slices(volume((true * gains[:, None, None]).astype(np.float32), axis))
    assert len(notes) == 1 and f"alternates by {200 * abs(d):.0f} %" in notes[0]
    np.testing.assert_allclose(even.slices(axis), true, rtol=0.02)


@pytest.mark.parametrize(
    "gains",
    [np.ones(14), np.linspace(0.6, 1.4, 14), 1 + 0.01 * (-1) ** np.arange(14), 1 + 0.1 * (np.arange(14) == 6)],
    ids=["even", "rising", "1 percent", "one bright slice"],
)
def test_other_slices_are_left_alone(gains: NDArray[np.float64]) -> None:
    scan = volume((anatomy() * gains[:, None, None]).astype(np.float32))
    even, notes = even_slices(scan)
    assert even is scan and notes == []


def test_a_few_slices_and_signed_data_are_left_alone() -> None:
    gains = 1 + 0.2 * (-1) ** np.arange(14)[:, None, None]
    assert even_slices(volume((anatomy() * gains)[:7].astype(np.float32)))[1] == []
    assert even_slices(volume((anatomy() * gains).astype(np.float32) - 100))[1] == []


@AXES
@pytest.mark.parametrize(("empty", "listed"), [([5], "6"), ([0], "1"), ([6, 7], "7, 8")])
def test_empty_slices_are_filled_from_full_ones_and_named(axis: int, empty: list[int], listed: str) -> None:
    true = anatomy()
    lost = true.copy()
    lost[empty] = 0
    even, notes = even_slices(volume(lost, axis))
    assert len(notes) == 1 and notes[0].endswith(f": {listed}")
    found = even.slices(axis)
    rest = [k for k in range(14) if k not in empty]
    assert np.array_equal(found[rest], true[rest])
    assert np.abs(found[empty] - true[empty]).mean() < 0.1 * true[empty].mean()


def test_brightness_is_read_beside_empty_slices() -> None:
    gains = 1 + 0.1 * (-1) ** np.arange(14)[:, None, None]
    made = (anatomy() * gains).astype(np.float32)
    assert alternation(made, made > 100) == pytest.approx(0.1, abs=0.01)


def test_a_scan_is_evened_only_where_it_is_refined_across_slices() -> None:
    prior, made = Prior.cold(0, hidden_channels=8), anatomy()
    made[5] = 0
    said = [
        any("empty slices" in note for note in restore(volume(made), prior, scale, steps=0).report["notes"])
        for scale in (1, 2, (2, 1, 1))
    ]
    assert said == [False, False, True]
