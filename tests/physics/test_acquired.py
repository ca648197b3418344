# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of acquired k-space: cropping undoes zero-filling, edges stay, and only real edges of k-space are found."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from monai_strainer.physics.acquired import acquired_size, fourier_resize, outer_power, power_fall


@pytest.mark.parametrize(("n", "more"), [(40, 64), (41, 64), (40, 65), (33, 47)])
def test_zero_filling_and_cropping_is_the_identity(n: int, more: int) -> None:
    x = torch.randn(3, n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    if n % 2 == 0:  # the highest frequency of an even grid has no phase of its own
        spectrum = torch.fft.rfft(x)
        spectrum[:, -1] = 0
        x = torch.fft.irfft(spectrum, n)
    assert torch.allclose(fourier_resize(fourier_resize(x, more), n), x, atol=1e-10)


@pytest.mark.parametrize("size", [24, 30, 64, 81])
def test_the_field_of_view_and_the_mean_stay(size: int) -> None:
    def wave(n: int) -> torch.Tensor:
        return 2 + torch.sin(2 * torch.pi * 3 * (torch.arange(n, dtype=torch.float64) + 0.5) / n)

    assert torch.allclose(fourier_resize(wave(40), size), wave(size), atol=1e-10)


@pytest.mark.parametrize("share", [0.5, 0.63, 0.75, 0.85])
def test_a_zero_filled_axis_is_found(share: float) -> None:
    rng = np.random.default_rng(0)
    anatomy = ndimage.gaussian_filter(rng.standard_normal((128, 64, 12)), 1.5) * 8 + 3
    noise = 0.02 * rng.standard_normal(anatomy.shape)
    small = round(share * 128 / 2) * 2
    low = fourier_resize(torch.from_numpy(anatomy + noise).movedim(0, -1), small)
    low = low + 0.02 * torch.from_numpy(rng.standard_normal(low.shape))
    filled = fourier_resize(low, 128).movedim(-1, 0).numpy().astype(np.float32)
    assert acquired_size(filled, 0) == small
    assert acquired_size(filled, 1) == 64


@pytest.mark.parametrize("blur", [0.0, 0.5, 1.0])
def test_a_whole_axis_is_left_whole(blur: float) -> None:
    rng = np.random.default_rng(1)
    data = ndimage.gaussian_filter(rng.standard_normal((128, 64, 12)), (blur, blur, 0)).astype(np.float32) + 3
    data += 0.1 * rng.standard_normal(data.shape).astype(np.float32)
    assert [acquired_size(data, k) for k in range(3)] == [128, 64, 12]


@pytest.mark.parametrize("period", [5, 6, 8, 10])
@pytest.mark.parametrize("noise", [0.005, 0.03])
def test_a_pattern_that_repeats_is_no_edge_of_kspace(period: int, noise: float) -> None:
    rng = np.random.default_rng(3)
    anatomy = ndimage.gaussian_filter(rng.standard_normal((128, 128, 6)), (3, 3, 0)) * 10 + 4
    rows, columns, _ = np.indices(anatomy.shape)
    tags = np.abs(np.cos(np.pi * (rows + columns) / period)) * np.abs(np.cos(np.pi * (rows - columns) / period))
    data = anatomy * (1 + tags) / 2 + 4 * noise * rng.standard_normal(anatomy.shape)
    assert [acquired_size(data.astype(np.float32), k) for k in (0, 1)] == [128, 128]


def magnitude(share: float, noise: float, sharp: float) -> tuple[np.ndarray, np.ndarray]:
    """A disc with texture in air, measured on a part of the grid with complex noise and zero-filled, and its inside."""
    rng = np.random.default_rng(2)
    n = 160
    square = sum(np.square(np.linspace(-1, 1, n)).reshape(shape) for shape in ((n, 1, 1), (1, n, 1)))
    inside = np.broadcast_to(square < 0.35, (n, n, 6))
    texture = ndimage.gaussian_filter(rng.standard_normal((n, n, 6)), (sharp, sharp, 0)) * sharp
    small = round(share * n / 2) * 2
    out = []
    for signal in (inside * (1 + 0.2 * texture), np.zeros_like(texture)):
        image = torch.from_numpy(signal)
        for axis in (0, 1):
            image = fourier_resize(image.movedim(axis, -1), small).movedim(-1, axis)
        image = image + noise * torch.from_numpy(rng.standard_normal(image.shape))
        for axis in (0, 1):
            image = fourier_resize(image.movedim(axis, -1), n).movedim(-1, axis)
        out.append(image.numpy())
    return np.hypot(*out).astype(np.float32), ndimage.binary_erosion(inside, iterations=2)


@pytest.mark.parametrize("share", [0.55, 0.67, 0.8])
def test_an_edge_that_the_air_of_a_noisy_magnitude_covers_is_found_in_the_object(share: float) -> None:
    data, inside = magnitude(share, 0.12, 1.5)
    assert [acquired_size(data, k) for k in (0, 1)] == [160, 160]
    assert all(0 <= acquired_size(data, k, inside) - round(share * 160 / 2) * 2 <= 4 for k in (0, 1))


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.03, 0.12])
@pytest.mark.parametrize("sharp", [0.6, 1.0, 2.0, 3.0])
def test_a_whole_object_in_air_is_left_whole(noise: float, sharp: float) -> None:
    data, inside = magnitude(1.0, noise, sharp)
    assert [acquired_size(data, k, inside) for k in (0, 1)] == [160, 160]


@pytest.mark.parametrize("axis", [0, 1])
def test_the_power_falls_at_the_edge_of_zero_filling_and_not_within_noise_whatever_the_air_holds(axis: int) -> None:
    noise = 3 * np.random.default_rng(0).standard_normal((96, 96, 6)).astype(np.float32)
    inside = np.zeros(noise.shape, bool)
    inside[20:76, 20:76] = True
    moved = torch.from_numpy(np.ascontiguousarray(np.moveaxis(noise, axis, -1)))
    filled = fourier_resize(fourier_resize(moved, 64), 96).movedim(-1, axis).numpy()
    for image in (noise, filled):
        image[~ndimage.binary_dilation(inside, iterations=16)] = 1000
    assert power_fall(filled, axis, inside, 64) > 2 > 0.3 > abs(power_fall(noise, axis, inside, 64))


def test_nothing_behind_the_edge_or_nothing_inside_counts_as_empty() -> None:
    noise = np.random.default_rng(0).standard_normal((96, 8, 6)).astype(np.float32)
    nothing, all_ = np.zeros(noise.shape, bool), np.ones(noise.shape, bool)
    assert power_fall(noise, 0, nothing, 64) == math.inf == power_fall(noise, 0, all_, 96)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_outer_power_of_white_noise_is_its_variance_whatever_the_air_holds(axis: int) -> None:
    noise = 3 * np.random.default_rng(0).standard_normal((96, 80, 6)).astype(np.float32)
    inside = np.zeros(noise.shape, bool)
    inside[20:76, 16:64] = True
    noise[~ndimage.binary_dilation(inside, iterations=16)] = 1000
    assert outer_power(noise, axis, inside, 24) == pytest.approx(9, rel=0.1)
    assert outer_power(noise, axis, np.zeros_like(inside), 24) == 0 == outer_power(noise, axis, inside, 60)
