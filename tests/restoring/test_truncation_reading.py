# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the weight of truncated k-space: read from the scan, the usual one where nothing can be read."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from phantoms import ellipsoid

from monai_strainer.geometry import Grid
from monai_strainer.networks.truncation import TruncationNet
from monai_strainer.physics import Profile
from monai_strainer.priors.general_store import load_general
from monai_strainer.restoring.truncation_reading import kspace_weight
from monai_strainer.volume import Volume

SHAPE = (120, 140, 8)


class Fixed(TruncationNet):
    """A network with one answer."""

    def __init__(self, odds: float) -> None:
        super().__init__(channels=1, layers=1)
        self.odds = odds

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.full((len(image),), self.odds)


def volume(data: np.ndarray) -> Volume:
    return Volume(np.asarray(data, np.float32), Grid(data.shape, np.eye(4)), slice_axis=2)


def measured(kind: str, noise: float) -> Volume:
    y = Profile(kind)(SHAPE, (60, 70, 8)).A(torch.from_numpy(ellipsoid(SHAPE))).numpy()
    rng = np.random.default_rng(0)
    return volume(np.hypot(y + noise * rng.standard_normal(y.shape), noise * rng.standard_normal(y.shape)))


@pytest.mark.parametrize(("odds", "weight"), [(0.0, 0.25), (np.log(3), 0.5), (2 * np.log(3), 0.75)])
def test_log_odds_move_the_usual_weight(odds: float, weight: float) -> None:
    scan = measured("box", 5.0)
    assert kspace_weight(scan, Fixed(float(odds)), scan.data > 50) == pytest.approx(weight)


@pytest.mark.parametrize(("odds", "weight"), [(9.0, 1.0), (-4.0, 0.0), (-2000.0, 0.0), (2000.0, 1.0)])
def test_a_sure_weight_is_exact(odds: float, weight: float) -> None:
    scan = measured("box", 5.0)
    assert kspace_weight(scan, Fixed(odds), scan.data > 50) == weight


def test_where_nothing_can_be_read_the_weight_is_the_usual_one() -> None:
    scan = volume(np.full((60, 60, 3), 7.0))
    assert kspace_weight(scan, Fixed(9.0), scan.data > 0) == kspace_weight(measured("kspace", 0), None, scan.data > 0)


@pytest.mark.parametrize("noise", [0.0, 4.0])
def test_the_shipped_network_tells_truncation_from_averages(noise: float) -> None:
    general = load_general()
    assert general is not None and general.truncation is not None
    box, gaussian, kspace = (
        kspace_weight(scan, general.truncation, scan.data > 50)
        for scan in (measured(kind, noise) for kind in ("box", "gaussian", "kspace"))
    )
    assert box < 0.1 and gaussian < 0.1 and kspace > 0.9


def test_a_few_patches_do_not_decide() -> None:
    class OneIsFarOff(Fixed):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            found = super().forward(image)
            found[0] = 1000.0
            return found

    scan = volume(np.random.default_rng(0).normal(500, 60, (192, 192, 2)))
    assert kspace_weight(scan, OneIsFarOff(-3.0), scan.data > 0) < 0.1


def test_noise_hides_the_difference() -> None:
    general = load_general()
    assert general is not None
    scan = volume(np.random.default_rng(0).normal(500, 60, (96, 96, 6)))
    assert 0.1 < kspace_weight(scan, general.truncation, scan.data > 0) < 0.5
