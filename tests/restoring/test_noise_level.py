# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The noise level of a scan: as given, or as it is read; a level that cannot be is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from phantoms import HEAD_SHAPE as SHAPE
from phantoms import oblique_head as head
from phantoms import small_head

from monai_strainer import GaussianNoise, InputError, Prior, RicianNoise, Volume, restore
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
