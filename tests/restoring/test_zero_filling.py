# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A zero-filled scan is restored on its acquired grid, and given back on its own."""

from __future__ import annotations

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
from monai_strainer.restoring.zero_filling import find_acquired


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


@pytest.fixture
def half_of_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take half of the rows as acquired, as fine anatomy makes it look."""

    def half(data: np.ndarray, axis: int, inside: object) -> int:
        return data.shape[axis] // (2 if axis == 0 else 1)

    monkeypatch.setattr(zero_filling, "acquired_size", half)


@pytest.mark.usefixtures("half_of_the_rows")
@pytest.mark.parametrize("sigma", [0.0, 3.0, 10.0, 40.0])
def test_a_scan_to_refine_is_cropped_where_both_sides_of_kspace_end_and_not_where_one_does(sigma: float) -> None:
    for sides in (1, 2):
        image, inside = partly_measured(sigma, sides)
        refined, denoised = (find_acquired(volume(image), factors, inside) for factors in ((2, 2, 1), (1, 1, 1)))
        assert (refined.filled, refined.further) == (((), (0,)) if sides == 1 else ((0,), ()))
        assert refined.volume.grid.shape[0] == (72 if sides == 1 else 36)
        assert (denoised.filled, denoised.further) == ((0,), ())


@pytest.mark.usefixtures("half_of_the_rows")
def test_it_is_said_why_a_partial_fourier_scan_is_refined_from_its_own_grid(prior: Prior) -> None:
    for sides in (1, 2):
        scan = volume(partly_measured(40, sides)[0])
        ready = prepare(scan, prior, (2.0, 2.0, 1.0), RestoreOptions(), find_reconstruction=True)
        assert any("partial Fourier" in note for note in ready.notes) is (sides == 1)
        assert any("zero-filled" in note for note in ready.notes) is (sides == 2)
