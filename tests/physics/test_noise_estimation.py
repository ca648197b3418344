# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The noise level of one scan: laws it obeys, how near it comes on real scans, and how right its error is."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from monai_strainer.errors import InputError
from monai_strainer.io import read
from monai_strainer.physics import NoiseEstimate, RicianNoise
from monai_strainer.physics.noise_estimation import gaussian_sigma, koay_factor, rician_sigma
from monai_strainer.volume import Volume

Find = Callable[[Tensor], NoiseEstimate]
FINDERS = [gaussian_sigma, rician_sigma]


def noisy(x: Tensor, level: float, seed: int = 0) -> Tensor:
    return RicianNoise(level).sample(x, torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def head(phantom: Volume) -> Tensor:
    """(S, H, W) slices of the phantom on exact zeros, about [0, 1], enlarged to 120 x 144."""
    fine = torch.from_numpy(np.ascontiguousarray(phantom.slices(2)[4:28:2])) / 1000
    mask = torch.nn.functional.interpolate((fine > 0).float()[:, None], scale_factor=3)[:, 0]
    return torch.nn.functional.interpolate(fine[:, None], scale_factor=3, mode="bicubic")[:, 0].clamp_min(1e-3) * mask


@pytest.fixture(scope="module")
def real(oasis: Path) -> Tensor:
    """(S, H, W) axial slices of a real skull-stripped scan, the 99.9th percentile at 1."""
    volume = read(next((oasis / "sub-1012").rglob("*T1w.nii.gz")))
    x = torch.from_numpy(volume.slices(volume.grid.axis_of("axial"))[50:130:4].copy())
    return x / torch.quantile(x[x > 0], 0.999)


def test_koay_factor_is_the_variance_of_a_rice_distribution() -> None:
    theta = torch.tensor([0.0, 0.5, 1.0, 3.0, 10.0])
    expected = [stats.rice(float(t)).var() if t else 2 - math.pi / 2 for t in theta]
    torch.testing.assert_close(koay_factor(theta), torch.tensor(expected).float(), atol=1e-4, rtol=0)


@pytest.mark.parametrize("find", FINDERS)
@pytest.mark.parametrize("background", ["air", "zeros"])
def test_it_scales_with_the_image(find: Find, head: Tensor, background: str) -> None:
    y = noisy(head, 0.05) * (1 if background == "air" else head > 0)
    small, large = find(y), find(1024 * y)  # a power of two: not a bit is rounded
    assert large.sigma == pytest.approx(1024 * small.sigma, rel=1e-5)
    assert large.std == pytest.approx(1024 * small.std, rel=1e-5)
    assert (large.source, large.is_white) == (small.source, small.is_white)


@pytest.mark.parametrize("find", FINDERS)
def test_copies_of_a_scan_that_are_shifted_or_turned_have_its_level(find: Find, head: Tensor) -> None:
    y = noisy(head, 0.05) * (head > 0)
    for copy in (y.roll((3, 5), (-2, -1)), y.flip(0), y.flip(-1), y.mT):
        assert find(copy).sigma == pytest.approx(find(y).sigma, rel=1e-4)


@pytest.mark.parametrize("find", FINDERS)
@pytest.mark.parametrize("background", ["air", "zeros"])
def test_zero_padding_changes_nothing(find: Find, head: Tensor, background: str) -> None:
    y = noisy(head, 0.05) * (1 if background == "air" else head > 0)
    wide = torch.nn.functional.pad(y, (100, 101, 70, 0, 3, 3))
    assert find(wide).sigma == pytest.approx(find(y).sigma, rel=1e-4)
    assert find(wide).source == find(y).source


@pytest.mark.parametrize("find", FINDERS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (2, 3), (3, 20, 20)])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_an_image_without_detail_has_no_noise(find: Find, shape: tuple[int, ...], value: float) -> None:
    assert (find(torch.full(shape, value)).sigma, find(torch.full(shape, value)).std) == (0, 0)


def test_air_and_head_are_both_used(head: Tensor) -> None:
    found = rician_sigma(noisy(head, 0.05))
    assert found.source == "air" and set(found.others) == {"head"}
    sigma, std = found.others["head"]
    assert found.std < std
    assert abs(sigma - found.sigma) < 3 * std


