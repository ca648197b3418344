# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of giving back: nothing where nothing was removed, next to nothing of noise, most of a spot that was removed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from monai_strainer import Grid, InputError, Prior, RestoreOptions, Volume, load_prior, restore
from monai_strainer.restoring.given_back import give_back

SHAPE = (4, 64, 64)
ALL = np.ones(SHAPE, bool)


@pytest.fixture(scope="module")
def prior() -> Prior:
    return load_prior()


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(SHAPE).astype(np.float32)


def spots() -> np.ndarray:
    """Balls of radius 1.5 voxels, four times as high as the noise."""
    x, y = np.meshgrid(np.arange(64), np.arange(64), indexing="ij")
    disc = ((x % 16 - 8) ** 2 + (y % 16 - 8) ** 2) <= 1.5**2
    return np.broadcast_to(4.0 * disc, SHAPE).astype(np.float32)


def test_nothing_comes_back_where_nothing_was_removed() -> None:
    image, std = noise(), np.ones(SHAPE, np.float32)
    out, wider = give_back(image, std, image, 1.0, ALL, (3, 1, 1))
    assert np.array_equal(out, image) and np.array_equal(wider, std)


@pytest.mark.parametrize("width", range(2, 8))
def test_a_line_comes_back_in_an_image_that_is_narrower_than_the_filters(width: int) -> None:
    truth = np.zeros((4, 64, width), np.float32)
    truth[:, 20:44, width // 2] = 6
    zero, all_ = np.zeros_like(truth), np.ones(truth.shape, bool)
    noisy = truth + noise()[:, :, :width]
    found, turned = (
        give_back(turn(zero), turn(zero), turn(noisy), 1.0, turn(all_), (3, 1, 1))[0]
        for turn in (np.asarray, lambda image: np.ascontiguousarray(image.transpose(0, 2, 1)))
    )
    assert float((found * truth).sum() / np.square(truth).sum()) > 0.5
    np.testing.assert_allclose(turned.transpose(0, 2, 1), found, atol=1e-3)


@pytest.mark.parametrize(("more", "most"), [(False, 0.005), (True, 0.015)])
@pytest.mark.parametrize("spacing", [(3, 1, 1), (1, 1, 1)])
def test_next_to_nothing_of_pure_noise_comes_back(more: bool, most: float, spacing: tuple[float, ...]) -> None:
    zero = np.zeros(SHAPE, np.float32)
    out, _ = give_back(zero, zero, noise(), 1.0, ALL, spacing, more=more)
    assert np.square(out).mean() < most


def test_noise_of_uneven_strength_is_not_taken_for_lesions() -> None:
    """A network leaves more noise in some places than in others: the residual is quiet there, and loud elsewhere."""
    strength = np.where(np.arange(64) < 40, 0.4, 1.0).astype(np.float32)[:, None]
    zero = np.zeros(SHAPE, np.float32)
    out, _ = give_back(zero, zero, strength * noise(), 1.0, ALL, (3, 1, 1))
    assert np.square(out).mean() < 0.01


def test_one_find_brings_back_its_neighbourhood_alone() -> None:
    """However the rest of the residual is, what is found has a reach."""
    zero, data = np.zeros(SHAPE, np.float32), 0.9 * noise()
    data[2, 32, 32] += 30
    found, without = (give_back(zero, zero, x, 1.0, ALL, (3, 1, 1))[0] for x in (data, 0.9 * noise()))
    changed = np.argwhere(np.abs(found - without) > 0.05)
    assert len(changed) and np.abs(changed[:, 1:] - 32).max() <= 16
    assert abs(found[2, 32, 32] - data[2, 32, 32]) < 3


@pytest.mark.parametrize("spacing", [(3, 1, 1), (1, 1, 1), (0.5, 0.5, 0.5)])
def test_most_of_a_spot_that_was_removed_comes_back(spacing: tuple[float, float, float]) -> None:
    lesion, zero = spots(), np.zeros(SHAPE, np.float32)
    with_it, without = (give_back(zero, zero, truth + noise(), 1.0, ALL, spacing)[0] for truth in (lesion, zero))
    kept = float(((with_it - without) * lesion).sum() / np.square(lesion).sum())
    assert kept > 0.7


@pytest.mark.parametrize("more", [False, True])
def test_faint_spots_stay_and_more_of_them_where_that_is_asked_for(more: bool) -> None:
    """Two deviations of the noise: a voxel of it is nothing, a ball of them is found."""
    lesion, zero = 0.6 * spots(), np.zeros(SHAPE, np.float32)
    with_it, without = (give_back(zero, zero, x + noise(), 1.0, ALL, (1, 1, 1), more=more)[0] for x in (lesion, zero))
    assert float(((with_it - without) * lesion).sum() / np.square(lesion).sum()) > (0.65 if more else 0.6)


@pytest.mark.parametrize(("height", "more"), [(3.5, False), (2.5, True)])
@pytest.mark.parametrize("angle", [0.0, 0.4, 0.8, 1.6, 2.5])
def test_a_thin_line_comes_back_in_any_direction(angle: float, height: float, more: bool) -> None:
    rows, columns = np.indices((64, 64)) - 31.5
    across = np.abs(np.cos(angle) * rows - np.sin(angle) * columns)
    line = np.broadcast_to(height * np.clip(1 - across, 0, 1), SHAPE).astype(np.float32)
    zero = np.zeros(SHAPE, np.float32)
    with_it, without = (give_back(zero, zero, x + noise(), 1.0, ALL, (3, 1, 1), more=more)[0] for x in (line, zero))
    assert float(((with_it - without) * line).sum() / np.square(line).sum()) > 0.6


def test_more_keeps_the_mean_over_some_voxels_at_little_noise() -> None:
    faint, deviation = np.zeros(SHAPE, np.float32), np.full(SHAPE, 0.5, np.float32)
    faint[:, 16:48, 16:48] = 0.6  # of the noise of a voxel: no threshold lets it pass
    found, without = (
        give_back(np.zeros_like(faint), deviation, x, 1.0, ALL, (3, 1, 1), more=True)[0]
        for x in (faint + noise(), noise())
    )
    assert (found - without)[:, 24:40, 24:40].mean() > 0.5
    assert np.square(without).mean() < 0.06


def test_noise_that_neighbours_share_is_not_taken_for_lesions() -> None:
    smooth = ndimage.gaussian_filter(noise(), (0, 1, 1))
    shared = (smooth / smooth.std()).astype(np.float32)
    out, _ = give_back(np.zeros_like(shared), np.zeros_like(shared), shared, 1.0, ALL, (3, 1, 1))
    assert np.square(out).mean() < 0.1


def test_nothing_is_given_back_where_there_is_no_object() -> None:
    image, std = noise(), np.ones(SHAPE, np.float32)
    out, same = give_back(image, std, noise(1), 1.0, ~ALL, (3, 1, 1))
    assert np.array_equal(out, image) and np.array_equal(same, std)


def test_the_deviation_holds_the_noise_that_comes_back() -> None:
    lesion, zero = spots(), np.zeros(SHAPE, np.float32)
    out, std = give_back(lesion, zero, lesion + noise(), 1.0, ALL, (3, 1, 1))
    changed = out != lesion
    assert (std[changed] > 0).all() and (std[~changed] == 0).all()


def test_it_acts_where_it_may() -> None:
    zero, where = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, bool)
    where[:, :32] = True
    out, std = give_back(zero, zero, 4 * spots() + noise(), 1.0, where, (3, 1, 1))
    assert np.abs(out[where]).max() > 1 and not out[~where].any() and not std[~where].any()


