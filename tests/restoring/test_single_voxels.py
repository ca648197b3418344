# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of single voxels: what is no part of their surroundings is interpolated, and the rest is restored without it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from phantoms import body_part, body_volume, rician, small_prior

from monai_strainer import Prior, RestoreOptions, Volume, load_prior, restore
from monai_strainer.evaluation.baselines import cubic
from monai_strainer.physics import Profile
from monai_strainer.restoring.prepare import prepare
from monai_strainer.restoring.single_voxels import interpolated, single_voxels

EVERYWHERE = np.ones((20, 18, 3), bool)


@pytest.fixture(scope="module")
def prior() -> Prior:
    return load_prior()


def even(**places: float) -> np.ndarray:
    """An even image of 100 with a little noise, and other values at places ``r_c``."""
    data = np.random.default_rng(0).normal(100, 1, EVERYWHERE.shape).astype(np.float32)
    for place, value in places.items():
        row, column = (int(n) for n in place[1:].split("_"))
        data[row, column, 1] = value
    return data


def found_in(data: np.ndarray) -> np.ndarray | None:
    return single_voxels(body_volume(data), EVERYWHERE)


def spotted(seed: int = 0) -> tuple[Volume, np.ndarray]:
    """A body part with black and white voxels, and where the object is."""
    truth, inside = body_part()
    y, drawn = rician(truth, 16), np.random.default_rng(seed).random(truth.shape)
    return body_volume(np.where(drawn < 0.003, 0, np.where(drawn > 0.997, 1500, y)).astype(np.float32)), inside


@pytest.mark.parametrize("value", [0.0, 180.0])
def test_a_voxel_far_from_all_around_it_is_found_with_its_difference(value: float) -> None:
    for place in ("a5_6", "a0_0", "a19_17"):
        found = found_in(even(**{place: value}))
        assert found is not None and np.count_nonzero(found) == 1
        assert float(found.sum()) == pytest.approx(value - 100, abs=2)


def test_a_small_difference_a_line_and_an_edge_are_anatomy() -> None:
    assert found_in(even(a5_6=75.0)) is None and found_in(even(a5_6=125.0)) is None
    line, edge = even(), even()
    line[5] += 80
    edge[:9] += 100
    assert found_in(line) is None and found_in(edge) is None


def test_two_voxels_side_by_side_are_found_and_a_third_makes_them_anatomy() -> None:
    pair = found_in(even(a5_6=180.0, a5_7=180.0))
    assert pair is not None and np.count_nonzero(pair) == 2
    assert found_in(even(a5_6=180.0, a5_7=180.0, a6_6=180.0)) is None


def test_a_textured_surrounding_must_be_left_further_behind() -> None:
    rough = even()
    rough[::2, ::2] += 60
    rough[5, 6] = 180
    assert found_in(rough) is None


def test_the_slices_are_those_of_the_scan() -> None:
    data = even(a5_6=180.0)
    scan = replace(body_volume(data), slice_axis=0)
    assert single_voxels(scan, EVERYWHERE) is not None
    data[5, 6] = 180.0  # a column through all slices is a single voxel in each of them, and a line across
    assert np.count_nonzero(found_in(data)) == 3
    assert single_voxels(replace(body_volume(data), slice_axis=0), EVERYWHERE) is None


def test_nothing_is_left_of_what_was_found_and_the_unit_does_not_count() -> None:
    scan, inside = spotted()
    found = single_voxels(scan, inside)
    assert found is not None and 40 < np.count_nonzero(found) < 300
    assert single_voxels(replace(scan, data=scan.data - found), inside) is None
    larger = single_voxels(replace(scan, data=1000 * scan.data), inside)
    assert larger is not None and np.allclose(larger, 1000 * found, rtol=1e-5)


def test_many_are_texture_and_a_plane_of_two_voxels_has_none() -> None:
    rng = np.random.default_rng(0)
    assert found_in(np.where(rng.random(EVERYWHERE.shape) < 0.08, 300, even()).astype(np.float32)) is None
    thin = np.ones((2, 18, 3), np.float32)
    thin[1, 5, 1] = 50
    assert single_voxels(body_volume(thin), thin > 0) is None


def test_the_interpolation_is_that_of_cubic_splines_in_the_same_field_of_view() -> None:
    data = np.random.default_rng(0).normal(0, 1, (12, 9, 4)).astype(np.float32)
    made = np.moveaxis(interpolated(data, (24, 20, 4)), -1, 0)
    assert np.allclose(made, cubic(np.moveaxis(data, -1, 0), (24, 20)), atol=1e-4)
    assert interpolated(data, data.shape) is data


def test_a_refined_scan_is_the_refined_rest_and_the_interpolated_voxels(prior: Prior) -> None:
    scan, inside = spotted()
    found = single_voxels(scan, inside)
    assert found is not None
    out = restore(scan, prior, 2)
    rest = restore(replace(scan, data=scan.data - found), prior, 2)
    back = interpolated(found, out.volume.data.shape)
    assert np.allclose(out.volume.data, np.maximum(rest.volume.data + back, 0), atol=0.05)
    assert np.allclose(out.std, np.hypot(rest.std, back), rtol=1e-4, atol=0.01)
    assert any("single voxels differ" in note for note in out.report["notes"])
    assert not any("single voxels" in note for note in rest.report["notes"])


def test_a_scan_to_denoise_and_one_with_an_operator_of_its_own_are_taken_as_they_are() -> None:
    scan, _ = spotted()
    refined = prepare(scan, small_prior(), (2.0, 2.0, 1.0), RestoreOptions(sigma=16.0), True)
    assert refined.single is not None
    assert np.array_equal(refined.acquired.volume.data, scan.data - refined.single)
    same = prepare(scan, small_prior(), (1.0, 1.0, 1.0), RestoreOptions(sigma=16.0), True)
    given = RestoreOptions(sigma=16.0, operator=lambda fine, low: Profile()(fine, low))
    own = prepare(scan, small_prior(), (2.0, 2.0, 1.0), given, True)
    assert same.single is None and own.single is None and np.array_equal(same.acquired.volume.data, scan.data)
