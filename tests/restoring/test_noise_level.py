# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The noise level of a scan: as given, or as it is read; a level that cannot be is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from phantoms import HEAD_SHAPE as SHAPE
from phantoms import oblique_head as head
from phantoms import small_head

from monai_strainer import GaussianNoise, InputError, Prior, RicianNoise, Volume, load_prior, restore
from monai_strainer.geometry import Grid
from monai_strainer.metrics import coverage
from monai_strainer.restoring.noise_level import estimated_level


@pytest.fixture(scope="module")
def prior() -> Prior:
    return Prior.cold(0, hidden_channels=16, num_layers=3)


def test_noise_goes_down_and_its_level_is_found(prior: Prior) -> None:
    truth = head((40, 48, 4))
    noisy = RicianNoise(40.0).sample(torch.from_numpy(truth.data), torch.Generator().manual_seed(0)).numpy()
    out = restore(Volume(noisy, truth.grid), prior, 1, steps=2)
    assert out.report["noise"]["estimated"] and out.report["noise"]["sigma"] == pytest.approx(40, rel=0.3)
    assert 0 < out.report["noise"]["std"] < 0.3 * 40 and out.report["noise"]["source"] in ("head", "air")
    inside = truth.data > 0
    before, after = (np.square(image - truth.data)[inside].mean() for image in (noisy, out.volume.data))
    assert after < before
    assert coverage(out.volume.data, truth.data, out.std, mask=inside) > 0.7


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf])
def test_a_noise_map_of_levels_that_cannot_be_is_refused(prior: Prior, wrong: float) -> None:
    sigma = np.full(SHAPE, 5.0, np.float32)
    sigma[0, 0, 0] = wrong
    with pytest.raises(InputError, match="the noise map holds values"):
        restore(head(), prior, 1, sigma=sigma, steps=0)


def test_a_noise_map_is_used(prior: Prior) -> None:
    scan = head()
    sigma = np.full(SHAPE, 5.0, np.float32)
    out = restore(scan, prior, 1, sigma=sigma, noise=GaussianNoise, steps=2)
    assert out.report["noise"]["sigma"] == pytest.approx(5.0, rel=1e-3)


def test_noise_that_cannot_be_read_is_a_warning_and_no_unit(prior: Prior) -> None:
    scan = small_head()
    coarse = Volume(400.5 * np.round(scan.data / 400.5), scan.grid, slice_axis=scan.slice_axis)
    found, usual = (restore(volume, prior, steps=0).report["warnings"] for volume in (coarse, scan))
    assert any("no noise level can be read" in word for word in found)
    assert not any("times the noise" in word for word in found)
    assert not any("no noise level can be read" in word for word in usual)


def test_a_negative_sigma_is_refused(prior: Prior) -> None:
    with pytest.raises(InputError, match="sigma -1 is below 0"):
        restore(head(), prior, 1, sigma=-1.0, steps=0)


@pytest.mark.parametrize("times", [1.5, 1e6, np.full(SHAPE, 1.5, np.float32)])
@pytest.mark.parametrize("scale", [1, 2])
def test_more_noise_than_the_object_has_intensity_is_refused(
    prior: Prior, times: float | np.ndarray, scale: int
) -> None:
    sigma = times * np.sqrt(np.square(head().data[head().data > 0]).mean())
    with pytest.raises(InputError, match=r"is more than the object itself.*units of the scan"):
        restore(head(), prior, scale, sigma=sigma, steps=0)


def test_a_scan_of_noise_alone_may_have_its_level(prior: Prior) -> None:
    drawn = np.random.default_rng(0).standard_normal((24, 24, 4)).astype(np.float32)
    scan = Volume(drawn, Grid(drawn.shape, np.eye(4)))
    assert np.isfinite(restore(scan, prior, 1, sigma=1.0, steps=0).volume.data).all()


def test_a_noise_map_of_another_shape_is_refused(prior: Prior) -> None:
    with pytest.raises(InputError, match="in the shape of the scan"):
        restore(head(), prior, 1, sigma=np.ones((3, 3, 3), np.float32), steps=0)


class Sure(torch.nn.Module):
    """A network that reads the same level everywhere."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.log = torch.nn.Parameter(torch.tensor(sigma).log(), requires_grad=False)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.log.expand(len(image)), torch.zeros(len(image))


def test_little_noise_of_a_small_object_in_a_wide_empty_field_is_read() -> None:
    data = np.zeros((160, 160, 6), np.float32)
    data[66:86, 66:86] = 300 + 2 * np.random.default_rng(0).standard_normal((20, 20, 6))
    scan = Volume(data, Grid(data.shape, np.eye(4)), slice_axis=2)
    found = estimated_level(scan, Sure(5.0), GaussianNoise, 300.0, data > 0)  # type: ignore[arg-type]
    assert found.readable and found.level > 0


def test_a_label_map_is_named_and_no_level_is_asked_for(prior: Prior) -> None:
    labels = np.round(head().data / 400).astype(np.float32)
    found = restore(Volume(labels, head().grid, slice_axis=head().slice_axis), prior, steps=0).report["warnings"]
    assert any("a mask or a label map, which is no scan" in word for word in found)
    assert not any("--sigma" in word for word in found)


def disc(soft: bool) -> tuple[Volume, np.ndarray]:
    """A disc with noise of 10 in air, whole or cut out by a mask with a soft border."""
    rng = np.random.default_rng(0)
    _, rows, columns = np.indices((6, 96, 96))
    radius = np.hypot(rows - 48, columns - 48)
    image = 300 * (radius < 34) * (1 + 0.2 * np.sin(rows / 6) * np.cos(columns / 5)) + 1
    noisy = np.hypot(image + 10 * rng.standard_normal(image.shape), 10 * rng.standard_normal(image.shape))
    weight = 1 / (1 + np.exp((radius - 30) / 2.5))
    noisy = noisy * np.where(weight < 0.01, 0, weight) if soft else noisy
    return Volume(noisy, Grid(noisy.shape, np.diag([4.0, 1, 1, 1])), slice_axis=0), radius < 34


@pytest.mark.parametrize("soft", [False, True])
def test_the_noise_of_the_object_is_read_within_a_soft_mask(soft: bool) -> None:
    scan, inside = disc(soft)
    network = load_prior().general.noise_level  # type: ignore[union-attr]
    level = estimated_level(scan, network, RicianNoise, 300.0, inside)
    assert 300 * level.relative == pytest.approx(10, rel=0.15)
