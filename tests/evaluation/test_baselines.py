# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Baselines: constants are kept, nothing is shifted, and the data are agreed with."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_strainer.errors import InputError
from monai_strainer.evaluation.baselines import back_projection, cubic, kriging_only, network_alone, non_local_means
from monai_strainer.metrics import psnr
from monai_strainer.networks import Siren
from monai_strainer.physics import Downsample, GaussianNoise, Identity, KSpaceCrop, Measurement, RicianNoise

few = settings(deadline=None, max_examples=20)
lengths = st.integers(2, 24)


def bumps(height: int = 48, width: int = 40) -> np.ndarray:
    """A smooth image without symmetry, (1, H, W)."""
    y, x = np.meshgrid(*((np.arange(n) + 0.5) / n for n in (height, width)), indexing="ij")
    image = np.exp(-((y - 0.4) ** 2 + (x - 0.55) ** 2) / 0.03) + 0.5 * np.exp(-((y - 0.7) ** 2 + (x - 0.3) ** 2) / 0.01)
    return image[None].astype(np.float32)


@few
@given(h=lengths, w=lengths, factor=st.floats(1, 4), value=st.floats(-10, 10))
def test_cubic_keeps_constants(h: int, w: int, factor: float, value: float) -> None:
    out = cubic(np.full((1, h, w), value, np.float32), (round(h * factor), round(w * factor)))
    np.testing.assert_allclose(out, value, atol=1e-4)


@few
@given(n=st.integers(12, 20), factor=st.sampled_from([1.5, 2, 3, 4]))
def test_cubic_does_not_shift_a_ramp(n: int, factor: float) -> None:
    fine = round(n * factor)
    ramp = np.tile((np.arange(n) + 0.5) / n, (2, 1))[None].astype(np.float32)
    middle = slice(fine // 3, fine - fine // 3)  # away from the borders, where the value goes on
    wanted = ((np.arange(fine) + 0.5) / fine)[middle]
    np.testing.assert_allclose(cubic(ramp, (2, fine))[0, 0, middle], wanted, atol=2e-3)


def test_cubic_onto_its_own_shape_changes_nothing() -> None:
    np.testing.assert_allclose(cubic(bumps(), (48, 40)), bumps(), atol=1e-5)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_centre_of_mass_stays(factor: int) -> None:
    truth = bumps()
    operator = Downsample((48, 40), factor)
    y = operator.A(torch.from_numpy(truth)).numpy()
    place = (np.arange(48) + 0.5) / 48
    for out in (cubic(y, (48, 40)), back_projection(operator, y), kriging_only(operator, y, GaussianNoise(1e-3))):
        centre, wanted = ((image.sum((0, 2)) * place).sum() / image.sum() for image in (out, truth))
        assert abs(centre - wanted) * 48 < 0.1  # of a fine voxel


@pytest.mark.parametrize("operator", [Downsample((48, 40), 2), Downsample((48, 40), 2.6), KSpaceCrop((48, 40), 2)])
def test_back_projection_agrees_with_the_data(operator) -> None:  # type: ignore[no-untyped-def]
    y = operator.A(torch.from_numpy(bumps())).numpy()

    def misfit(x: np.ndarray) -> float:
        return float(np.abs(operator.A(torch.from_numpy(x)).numpy() - y).max())

    x = back_projection(operator, y)
    assert misfit(x) < 0.002
    assert misfit(x) < 0.2 * misfit(cubic(y, operator.shape_in)) + 1e-6


def test_back_projection_and_kriging_beat_cubic() -> None:
    truth = bumps()
    operator = Downsample((48, 40), 4)
    y = operator.A(torch.from_numpy(truth)).numpy()
    start = psnr(cubic(y, (48, 40)), truth, data_range=1)
    assert psnr(back_projection(operator, y), truth, data_range=1) > start
    assert psnr(kriging_only(operator, y, GaussianNoise(1e-3)), truth, data_range=1) > start


def test_kriging_smooths_noise_away() -> None:
    truth, noise = bumps(), RicianNoise(0.05)
    y = noise.sample(torch.from_numpy(truth + 1), torch.Generator().manual_seed(0)).numpy()
    out = kriging_only(Identity((48, 40)), y, noise)
    assert psnr(out, truth + 1, data_range=1) > psnr(y, truth + 1, data_range=1) + 3


def test_non_local_means_takes_noise_and_bias_off() -> None:
    pytest.importorskip("skimage", reason="scikit-image is not installed")
    truth = np.full((1, 48, 48), 0.3, np.float32)
    truth[:, 12:36, 12:36] = 1
    y = RicianNoise(0.1).sample(torch.from_numpy(truth), torch.Generator().manual_seed(0)).numpy()
    out = non_local_means(y, 0.1)
    assert out is not None and out.shape == y.shape and out.dtype == np.float32
    assert psnr(out, truth, data_range=1) > psnr(y, truth, data_range=1) + 5
    assert abs((out - truth).mean()) < 0.3 * abs((y - truth).mean())


@pytest.mark.parametrize(
    ("measured", "shape"), [(np.ones((3, 3)), (6, 6)), (np.ones((1, 3, 3)), (6,)), (np.ones((1, 3, 3)), (0, 6))]
)
def test_shapes_that_do_not_fit_are_refused(measured: np.ndarray, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="cannot be interpolated"):
        cubic(measured, shape)


def test_a_network_fitted_as_in_the_paper_learns_and_leaves_its_start_alone() -> None:
    torch.manual_seed(0)
    siren = Siren(spatial_dims=2, hidden_channels=64, num_layers=3)
    before = [p.clone() for p in siren.parameters()]
    truth, operator = bumps(), Downsample((48, 40), 2)
    y = operator.A(torch.from_numpy(truth))
    axes = ((2 * torch.arange(n) + 1) / n - 1 for n in (48, 40))
    coords = torch.stack(torch.meshgrid(*axes, indexing="ij"))[None]
    scores = []
    for steps in (0, 60):
        images, best = network_alone(siren, coords, Measurement(operator, y, GaussianNoise(1e-3)), steps=steps)
        scores.append(psnr(images.numpy(), truth, data_range=1))
        assert 0 <= int(best) <= steps
    assert scores[1] > scores[0] + 2
    assert all(torch.equal(p, q) for p, q in zip(siren.parameters(), before))
    _, last = network_alone(siren, coords, Measurement(operator, y, GaussianNoise(1e-3)), steps=3, every=4)
    assert last.tolist() == [3]
