# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the filter of a scanner: it is found where there is one, and undoing it and applying it is the identity."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phantoms import BODY_SHAPE as SHAPE
from phantoms import body_part as anatomy
from phantoms import body_volume as volume
from phantoms import rician, rmse
from scipy import ndimage

from monai_strainer import Grid, Prior, RestoreOptions, Volume, load_prior, read, restore
from monai_strainer.restoring import noise_filter
from monai_strainer.restoring.noise_filter import NoiseFilter
from monai_strainer.restoring.noise_level import NoiseLevel
from monai_strainer.restoring.prepare import Prepared, prepare
from monai_strainer.restoring.report import NoiseReading


@dataclass(frozen=True)
class Fixed:
    """Reads the same level of every volume."""

    found: NoiseLevel
    intensity_scale: float = 1.0

    def level(self, volume: Volume, some: slice = slice(None)) -> NoiseLevel:
        return self.found

    def fall(self, scan: Volume, sigma: float) -> float:
        return 0.0


@pytest.fixture(scope="module")
def prior() -> Prior:
    return load_prior()


def filtered(share: float, width: float = 1.5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Filter a scan in-plane: the magnitude, its truth and where the object is; the noise has the level asked for."""
    truth, inside = anatomy()
    sigma = width / np.sqrt(8 * np.log(2))
    truth = ndimage.gaussian_filter(truth, (sigma, sigma, 0))
    parts = np.random.default_rng(1).standard_normal((2, *SHAPE))
    parts = ndimage.gaussian_filter(parts, (0, sigma, sigma, 0))
    parts *= share * 800 / parts.std()
    return np.hypot(truth + parts[0], parts[1]).astype(np.float32), truth, inside


def prepared(scan: Volume, prior: Prior, factor: float = 1, sigma: float | None = None) -> Prepared:
    return prepare(scan, prior, (factor, factor, 1), RestoreOptions(sigma=sigma), find_reconstruction=True)


@pytest.mark.parametrize("width", [0.6, 1.2, 1.8])
@pytest.mark.parametrize("shape", [(5, 16, 17), (1, 40, 33)])
def test_a_filter_that_is_undone_and_applied_is_the_identity(width: float, shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    h = NoiseFilter(width, (1, 2))
    np.testing.assert_allclose(h.apply(h.undo(image)), image, atol=1e-4)
    np.testing.assert_allclose(h.undo(image).mean((1, 2)), image.mean((1, 2)), atol=1e-5)


def test_the_filter_is_agaussian_of_its_full_width_at_half_maximum() -> None:
    point = np.zeros((1, 33, 33), np.float32)
    point[0, 16, 16] = 1
    line = NoiseFilter(2.0, (1, 2)).apply(point)[0, 16]
    assert line[17] / line[16] == pytest.approx(0.5, abs=0.04)


def test_no_width_is_undone_twice(prior: Prior, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan that nearly has a filter is searched by halves, and then width by width."""
    undone: list[float] = []

    def undo(self: NoiseFilter, data: np.ndarray) -> np.ndarray:
        undone.append(self.width)
        return data

    reading = replace(NoiseReading(estimated=True), network=1.0, wavelet=1.5)
    nearly = NoiseLevel(1.0, reading=reading)
    monkeypatch.setattr(NoiseFilter, "undo", undo)
    scan = Volume(np.ones((9, 9, 3), np.float32), Grid((9, 9, 3), np.eye(4)), slice_axis=2)
    level = replace(nearly, reading=replace(reading, wavelet=3.0))
    assert noise_filter.find_filter(scan, level, Fixed(nearly), True, 9.0) is None
    assert sorted(undone) == sorted(noise_filter._WIDTHS)


@pytest.mark.parametrize("share", [0.0, 0.03, 0.09])
def test_white_noise_has_no_filter(prior: Prior, share: float) -> None:
    truth, _ = anatomy()
    ready = prepared(volume(rician(truth, share * 800)), prior)
    assert ready.acquired.filter is None


@pytest.mark.parametrize(("share", "width"), [(0.02, 1.5), (0.04, 1.5), (0.03, 1.2)])
def test_the_filter_of_a_scanner_is_found_and_its_noise_is_removed(prior: Prior, share: float, width: float) -> None:
    """The filter that is undone is a little narrower, and what it leaves of the noise is white enough."""
    y, truth, inside = filtered(share, width)
    out = restore(volume(y), prior, 1)
    assert width - 0.5 < out.report["noise"]["filter_width"] <= width
    assert any("filtered again" in note for note in out.report["notes"])
    assert rmse(out.volume.data, truth, inside) < 0.75 * rmse(y, truth, inside)
    held = (np.abs(out.volume.data - truth) < 1.645 * out.std)[inside].mean()
    assert 0.8 < held < 0.99


def test_the_wider_a_filter_the_less_white_the_noise_may_be_without_it() -> None:
    limits = [noise_filter._white(width) for width in noise_filter._WIDTHS]
    assert limits == sorted(limits) and limits[0] == 1.15 and limits[3:] == [1.4] * 4


@pytest.mark.parametrize(("wavelet", "looked"), [(0.03, True), (0.019, False)])
def test_little_noise_needs_readings_that_are_further_apart(wavelet: float, looked: bool) -> None:
    reading = replace(NoiseReading(estimated=True), network=wavelet / 1.7, wavelet=wavelet)
    assert noise_filter._is_filtered(NoiseLevel(wavelet, reading=reading), 1.0) == looked


@pytest.mark.parametrize(("wavelet", "widest"), [(0.03, 1.8), (0.019, 1.2)])
def test_no_wide_filter_is_undone_in_little_noise(
    monkeypatch: pytest.MonkeyPatch, wavelet: float, widest: float
) -> None:
    """There, fine anatomy that is divided by one looks like white noise."""
    asked: list[float] = []

    def without(self: object, width: float) -> tuple[bool, None, float]:
        asked.append(width)
        return False, None, 1.5

    monkeypatch.setattr(noise_filter._Search, "_without", without)
    reading = replace(NoiseReading(estimated=True), network=wavelet / 3, wavelet=wavelet)
    level, scan = NoiseLevel(wavelet, reading=reading), volume(np.ones((20, 20, 4), np.float32))
    assert noise_filter.find_filter(scan, level, Fixed(level), True, 0.1) is None
    assert max(asked) == widest and min(asked) == 0.6


def test_a_filter_is_looked_for_only_where_the_level_is_read_off_a_scan_to_denoise(prior: Prior) -> None:
    y, _, _ = filtered(0.03)
    assert prepared(volume(y), prior).acquired.filter is not None
    assert prepared(volume(y), prior, sigma=24).acquired.filter is None
    assert prepared(volume(y), prior, factor=2).acquired.filter is None


def test_slices_in_the_middle_find_what_the_whole_scan_finds(prior: Prior, monkeypatch: pytest.MonkeyPatch) -> None:
    y, _, _ = filtered(0.03)
    whole = prepared(volume(y), prior).acquired.filter
    monkeypatch.setattr(noise_filter, "_SEARCHED", 2)
    assert prepared(volume(y), prior).acquired.filter == whole
    truth, _ = anatomy()
    assert prepared(volume(rician(truth, 24)), prior).acquired.filter is None


@pytest.mark.parametrize(("sharpness", "expected"), [(0.0, None), (1.0, 1.0), (1.3, 1.4), (1.8, 1.8)])
def test_halves_find_the_filter_that_all_widths_in_turn_find(sharpness: float, expected: float | None) -> None:
    """The readings agree from a width on; where a width nearly fits, none is passed over."""
    nothing: Any = None
    search = noise_filter._Search(nothing, nothing, 1.0, True, nothing, 1.0)

    def without(self: object, width: float) -> tuple[bool, object, float]:
        fits = sharpness > 0 and width >= sharpness - 1e-9
        return fits, (width if fits else None), 1.2 if fits else 3.0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(noise_filter._Search, "_without", without)
        assert search.by_halves() == search.in_turn(noise_filter._WIDTHS) == expected


def test_a_width_that_alone_fits_is_found_where_its_neighbours_nearly_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing: Any = None
    search = noise_filter._Search(nothing, nothing, 1.0, True, nothing, 1.0)
    monkeypatch.setattr(
        noise_filter._Search, "_without", lambda self, width: (width == 1.0, "found" if width == 1.0 else None, 1.5)
    )
    assert search.by_halves() == "found"


@pytest.mark.parametrize(
    ("fall", "quiet", "is_kept"),
    [
        (0.5, 1.0, True),
        (0.77, 1.0, True),
        (0.8, 1.0, False),
        (math.nan, 1.0, False),
        (0.5, 0.75, True),
        (0.5, 0.7, False),
        (0.5, math.nan, False),
    ],
)
def test_a_filter_is_kept_where_noise_falls_as_it_says_and_is_in_quiet_windows(
    fall: float, quiet: float, is_kept: bool
) -> None:
    h, scan = NoiseFilter(0.8, (0, 1)), volume(np.ones((9, 9, 3), np.float32))
    white = 1 / h.shaped_level(scan.grid.shape, 1.0)  # of noise that has a level of 1 after the filter
    found = (h, scan, NoiseLevel(1.0, reading=replace(NoiseReading(estimated=True), wavelet=white)))
    certainty = noise_filter._Certainty(lambda: fall, lambda: quiet)
    assert (certainty.of(found) is found) == is_kept
    assert certainty.of(None) is None


@pytest.mark.parametrize("person", ["sub-1025", "sub-1036"])
def test_white_noise_of_a_small_plane_has_no_filter(prior: Prior, oasis: Path, person: str) -> None:
    """There, fine anatomy divided by a filter of 0.8 voxels and white noise of 1 % look white together."""
    scan = read(oasis / person / "anat" / f"{person}_T1w.nii.gz")
    size = (64, 64, 5)
    low = [(n - m) // 2 for n, m in zip(scan.grid.shape, size)]
    part = scan.data[tuple(slice(a, a + m) for a, m in zip(low, size))]
    noisy = rician(part, 0.01 * float(np.percentile(part, 99)))
    ready = prepared(Volume(noisy, scan.grid.part(low, size), slice_axis=2), prior)
    assert ready.acquired.filter is None


@pytest.mark.parametrize("person", ["sub-1006", "sub-1000"])
def test_fine_anatomy_of_a_slab_is_no_filtered_noise(prior: Prior, oasis: Path, person: str) -> None:
    scan = read(oasis / person / "anat" / f"{person}_T1w.nii.gz")
    size = (96, 96, 24)
    low = [(n - m) // 2 for n, m in zip(scan.grid.shape, size)]
    part = tuple(slice(a, a + m) for a, m in zip(low, size))
    ready = prepared(Volume(scan.data[part], scan.grid.part(low, size), slice_axis=2), prior)
    assert ready.acquired.filter is None and ready.level.relative < 0.005