def test_units_do_not_matter_and_a_map_of_equal_levels_is_one_level() -> None:
    lesion, zero = spots() + noise(), np.zeros(SHAPE, np.float32)
    one = give_back(zero, zero, lesion, 1.0, ALL, (3, 1, 1))
    two = give_back(zero, zero, 8 * lesion, np.full(SHAPE, 64, np.float32), ALL, (6, 2, 2))
    for a, b in zip(one, two):
        np.testing.assert_allclose(8 * a, b, rtol=1e-4, atol=1e-4)


def test_restore_keeps_most_of_a_small_lesion_more_if_asked_and_leaves_the_air_alone(prior: Prior) -> None:
    rng = np.random.default_rng(0)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in (96, 96, 6)), indexing="ij")
    plain = np.where(x**2 + y**2 < 0.9, 700 + 100 * np.cos(5 * x * y), 0) + 0 * z
    lesion = np.zeros_like(plain)
    lesion[30:70:12, 30:70:12, 1:6:2] = 200  # single voxels
    parts = rng.standard_normal((2, *plain.shape)) * 35
    kept, air = [], []
    for keep in (False, True):
        found = []
        for truth in (plain + lesion, plain):
            magnitude = np.hypot(truth + parts[0], parts[1]).astype(np.float32)
            scan = Volume(magnitude, Grid(plain.shape, np.eye(4)), slice_axis=2)
            out = restore(scan, prior, 1, sigma=35.0, adapt=0, keep_lesions=keep)
            found.append(out.volume.data)
            assert out.report["keep_lesions"] is keep
        kept.append(float(((found[0] - found[1]) * lesion).sum() / np.square(lesion).sum()))
        air.append(found[1][:4, :4])
    assert kept[0] > 0.6 and kept[1] > kept[0] + 0.03
    assert np.array_equal(*air)


def test_other_tasks_and_methods_say_that_it_does_nothing_there(prior: Prior) -> None:
    with pytest.raises(InputError, match="keep_lesions"):
        RestoreOptions(method="coordinates", keep_lesions=True)
    data = (500 + 100 * np.random.default_rng(0).random((40, 40, 2))).astype(np.float32)
    out = restore(Volume(data, Grid(data.shape, np.eye(4)), slice_axis=2), prior, 2, keep_lesions=True)
    assert any("keep_lesions" in warning for warning in out.report["warnings"])
