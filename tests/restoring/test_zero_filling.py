# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A zero-filled scan is restored on its acquired grid, and given back on its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from phantoms import body_part as anatomy
from phantoms import body_volume as volume
from phantoms import rician
from scipy import ndimage

from monai_strainer import Prior, RestoreOptions, load_prior, restore
from monai_strainer.physics.acquired import fourier_resize
from monai_strainer.restoring import zero_filling
from monai_strainer.restoring.prepare import prepare
from monai_strainer.restoring.zero_filling import Acquired, is_measured_further


@pytest.fixture(scope="module")
def prior() -> Prior:
    found = load_prior()
    assert found.general is not None
    return found


def test_a_zero_filled_scan_is_restored_on_its_acquired_grid(prior: Prior) -> None:
    truth, _ = anatomy()
    fine = ndimage.zoom(truth, (2, 2, 1), order=3)[:128]
    small = fourier_resize(torch.from_numpy(np.ascontiguousarray(np.moveaxis(fine, 0, -1))), 80)
    noisy = rician(np.maximum(np.moveaxis(small.numpy(), -1, 0), 0), 20)
    filled = np.moveaxis(fourier_resize(torch.from_numpy(np.moveaxis(noisy, 0, -1).copy()), 128).numpy(), -1, 0)
    scan = volume(np.maximum(filled, 0))
    out = restore(scan, prior, 1)
    assert out.report["acquired"]["zero_filled_axes"] == [0]
    assert abs(out.report["acquired"]["sizes"][0] - 80) <= 8
    assert out.volume.grid.shape == scan.grid.shape and np.allclose(out.volume.grid.affine, scan.grid.affine)
    assert np.isfinite(out.volume.data).all() and out.volume.data.min() >= 0
    assert out.report["noise"]["sigma"] == pytest.approx(20, rel=0.3)  # the network alone reads half of it
    assert out.report["noise"]["source"] == "network and wavelet"


def partly_measured(sigma: float, sides: int) -> tuple[np.ndarray, np.ndarray]:
    """A magnitude with complex noise whose k-space ends at half of one side or both sides of the rows; its object."""
    truth, inside = anatomy()
    parts = np.random.default_rng(1).standard_normal((2, *truth.shape))
    kspace = np.fft.fft(truth + sigma * (parts[0] + 1j * parts[1]), axis=0)
    frequency = 2 * np.fft.fftfreq(len(truth))
    kspace[(frequency < -0.5) | ((frequency > 0.5) & (sides == 2))] = 0
    return np.abs(np.fft.ifft(kspace, axis=0)).astype(np.float32), inside


def taken_as_half(image: np.ndarray) -> Acquired:
    """The scan as if half of its rows were acquired."""
    shape = (len(image) // 2, *image.shape[1:])
    scan = volume(image)
    return Acquired(scan, (2.0, 1.0, 1.0), shape, (0,), scan.grid)


@pytest.mark.parametrize("sigma", [0.0, 3.0, 10.0, 40.0])
def test_partial_fourier_is_measured_further_and_a_zero_filled_scan_is_not(sigma: float) -> None:
    on_acquired_grid = sigma / np.sqrt(2)
    for sides, expected in ((1, True), (2, False)):
        image, inside = partly_measured(sigma, sides)
        given = volume(image), taken_as_half(image), inside, on_acquired_grid
        assert is_measured_further(*given, is_quiet=True) is expected
        assert sigma < 10 or is_measured_further(*given, is_quiet=False) is expected


def test_a_scan_without_zero_filled_axes_is_not_measured_further() -> None:
    image, inside = partly_measured(40, 1)
    scan = volume(image)
    whole = Acquired(scan, (1, 1, 1), scan.grid.shape, (), scan.grid)
    assert not any(is_measured_further(scan, whole, inside, 28, is_quiet) for is_quiet in (True, False))


def test_where_there_is_little_noise_axes_to_refine_are_looked_at_alone() -> None:
    image, inside = partly_measured(3, 1)
    across = replace(taken_as_half(image), factors=(1.0, 1.0, 3.0))
    assert not is_measured_further(volume(image), across, inside, 2, is_quiet=True)


@pytest.mark.parametrize("sigma", [2.0, 40.0])
def test_a_partial_fourier_scan_is_refined_from_its_own_grid(
    prior: Prior, monkeypatch: pytest.MonkeyPatch, sigma: float
) -> None:
    """It is taken for a zero-filled one here, as fine anatomy makes it."""

    def half(data: np.ndarray, axis: int, inside: object) -> int:
        return data.shape[axis] // (2 if axis == 0 else 1)

    monkeypatch.setattr(zero_filling, "acquired_size", half)
    for sides, size in ((1, 72), (2, 36)):
        scan = volume(partly_measured(sigma, sides)[0])
        ready = prepare(scan, prior, (2.0, 2.0, 1.0), RestoreOptions(), find_reconstruction=True)
        assert (ready.level.relative > 0.01) is (sigma > 10)
        assert ready.acquired.volume.grid.shape[0] == size
        assert any("partial Fourier" in note for note in ready.notes) is (sides == 1)
