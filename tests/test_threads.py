# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""One thread or two: the same result, within what rounding leaves, in units of the noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from phantoms import slice_images, small_head, small_prior, small_prior_with_detail

from monai_strainer import restore
from monai_strainer.fitting import ADAPTATION, Stack, adapt, amortise
from monai_strainer.networks import DetailPrior
from monai_strainer.physics import Identity, Measurement, RicianNoise

SIGMA = 10.0


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("options", "tolerance"),
    [
        ({"scale": 1, "adapt": 0}, 1e-3),
        ({"scale": 2}, 1e-3),
        ({"scale": 2, "method": "coordinates", "steps": 2}, 1e-2),
    ],
)
def test_the_number_of_threads_changes_a_result_by_less_than_a_hundredth_of_the_noise(
    options: dict[str, Any], tolerance: float
) -> None:
    prior = small_prior() if "method" in options else small_prior_with_detail()
    found = []
    for count in (1, 2):
        torch.set_num_threads(count)
        found.append(restore(small_head((48, 44, 8), SIGMA), prior, sigma=SIGMA, **options))
    for one, two in ((found[0].volume.data, found[1].volume.data), (found[0].std, found[1].std)):
        assert np.abs(one - two).max() < tolerance * SIGMA


def test_the_number_of_threads_changes_an_adapted_result_by_less_than_the_noise_it_removes() -> None:
    """A gradient is a sum over voxels; its rounding grows with every step."""
    clean, noise = slice_images(4, 40, 48), RicianNoise(0.1)
    y = noise.sample(clean, torch.Generator().manual_seed(1))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = DetailPrior(channels=(8, 8), blocks=1, features=0, equivariant=True).eval()
    recipe, found = replace(ADAPTATION, steps=10, side=32, passes=1e3), []
    for count in (1, 2):
        torch.set_num_threads(count)
        learned = adapt(network, [Stack(y, noise, clean > 0.05, 1.0)], recipe)
        found.append(amortise(learned, Measurement(Identity((40, 48)), y, noise)).images)
    assert float((found[0] - found[1]).abs().max()) < 0.2 * 0.1
