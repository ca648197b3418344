# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of what is kept outside the acquired k-space: the picture stays, noise does not, and a result is no worse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from phantoms import rician

from monai_strainer import Prior, RestoreOptions, Volume, load_prior, restore
from monai_strainer.geometry import Grid
from monai_strainer.metrics import psnr
from monai_strainer.physics.acquired import fourier_resize
from monai_strainer.restoring.outside_band import OutsideBand, outside_band
from monai_strainer.restoring.zero_filling import Acquired

FULL, SMALL = (160, 120, 4), 96


def in_band(data: NDArray[np.float32]) -> NDArray[np.float32]:
    """What of an image lies in the acquired k-space of its first axis."""
    lines = torch.from_numpy(data.copy()).movedim(0, -1)
    return fourier_resize(fourier_resize(lines, SMALL), FULL[0]).movedim(-1, 0).numpy()


def stripped() -> NDArray[np.float32]:
    """A zero-filled body whose background was set to zero afterwards: the border lies outside the acquired k-space."""
    rng = np.random.default_rng(3)
    texture = rng.standard_normal(FULL).astype(np.float32)
    x, y = np.meshgrid(np.linspace(-1, 1, FULL[0]), np.linspace(-1, 1, FULL[1]), indexing="ij")
    radius = np.hypot(x / 0.8, y / 0.8)[..., None]
    waves = 700 - 500 * radius**2 + 150 * np.cos(9 * x + 4 * y)[..., None] + 90 * texture
    return np.where(radius < 1, np.maximum(in_band(waves.astype(np.float32)), 30), 0).astype(np.float32)


def acquired(data: NDArray[np.float32]) -> tuple[Volume, Acquired]:
    """A scan, and its acquired grid."""
    scan = Volume(data, Grid(FULL, np.diag([1, 1, 4, 1])), slice_axis=2)
    return scan, Acquired(scan, (1, 1, 1), (SMALL, *FULL[1:]), (0,), scan.grid)


def kept(data: NDArray[np.float32]) -> OutsideBand:
    found = outside_band(*acquired(data), data != 0)
    assert found is not None
    return found


def test_without_noise_the_picture_outside_is_kept_and_nothing_is_uncertain() -> None:
    data = stripped()
    outside, found = data - in_band(data), kept(data)
    assert np.square(found.image - outside).mean() < 0.08 * np.square(outside).mean()
    assert np.sqrt(found.variance.max()) < 0.006 * data.max()


def test_noise_outside_is_taken_away_and_what_is_left_of_it_is_known() -> None:
    noise = np.random.default_rng(0).normal(0, 30, FULL).astype(np.float32)
    outside, found = noise - in_band(noise), kept(noise)
    assert np.square(found.image).mean() < 0.1 * np.square(outside).mean()
    assert (found.variance <= 1.2 * np.square(outside).mean()).all()


def test_the_noise_of_a_dark_magnitude_reaches_beyond_the_acquired_kspace_and_is_not_kept() -> None:
    rng, sigma = np.random.default_rng(4), 30.0
    signal = (165 - 135 * np.cos(2 * np.pi * np.arange(FULL[0]) / FULL[0])).astype(np.float32)[:, None, None]
    parts = [in_band(rng.normal(0, sigma, FULL).astype(np.float32)) for _ in range(2)]
    data = np.hypot(signal + parts[0], parts[1])
    scan, grid = acquired(data)
    found = [outside_band(scan, grid, data > 0, level) for level in (0.0, float(np.std(parts[0])))]
    unaware, aware = (float(np.square(one.image).mean()) for one in found if one is not None)
    assert aware < 0.1 * unaware


def test_an_edge_is_kept_in_noise_that_is_taken_away_elsewhere() -> None:
    data = stripped()
    noisy = data + np.random.default_rng(0).normal(0, 8, FULL).astype(np.float32)
    outside, found = data - in_band(data), kept(noisy)
    error = np.square(found.image - outside).mean()
    assert error < 0.6 * np.square(outside).mean()  # of a result in the band
    assert error < 0.6 * np.square(noisy - in_band(noisy) - outside).mean()  # of the scan


def test_nothing_is_added_to_a_scan_that_is_whole_or_refined() -> None:
    scan, grid = acquired(stripped())
    assert outside_band(scan, replace(grid, filled=(), sizes=FULL), scan.data > 0) is None
    assert outside_band(scan, replace(grid, wanted=scan.grid.refine((2, 2, 1))), scan.data > 0) is None


@pytest.fixture(scope="module")
def prior() -> Prior:
    return load_prior()


def test_a_stripped_zero_filled_scan_with_little_noise_is_not_below_its_input(prior: Prior) -> None:
    truth = stripped()
    noisy = rician(truth, 7)
    out = restore(acquired(noisy)[0], prior, 1, options=RestoreOptions(sigma=7))
    assert out.report["acquired"]["zero_filled_axes"] == [0]
    body, gains = truth > 0, []
    for image in (out.volume.data, in_band(out.volume.data)):
        before, after = (psnr(one, truth, data_range=800, mask=body) for one in (noisy, image))
        gains.append(after - before)
    assert gains[0] > 0 > gains[1]  # without what lies outside it would be worse than its input
