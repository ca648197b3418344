# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of an ellipse of k-space: it is found where it ends sharply, filled with noise, and given back as it was."""

from __future__ import annotations

import numpy as np
import pytest
from phantoms import BODY_SHAPE as SHAPE
from phantoms import body_part, body_volume, rician, rmse
from scipy import ndimage

from monai_strainer import Grid, Prior, RestoreOptions, Volume, load_prior, restore
from monai_strainer.restoring import round_kspace
from monai_strainer.restoring.noise_level import NoiseLevel
from monai_strainer.restoring.prepare import Prepared, prepare
from monai_strainer.restoring.round_kspace import RoundKspace, find_round_kspace
from monai_strainer.restoring.single_voxels import single_voxels


@pytest.fixture(scope="module")
def prior() -> Prior:
    return load_prior()


def rounded(image: np.ndarray, radius: float = 1.0) -> np.ndarray:
    """Empty the corners of k-space."""
    rows, columns = (2 * np.fft.fftfreq(n) for n in image.shape[:2])
    kept = (np.sqrt(rows[:, None] ** 2 + columns**2) < radius)[..., None]
    return np.abs(np.fft.ifft2(np.fft.fft2(image, axes=(0, 1)) * kept, axes=(0, 1)))


def round_scan(sigma: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A scan whose k-space is an ellipse, its truth and where the object is; a level of 800 is bright."""
    truth, inside = body_part()
    parts = np.random.default_rng(1).standard_normal((2, *SHAPE))
    noisy = truth + sigma * (parts[0] + 1j * parts[1])
    return rounded(noisy).astype(np.float32), rounded(truth), inside


def round_noise() -> np.ndarray:
    """Noise of 24 on an even background, whose k-space is an ellipse."""
    return rounded(500 + 24 * np.random.default_rng(1).standard_normal((80, 72, 5))).astype(np.float32)


def found_in(scan: Volume, level: float = 0.03, seed: int = 0) -> tuple[RoundKspace, Volume, NoiseLevel]:
    """What is found in a scan that fills its grid, where a level is read."""
    whole = np.ones(scan.grid.shape, bool)
    found = find_round_kspace(scan, whole, 800.0, True, lambda volume, there: NoiseLevel(level), seed)
    assert found is not None
    return found


def prepared(scan: Volume, prior: Prior, factor: float = 1, sigma: float | None = None) -> Prepared:
    return prepare(scan, prior, (factor, factor, 1), RestoreOptions(sigma=sigma), find_reconstruction=True)


def corners_power(image: np.ndarray) -> float:
    rows, columns = (2 * np.fft.fftfreq(n) for n in image.shape[:2])
    outside = np.sqrt(rows[:, None] ** 2 + columns**2) > 1.1
    return float(np.square(np.abs(np.fft.fft2(image, axes=(0, 1), norm="ortho")[outside])).mean())


@pytest.mark.parametrize("sigma", [24.0, 72.0])
def test_an_ellipse_is_found_and_its_noise_is_removed(prior: Prior, sigma: float) -> None:
    y, truth, inside = round_scan(sigma)
    out = restore(body_volume(y), prior, 1, adapt=0)
    assert out.report["noise"]["sigma"] == pytest.approx(sigma, rel=0.35)
    assert any("corners of k-space" in note for note in out.report["notes"])
    assert rmse(out.volume.data, truth, inside) < 0.85 * rmse(y, truth, inside)
    held = (np.abs(out.volume.data - truth) < 1.645 * out.std)[inside].mean()
    assert 0.8 < held < 0.99


@pytest.mark.parametrize("level", [0.009, 0.011])
def test_in_little_noise_the_corners_stay_empty(level: float) -> None:
    scan = body_volume(round_noise())
    whole = np.ones(scan.grid.shape, bool)
    fraction = (1.02 - 0.06) / np.sqrt(2)  # of the grid that the level is read on: it is higher on the scan's own
    found = find_round_kspace(scan, whole, 800.0, True, lambda volume, there: NoiseLevel(level * fraction), 0)
    assert (found is None) == (level < 0.01)


def test_a_level_of_zero_divides_nothing_by_zero() -> None:
    scan = body_volume(round_noise())
    whole = np.ones(scan.grid.shape, bool)
    with np.errstate(divide="raise", invalid="raise"):
        assert find_round_kspace(scan, whole, 800.0, True, lambda volume, there: NoiseLevel(0.0), 0) is None


@pytest.mark.parametrize("sigma", [0.0, 8.0, 72.0])
def test_whole_kspace_has_no_ellipse(prior: Prior, sigma: float) -> None:
    truth, _ = body_part()
    assert prepared(body_volume(rician(truth, sigma)), prior).acquired.filter is None


@pytest.mark.parametrize("width", [1.2, 1.8, 2.4])
def test_a_gaussian_filter_has_no_edge(prior: Prior, width: float) -> None:
    truth, _ = body_part()
    blur = (width / 2.355, width / 2.355, 0)
    noisy = ndimage.gaussian_filter(rician(truth, 60).astype(np.float64), blur)
    assert not isinstance(prepared(body_volume(noisy), prior).acquired.filter, RoundKspace)


def test_the_corners_are_as_full_as_the_rest_and_are_given_back_as_they_were() -> None:
    y = round_noise()
    found, full, _ = found_in(body_volume(y))
    assert corners_power(y) < 0.1 * 24**2 < 0.8 * 24**2 < corners_power(full.data) < 1.2 * 24**2
    np.testing.assert_allclose(found.apply(y), y, atol=1e-2)
    assert corners_power(found.apply(full.data) - y) < 0.01 * 24**2


def test_what_is_within_the_ellipse_comes_from_the_restored_image() -> None:
    y = round_noise()
    found, _, _ = found_in(body_volume(y))
    smooth = rounded(np.random.default_rng(2).standard_normal(y.shape), 0.8).astype(np.float32)
    smooth = 500 + 20 * (smooth - smooth.mean())
    rest = found.apply(smooth.astype(np.float32)) - smooth
    assert np.square(rest).mean() < 0.1 * 24**2  # what y holds outside


def test_the_same_seed_fills_the_same_corners() -> None:
    scan = body_volume(round_noise())
    one, two, three = (found_in(scan, seed=seed)[1].data for seed in (0, 0, 1))
    assert np.array_equal(one, two) and not np.array_equal(one, three)


def test_no_ellipse_is_looked_for_where_the_level_is_given(prior: Prior) -> None:
    y, _, _ = round_scan(24.0)
    assert isinstance(prepared(body_volume(y), prior).acquired.filter, RoundKspace)
    assert prepared(body_volume(y), prior, sigma=24).acquired.filter is None


def test_a_scan_that_is_refined_has_full_corners_too(prior: Prior) -> None:
    y, _, inside = round_scan(24.0)
    single = single_voxels(body_volume(y), inside)  # a refined scan is without them
    y = y if single is None else y - single
    one, two = (prepared(body_volume(y), prior, factor) for factor in (1, 2))
    assert np.array_equal(one.acquired.volume.data, two.acquired.volume.data)
    assert one.level.relative == two.level.relative
    refined = np.ones((160, 144, 5), np.float32)
    assert two.acquired.filter is not None and two.acquired.filter.apply(refined) is refined


@pytest.mark.parametrize("second", [0.02, 0.05])
def test_of_two_levels_the_higher_counts(second: float) -> None:
    """The first is read within the ellipse, on a smaller grid; the second on the grid of the scan."""
    scan = body_volume(round_noise())
    whole, first = np.ones(scan.grid.shape, bool), 0.03 * (1.02 - 0.06) / np.sqrt(2)

    def read(volume: Volume, there: np.ndarray) -> NoiseLevel:
        return NoiseLevel(second if volume.grid.shape == scan.grid.shape else first)

    found = find_round_kspace(scan, whole, 400.0, True, read, 0)
    assert found is not None
    assert found[2].relative == pytest.approx(max(second, 0.03), rel=0.03)


def test_the_level_is_no_more_than_the_power_near_the_edge() -> None:
    """A reading of ten times the noise is anatomy."""
    assert found_in(body_volume(round_noise()), level=0.3)[2].relative * 800 == pytest.approx(24, rel=0.1)


def test_a_small_plane_has_no_limit_near_the_edge_and_its_level_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are too few frequencies near the edge."""
    density = round_kspace._density

    def few(slices: np.ndarray, inside: np.ndarray) -> np.ndarray:
        found = density(slices, inside)
        return np.where((found > 0) & (round_kspace._RADII < 0.95), np.nan, found)

    monkeypatch.setattr(round_kspace, "_density", few)
    monkeypatch.setattr(round_kspace, "_edge", lambda density: 1.02)
    found, full, level = found_in(body_volume(round_noise()))
    assert np.isfinite(full.data).all() and np.isfinite(found.share).all()
    assert level.relative > 0.02


@pytest.mark.parametrize("order", [(2, 0, 1), (0, 2, 1), (1, 0, 2)])
def test_the_order_of_axes_does_not_count(order: tuple[int, int, int]) -> None:
    y = round_noise()
    data = np.ascontiguousarray(y.transpose(order))
    turned = Volume(data, Grid(data.shape, np.eye(4)), slice_axis=order.index(2))
    image = np.random.default_rng(3).standard_normal(y.shape).astype(np.float32)
    first, second = found_in(body_volume(y))[0], found_in(turned)[0]
    applied = second.apply(np.ascontiguousarray(image.transpose(order)))
    np.testing.assert_allclose(first.apply(image).transpose(order), applied, atol=0.05)


def test_a_map_of_levels_fills_the_corners_unevenly() -> None:
    y = round_noise()
    found, _, _ = found_in(body_volume(y))
    level = np.ones(y.shape, np.float32)
    level[40:] = 30
    added = found.filled(NoiseLevel(level), 1.0, False, 0).data - y
    assert added[:36].std() < 0.2 * added[44:].std()


@pytest.mark.parametrize("shape", [(80, 72, 5), (79, 71, 5)])
def test_noise_has_the_shaped_level_with_empty_corners(shape: tuple[int, int, int]) -> None:
    radius = np.hypot(*np.meshgrid(*(2 * np.fft.fftfreq(n) for n in shape[:2]), indexing="ij"))
    share = (radius < 1)[:, : shape[1] // 2 + 1].astype(float)
    noise = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    found = RoundKspace(share, body_volume(np.zeros(shape, np.float32)))
    assert found.apply(noise).std() == pytest.approx(found.shaped_level(shape, 1.0), rel=0.01)