def test_without_air_the_head_stands_alone(head: Tensor) -> None:
    found = rician_sigma(noisy(head, 0.05) * (head > 0))
    assert found.source == "head" and not found.others
    assert found.sigma == pytest.approx(0.05, rel=0.1)


@pytest.mark.parametrize("signal", [1.0, 1.5, 2.0])
def test_a_signal_barely_above_the_noise_has_its_level(signal: float) -> None:
    assert rician_sigma(noisy(torch.full((8, 64, 64), signal), 1.0)).sigma == pytest.approx(1, rel=0.08)


def test_background_that_was_partly_cut_is_no_air(head: Tensor) -> None:
    y = noisy(head, 0.05)
    y = y * ((head > 0) | (y > 0.06))
    assert rician_sigma(y).sigma == pytest.approx(0.05, rel=0.1)


def test_air_of_another_law_is_not_used(head: Tensor) -> None:
    y = noisy(head, 0.03) + 0.2 * (head == 0)  # an offset: no Rayleigh distribution
    found = rician_sigma(y)
    assert found.source == "head"
    assert found.sigma == pytest.approx(0.03, rel=0.15)


def test_more_slices_give_a_smaller_error(head: Tensor) -> None:
    y = noisy(head, 0.05) * (head > 0)
    assert rician_sigma(y).std < rician_sigma(y[6]).std


@pytest.mark.parametrize("colour", ["interpolated", "zero-filled"])
def test_noise_that_neighbours_share_is_noticed(head: Tensor, colour: str) -> None:
    n = torch.randn(head.shape, generator=torch.Generator().manual_seed(0))
    if colour == "interpolated":
        n = (n + n.roll(1, -1) + n.roll(1, -2) + n.roll((1, 1), (-2, -1))) / 2
    else:
        rows, columns = (torch.fft.fftfreq(k).abs() < 0.375 for k in n.shape[-2:])
        n = torch.fft.ifft2(torch.fft.fft2(n) * rows[:, None] * columns).real
        n = n / n.std()
    found = gaussian_sigma((head + 0.03 * n) * (head > 0))
    assert not found.is_white
    assert abs(found.sigma - 0.03) < 2 * found.std
    assert gaussian_sigma(noisy(head, 0.03) * (head > 0)).is_white


@pytest.mark.parametrize(("level", "near"), [(0.01, 0.15), (0.03, 0.07), (0.09, 0.04)])
def test_a_level_added_to_a_real_scan_is_found(real: Tensor, level: float, near: float) -> None:
    own = rician_sigma(real)
    truth = math.hypot(level, own.sigma)  # the scan has noise of its own, known no better than this
    found = rician_sigma(noisy(real, level) * (real > 0))
    assert found.sigma == pytest.approx(truth, rel=near)
    assert abs(found.sigma - truth) < 2 * math.hypot(found.std, own.std * own.sigma / truth)
    assert rician_sigma(noisy(real, level)).sigma == pytest.approx(level, rel=0.02)  # the air has no noise of its own


def test_two_standard_errors_hold_the_truth_in_single_real_slices(real: Tensor) -> None:
    own = rician_sigma(real).sigma
    found = [
        (rician_sigma(noisy(real, level, k)[k] * (real[k] > 0)), math.hypot(level, own))
        for k in range(4, 18, 2)
        for level in (0.02, 0.05, 0.09)
    ]
    assert np.mean([abs(e.sigma - truth) <= 2 * e.std for e, truth in found]) >= 0.9
    assert np.mean([e.std / e.sigma for e, _ in found]) < 0.2  # and they are not bought by claiming nothing


@pytest.mark.parametrize("find", FINDERS)
def test_a_scan_that_is_not_finite_is_refused(find: Find) -> None:
    with pytest.raises(InputError, match="not finite"):
        find(torch.full((4, 4), float("nan")))


@pytest.mark.parametrize("find", FINDERS)
def test_a_scan_without_slices_is_refused(find: Find) -> None:
    with pytest.raises(InputError, match=r"\(4,\)"):
        find(torch.ones(4))
