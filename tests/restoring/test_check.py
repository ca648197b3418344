# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of checks: factors that change nothing are 1, and no option is swallowed."""

from __future__ import annotations

import numpy as np
import pytest

from monai_strainer import GaussianNoise, Grid, InputError, Mask, Prior, Profile, Volume, restore
from monai_strainer.fitting import FitOptions
from monai_strainer.restoring.check import triple
from monai_strainer.restoring.options import RestoreOptions


def scan(shape: tuple[int, int, int] = (20, 24, 6)) -> Volume:
    data = np.random.default_rng(0).uniform(500, 900, shape)
    return Volume(data, Grid(shape, np.diag([1.0, 1, 3, 1])))


@pytest.mark.parametrize("factor", [1.000000004, 0.999999996, 1.02, 0.98])
def test_a_factor_that_changes_no_number_of_voxels_is_one(factor: float) -> None:
    assert triple(scan(), (factor, factor, factor)) == (1.0, 1.0, 1.0)


def test_a_factor_below_one_is_refused() -> None:
    with pytest.raises(InputError, match="would lower the resolution"):
        triple(scan(), (0.5, 1, 1))


@pytest.mark.parametrize("wrong", [{"sigmma": 1e6}, {"thicknes": 3}, {"step": 1}])
def test_an_unknown_option_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=f"no option {next(iter(wrong))}"):
        restore(scan(), Prior.cold(0, hidden_channels=8), 1, **wrong)


def test_an_unknown_optimiser_and_an_option_of_another_method_are_refused() -> None:
    with pytest.raises(InputError, match="no optimiser 'nonsense'"):
        FitOptions(optimiser="nonsense")
    with pytest.raises(InputError, match="another method"):
        RestoreOptions(method="amortised", fit=FitOptions(rate=1e-3))


def test_instances_of_noise_and_operator_work() -> None:
    import torch

    prior, image = Prior.cold(0, hidden_channels=8, num_layers=2), scan()
    kept = Mask(torch.ones(20, 24, dtype=torch.bool))
    one = restore(image, prior, 1, steps=0, noise=GaussianNoise(5), operator=kept)
    two = restore(image, prior, 1, steps=0, noise=GaussianNoise, sigma=5, operator=lambda fine, measured: kept)
    assert np.array_equal(one.volume.data, two.volume.data)
    assert one.report["noise"]["sigma"] == pytest.approx(5)
    with pytest.raises(InputError, match="the operator takes"):
        restore(image, prior, 2, steps=0, operator=kept)


def test_a_profile_is_public() -> None:
    assert Profile("gaussian").kind == "gaussian"


@pytest.mark.parametrize("thickness", [0.1, 40.0])
def test_slices_far_thicker_or_thinner_than_their_step_are_refused(thickness: float) -> None:
    prior, image = Prior.cold(0, hidden_channels=8), scan()
    with pytest.raises(InputError, match=r"slices of .* mm, 3 mm apart. Give a thickness of 0.3 to 30 mm"):
        restore(image, prior, (1, 1, 2), thickness=thickness, steps=0)
    with pytest.raises(InputError, match="3 mm apart"):
        restore(Volume(image.data, image.grid, thickness=thickness), prior, (1, 1, 2), steps=0)


@pytest.mark.parametrize("times", [1e-30, 1e-19, 1e20, 1e35])
def test_values_whose_squares_leave_the_range_of_numbers_are_refused(times: float) -> None:
    image = scan()
    with pytest.raises(InputError, match=r"lose their precision\. Multiply the scan by a constant"):
        restore(Volume(image.data * np.float32(times), image.grid), Prior.cold(0, hidden_channels=8), 1, steps=0)


@pytest.mark.parametrize("times", [1e-12, 1e10])
def test_the_unit_of_the_values_does_not_matter(times: float) -> None:
    image, prior = scan(), Prior.cold(0, hidden_channels=8)
    one = restore(image, prior, 1, steps=0)
    other = restore(Volume(image.data * np.float32(times), image.grid), prior, 1, steps=0)
    np.testing.assert_allclose(other.volume.data / times, one.volume.data, rtol=1e-3)
