# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of reading a noise level: one value where the noise is even, a map where it is not, none of rounded data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from monai_strainer.networks.noise_level import NoiseLevelNet
from monai_strainer.restoring import noise_reading
from monai_strainer.restoring.noise_reading import read_noise

SHAPE = (6, 128, 128)
EVERYWHERE = np.ones(SHAPE, bool)
EVEN = np.full(SHAPE, 5.0, np.float32)
UNEVEN = np.broadcast_to(np.float32(5 * np.exp(1.2 * np.linspace(-1, 1, 128))), SHAPE)  # five times from edge to edge


def network() -> NoiseLevelNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return NoiseLevelNet(channels=4, layers=2).eval()


def scan(sigma: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.float32(300 + sigma * np.random.default_rng(0).standard_normal(SHAPE))


def test_even_noise_has_one_level_and_no_map() -> None:
    found = read_noise(network(), scan(EVEN), EVERYWHERE)
    assert found.map is None and found.readable and abs(found.sigma - 5) < max(3 * found.std, 0.4)


def test_uneven_noise_has_a_map_that_follows_it() -> None:
    found = read_noise(network(), scan(UNEVEN), EVERYWHERE)
    assert found.map is not None and found.map.shape == SHAPE
    middle = slice(32, 96)  # between the middles of the patches
    assert found.map[..., middle] == pytest.approx(UNEVEN[..., middle], rel=0.3)


def test_rounded_data_have_no_level_that_can_be_read() -> None:
    assert not read_noise(network(), 100 * np.round(scan(EVEN) / 100), EVERYWHERE).readable


def test_how_many_patches_are_read_at_once_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    known = read_noise(network(), scan(UNEVEN), EVERYWHERE)
    monkeypatch.setattr(noise_reading, "_TOGETHER", 1)
    found = read_noise(network(), scan(UNEVEN), EVERYWHERE)
    assert found.sigma == pytest.approx(known.sigma, rel=1e-5) and found.std == pytest.approx(known.std, rel=1e-4)
    assert found.map is not None and found.map == pytest.approx(known.map, rel=1e-4)


class Counting(torch.nn.Module):
    """A network that counts the patches it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.patches = network(), 0

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        self.patches += len(image)
        out: tuple[torch.Tensor, torch.Tensor] = self.inner(image)
        return out


@pytest.mark.parametrize("sigma", [EVEN, UNEVEN])
def test_some_patches_of_a_large_scan_say_what_all_of_them_do(
    monkeypatch: pytest.MonkeyPatch, sigma: NDArray[np.float32]
) -> None:
    wide, found, counts = np.tile(scan(sigma), (4, 1, 1)), [], []
    for most in (10**6, 128):
        monkeypatch.setattr(noise_reading, "_PATCHES", most)
        counting: Any = Counting()
        found.append(read_noise(counting, wide, np.ones(wide.shape, bool)))
        counts.append(counting.patches)
    every, some = found
    assert counts[0] > 2 * counts[1] and counts[1] <= 128
    if every.map is None:
        assert some.map is None and some.sigma == pytest.approx(every.sigma, rel=0.1)
    else:
        assert some.map == pytest.approx(every.map, rel=0.15)
