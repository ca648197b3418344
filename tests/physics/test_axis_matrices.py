# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the one-axis matrices: constants stay, nothing shifts, widths are those asked for."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from monai_strainer.physics.axis_matrices import box_matrix, gaussian_matrix, kspace_matrix

lengths = st.tuples(st.integers(1, 40), st.integers(1, 40)).map(lambda p: (max(p), min(p)))


def centres(n: int) -> Tensor:
    return (torch.arange(n, dtype=torch.float64) + 0.5) / n


@settings(deadline=None, max_examples=25)
@given(lengths, st.floats(0.05, 9))
def test_a_constant_stays_a_constant(pair: tuple[int, int], width: float) -> None:
    fine, coarse = pair
    for matrix in (
        box_matrix(fine, coarse),
        box_matrix(fine, coarse, width),
        gaussian_matrix(fine, coarse, width),
        kspace_matrix(fine, coarse),
    ):
        assert matrix.shape == (coarse, fine)
        torch.testing.assert_close(matrix.sum(1), torch.ones(coarse, dtype=torch.float64), atol=1e-9, rtol=0)


@settings(deadline=None, max_examples=25)
@given(lengths)
def test_box_and_crop_keep_the_mean_of_any_image(pair: tuple[int, int]) -> None:
    fine, coarse = pair
    for matrix in (box_matrix(fine, coarse), kspace_matrix(fine, coarse)):
        share = torch.full((fine,), coarse / fine, dtype=torch.float64)
        torch.testing.assert_close(matrix.sum(0), share, atol=1e-9, rtol=0)


@settings(deadline=None, max_examples=25)
@given(lengths, st.floats(0.05, 9))
def test_mirroring_the_axis_changes_nothing(pair: tuple[int, int], width: float) -> None:
    fine, coarse = pair
    for matrix in (box_matrix(fine, coarse), gaussian_matrix(fine, coarse, width), kspace_matrix(fine, coarse)):
        torch.testing.assert_close(matrix.flip(0, 1), matrix, atol=1e-9, rtol=0)


@settings(deadline=None, max_examples=25)
@given(lengths, st.data())
def test_crop_carries_every_low_frequency_without_shift(pair: tuple[int, int], data: st.DataObject) -> None:
    fine, coarse = pair
    k = data.draw(st.integers(0, (coarse - 1) // 2))
    phase = data.draw(st.floats(0, 2 * math.pi))
    matrix = kspace_matrix(fine, coarse)
    wave = [torch.cos(2 * math.pi * k * centres(n) + phase) for n in (fine, coarse)]
    torch.testing.assert_close(matrix @ wave[0], wave[1], atol=1e-10, rtol=0)


@settings(deadline=None, max_examples=25)
@given(lengths, st.data())
def test_crop_removes_every_high_frequency(pair: tuple[int, int], data: st.DataObject) -> None:
    fine, coarse = pair
    k = data.draw(st.integers(coarse // 2 + 1, max(coarse // 2 + 1, fine // 2)))
    if k <= fine // 2:
        wave = torch.cos(2 * math.pi * k * centres(fine) + 0.3)
        assert float((kspace_matrix(fine, coarse) @ wave).abs().max()) < 1e-10


@pytest.mark.parametrize(("fine", "coarse"), [(12, 6), (12, 5), (13, 6), (13, 7)])
def test_crop_is_the_cropped_dft(fine: int, coarse: int) -> None:
    x = torch.randn(fine, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    k = torch.arange(-(coarse // 2), (coarse + 1) // 2)  # bins
    turn = 1j * math.pi * k.double()  # voxel centres lie half a voxel from the edge: phases
    spectrum = torch.fft.fft(x)[k % fine] * torch.exp(-turn / fine)
    bins = torch.zeros(coarse, dtype=torch.complex128)
    bins[k % coarse] = spectrum * torch.exp(turn / coarse)
    y = torch.fft.ifft(bins).real * coarse / fine
    torch.testing.assert_close(kspace_matrix(fine, coarse) @ x, y, atol=1e-10, rtol=0)


def test_a_crop_that_keeps_all_is_the_identity() -> None:
    for n in (7, 8):
        torch.testing.assert_close(kspace_matrix(n, n), torch.eye(n, dtype=torch.float64), atol=1e-12, rtol=0)
