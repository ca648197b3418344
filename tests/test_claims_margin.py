# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What the variants of the paper's recipe change, and that nothing else changes with it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from experiments.claims_margin import VARIANTS, Fit, Size, coordinates, images_at, tf32

SIZE = Size(side=12, width=16, pretraining=0, steps=0, seed=0)
IMAGE = np.clip(np.random.default_rng(0).random((1, 12, 12), np.float32), 0, 1)


def fit(variant: str) -> Fit:
    torch.manual_seed(1)
    return Fit(SIZE.fresh(), IMAGE, VARIANTS[variant])


def test_tf32_keeps_ten_bits_and_the_gradient() -> None:
    x = torch.randn(1000, generator=torch.Generator().manual_seed(0)).requires_grad_()
    near = tf32(x)
    assert (near - x).abs().div(x.abs()).max() <= 2**-11 and (near != x).float().mean() > 0.99
    assert torch.equal(tf32(near), near)
    near.sum().backward()
    assert x.grad is not None and bool((x.grad == 1).all())


def test_corner_aligned_coordinates_reach_the_corners_and_edge_aligned_ones_do_not() -> None:
    corners, here = (coordinates(12, VARIANTS[name]) for name in ("corners", "as here"))
    assert corners.abs().max() == 1 and here.abs().max() == pytest.approx(1 - 1 / 12)
    assert corners[1].tolist() == pytest.approx([-1, -1 + 2 / 11])


def test_the_plain_network_is_the_network_of_the_package() -> None:
    one = fit("as here")
    siren = one.siren
    with torch.no_grad():
        siren.readout.weight.copy_(one.weight)
        siren.readout.bias.copy_(one.bias)
        theirs = siren(one.points.T.reshape(1, 2, 12, 12)).flatten()
        mine = images_at(one.points, siren, one.weight, one.bias, one.variant)[:, 0]
    assert torch.allclose(mine, theirs, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_error_counts_the_same_in_every_range_of_intensities(variant: str) -> None:
    one = fit(variant)
    with torch.no_grad():
        one.weight.zero_()
        one.bias.fill_(one.variant.low)  # all background
    assert one.psnr() == pytest.approx(-10 * np.log10(np.square(IMAGE, dtype=float).mean()), abs=1e-4)


def test_a_fit_comes_closer_to_its_image() -> None:
    one = fit("as here")
    before = one.psnr()
    one.advance(300)
    assert one.psnr() > before + 3
