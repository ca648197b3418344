# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of tiles: each follows from the seed and its number alone, and holds the intensities at its coordinates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phantoms import small_cohort

from monai_strainer.pretraining.aligned_points import CohortTiles


def tile_of(tiles: CohortTiles, i: int) -> list[bytes]:
    return [tiles[i][key].numpy().tobytes() for key in ("image", "label")]


@given(st.integers(0, 40), st.integers(0, 5))
@settings(max_examples=20, deadline=None)
def test_a_tile_depends_on_the_seed_and_its_number_alone(i: int, seed: int) -> None:
    cohort = small_cohort()
    one, two = CohortTiles(cohort, 41, 32, 2, seed), CohortTiles(cohort, 500, 32, 2, seed)
    for other in (3, 0, i):
        two[other]
    np.random.seed(i)  # noqa: NPY002
    assert tile_of(one, i) == tile_of(two, i)
    assert tile_of(one, i) != tile_of(CohortTiles(cohort, 500, 32, 2, seed + 1), i)


@given(st.integers(0, 30))
@settings(max_examples=20, deadline=None)
def test_a_tile_holds_the_cohort_s_intensities_at_its_coordinates(i: int) -> None:
    cohort = small_cohort()
    tile = CohortTiles(cohort, 31, 40, None)[i]
    place = {tuple(c): k for k, c in enumerate(cohort.points(0, np.arange(12 * 14))[:2].T.round(4))}
    level = int(np.abs(cohort.axes[0] - float(tile["image"][2, 0, 0])).argmin())
    for point in range(40):
        k = place[tuple(tile["image"][:2, point, 0].numpy().round(4))]
        expected = 2 * cohort.images[:, level].reshape(4, -1)[:, k].astype(np.float32) - 1
        np.testing.assert_allclose(tile["label"][:, point, 0], expected, atol=1e-6)


def test_a_tile_never_shows_more_scans_or_points_than_asked_for() -> None:
    tile = CohortTiles(small_cohort(scans=5), 1, 30, 2)[0]
    assert tile["image"].shape == (3, 30, 1) and tile["label"].shape == (2, 30, 1)


def test_a_whole_slice_is_shown_where_no_number_of_points_is_given() -> None:
    tile = CohortTiles(small_cohort(), 1, None, None, level=1)[0]
    np.testing.assert_array_equal(
        tile["label"][..., 0], 2 * small_cohort().images[:, 1].reshape(4, -1).astype("f4") - 1
    )


def test_there_are_no_tiles_beyond_the_last() -> None:
    with pytest.raises(IndexError):
        CohortTiles(small_cohort(), 3)[3]
