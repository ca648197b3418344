# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of acquired k-space: cropping undoes zero-filling, edges stay, and only real edges of k-space are found."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from monai_strainer.physics.acquired import acquired_size, fourier_resize


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
    assert abs(acquired_size(filled, 0) - small) <= 8
    assert acquired_size(filled, 1) == 64


@pytest.mark.parametrize("blur", [0.0, 0.5, 1.0])
def test_a_whole_axis_is_left_whole(blur: float) -> None:
    rng = np.random.default_rng(1)
    data = ndimage.gaussian_filter(rng.standard_normal((128, 64, 12)), (blur, blur, 0)).astype(np.float32) + 3
    data += 0.1 * rng.standard_normal(data.shape).astype(np.float32)
    assert [acquired_size(data, k) for k in range(3)] == [128, 64, 12]
