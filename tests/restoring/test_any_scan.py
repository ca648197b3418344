# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of a restoration of any scan with the priors that are shipped: signs, zeros, padding and units stay; no harm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from phantoms import BODY_SHAPE as SHAPE
from phantoms import body_part as anatomy
from phantoms import body_volume as volume
from phantoms import rician, rmse
from scipy import ndimage

from monai_strainer import GaussianNoise, Grid, Prior, Profile, Volume, load_prior, restore
from monai_strainer.networks.truncation import TruncationNet
from monai_strainer.physics.acquired import fourier_resize
from monai_strainer.priors.general_store import load_general


@pytest.fixture(scope="module")
def prior() -> Prior:
    found = load_prior()
    assert found.general is not None
    return found


@pytest.mark.parametrize("share", [0.01, 0.03, 0.09])
def test_noise_of_a_scan_unlike_the_cohort_is_taken_away(prior: Prior, share: float) -> None:
    truth, inside = anatomy()
    y = rician(truth, share * 800)
    out = restore(volume(y), prior, 1)
    assert out.report["choice"]["prior"] == "general"
    assert out.report["noise"]["sigma"] == pytest.approx(share * 800, rel=0.2)
    assert rmse(out.volume.data, truth, inside) < (0.95 if share < 0.02 else 0.75) * rmse(y, truth, inside)


@pytest.mark.parametrize(("gain", "offset"), [(1 / 240, -1.8), (1.0, -1000.0), (2e-3, -1.0)])
def test_signed_data_keep_their_sign_and_mean(prior: Prior, gain: float, offset: float) -> None:
    truth, inside = anatomy()
    y = (gain * (truth + 24 * np.random.default_rng(0).standard_normal(SHAPE)) + offset).astype(np.float32)
    out = restore(volume(y), prior, 1)
    wanted = gain * truth + offset
    assert out.report["noise"]["model"] == "GaussianNoise" and any("below zero" in note for note in out.report["notes"])
    assert rmse(out.volume.data, wanted, inside) < 0.75 * rmse(y, wanted, inside)
    assert abs(float((out.volume.data - y)[inside].mean())) < 3 * gain


@pytest.mark.parametrize(("gain", "within"), [(2**-8, 1e-4), (0.004, 0.02)])  # a power of two rounds nothing
def test_no_unit_changes_the_result(prior: Prior, gain: float, within: float) -> None:
    truth, inside = anatomy()
    y = rician(truth, 24)
    one, two = restore(volume(y), prior, 1).volume.data, restore(volume(gain * y), prior, 1).volume.data / gain
    assert rmse(one, two, inside) < within * 24  # an adaptation makes more of what rounding changes


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("value", [0.0, -2000.0])
def test_background_that_was_cut_away_comes_back(prior: Prior, scale: int, value: float) -> None:
    truth, inside = anatomy()
    y = np.where(inside, rician(truth, 24), value).astype(np.float32)
    out = restore(volume(y), prior, scale)
    mask = np.kron(inside, np.ones((scale, scale, 1))).astype(bool)
    assert (out.volume.data[~mask] == value).all() and (out.std[~mask] == 0).all()
    assert (out.volume.data[mask] >= 0).all()


def test_a_scan_of_texture_alone_is_not_harmed(prior: Prior) -> None:
    """Fine texture that no network knows looks like noise: what the given level says is little noise must stay."""
    rng = np.random.default_rng(0)
    truth = (500 + 80 * rng.standard_normal(SHAPE)).astype(np.float32)
    inside = np.ones(SHAPE, bool)
    y = (truth + 20 * rng.standard_normal(SHAPE)).astype(np.float32)
    out = restore(volume(y), prior, 1, sigma=20.0, noise=GaussianNoise)
    assert rmse(out.volume.data, truth, inside) < 1.006 * rmse(y, truth, inside)  # 0.05 dB


def test_the_general_prior_alone_serves(prior: Prior) -> None:
    from monai_strainer.priors.shipped import bundle_path

    alone = load_prior(bundle_path("general_strainer"))
    truth, _ = anatomy()
    y = volume(rician(truth, 24))
    one, two = restore(y, alone, 1), restore(y, prior, 1)
    assert one.report["choice"]["prior"] == "general"
    assert np.array_equal(one.volume.data, two.volume.data)
    assert load_general() is prior.general


def test_the_same_scan_gives_the_same_bytes(prior: Prior) -> None:
    truth, _ = anatomy()
    y = volume(rician(truth, 24))
    assert restore(y, prior, 1).volume.data.tobytes() == restore(y, prior, 1).volume.data.tobytes()


@pytest.mark.parametrize("measured", [(60, 66, 5), (48, 54, 4)])
@pytest.mark.parametrize("sigma", [0.0, 72.0])
def test_factors_on_all_axes_beat_interpolation(prior: Prior, measured: tuple[int, ...], sigma: float) -> None:
    truth, inside = anatomy()
    y = rician(Profile()(SHAPE, measured).A(torch.from_numpy(truth)).numpy(), sigma)
    factors = [n / m for n, m in zip(SHAPE, measured)]
    scan = Volume(y, Grid(SHAPE, np.eye(4)).resize(measured), slice_axis=2)
    out = restore(scan, prior, factors)
    cubic = ndimage.zoom(y, factors, order=3, grid_mode=True, mode="nearest")
    assert out.volume.data.shape == SHAPE and out.volume.data.min() >= 0
    assert rmse(out.volume.data, truth, inside) < 0.9 * rmse(cubic, truth, inside)


def without_truncation(prior: Prior) -> Prior:
    """The prior as in older bundles, whose general prior cannot tell truncated k-space."""
    assert prior.general is not None
    return replace(prior, general=replace(prior.general, truncation=None))


def test_a_plane_whose_voxels_cannot_be_told_allows_for_both_kinds(prior: Prior) -> None:
    truth, inside = anatomy()
    y, older = volume(fourier_small(truth)), without_truncation(prior)
    box, cut, both = (restore(y, older, 2, profile=profile) for profile in ("box", "kspace", "auto"))
    assert box.report["profile"] == {"kind": "box", "ratio": 1.0}
    assert both.report["profile"] == {"kind": "box", "ratio": 1.0, "kspace_weight": 0.25}
    assert rmse(both.volume.data, truth, inside) < rmse(box.volume.data, truth, inside)
    mean = 0.75 * box.std[inside] ** 2 + 0.25 * cut.std[inside] ** 2
    assert float((both.std[inside] ** 2).mean()) > float(mean.mean())  # the assumptions differ


@pytest.mark.parametrize(("odds", "kind", "weight"), [(50.0, "kspace", 1.0), (-50.0, "box", 0.0)])
def test_a_sure_reading_is_the_same_as_the_profile_by_name(
    prior: Prior, odds: float, kind: str, weight: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth, _ = anatomy()
    y = volume(fourier_small(truth))
    monkeypatch.setattr(TruncationNet, "forward", lambda _, image: torch.full((len(image),), odds))
    read, named = restore(y, prior, 2), restore(y, prior, 2, profile=kind)
    assert read.report["profile"] == {"kind": kind, "ratio": 1.0, "kspace_weight": weight}
    assert np.array_equal(read.volume.data, named.volume.data) and np.array_equal(read.std, named.std)


def fourier_small(truth: np.ndarray) -> np.ndarray:
    """The truth with k-space cut to half in-plane, as magnitudes."""
    out = torch.from_numpy(truth)
    for k in (0, 1):
        out = fourier_resize(out.movedim(k, -1), out.shape[k] // 2).movedim(-1, k)
    return out.clamp_min(0).contiguous().numpy()
