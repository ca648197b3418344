# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of a restoration: the field of view stays, the data are kept, the same input gives the same bytes."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from phantoms import small_head, small_prior_with_detail

from monai_strainer import GaussianNoise, Grid, InputError, KSpaceCrop, Prior, RicianNoise, Volume, restore
from monai_strainer.metrics import coverage
from monai_strainer.physics import Blur, Downsample, KSpaceLines, Mask, random_lines
from monai_strainer.priors.similarity import COARSE, ReferenceScores, SimilarityScores

SHAPE = (20, 24, 6)


def affine() -> np.ndarray:
    c, s = np.cos(0.4), np.sin(0.4)
    turn = np.array([[c, 0, s, 4], [0, -1, 0, 60], [-s, 0, c, -9], [0, 0, 0, 1.0]])
    return turn @ np.diag([6.5, 7.0, 20.0, 1.0])


def head(shape: tuple[int, int, int] = SHAPE, seed: int = 0) -> Volume:
    x, y, z = np.meshgrid(*(np.linspace(-1.2, 1.2, n) for n in shape), indexing="ij")
    folds = np.cos((5 + seed) * x) * np.cos(4 * y + z)
    return Volume(np.where(x**2 + y**2 + z**2 < 1, 700 + 150 * folds, 0), Grid(shape, affine()))


@pytest.fixture(scope="module")
def prior() -> Prior:
    return Prior.cold(0, hidden_channels=16, num_layers=3)


@pytest.mark.parametrize("scale", [1, 2, 1.5, (2, 1, 1), (1, 1.3, 2), (2, 2, 2), (1, 1, 3)])
def test_the_field_of_view_stays_to_the_edge(scale: float | tuple[float, ...], prior: Prior) -> None:
    scan = head()
    out = restore(scan, prior, scale, steps=0)
    factors = (scale, scale, 1) if np.ndim(scale) == 0 else scale
    assert out.volume.grid.shape == tuple(round(n * f) for n, f in zip(SHAPE, factors)) == out.volume.data.shape
    np.testing.assert_allclose(out.volume.grid.corners(), scan.grid.corners(), atol=1e-4)
    assert out.std.shape == out.volume.data.shape and np.isfinite(out.std).all() and (out.std >= 0).all()


def test_the_same_input_gives_the_same_bytes(prior: Prior) -> None:
    one, two = (restore(head(), prior, 2, steps=4, seed=3) for _ in range(2))
    assert one.volume.data.tobytes() == two.volume.data.tobytes() and one.report == two.report


def test_the_number_of_mirror_images_reaches_the_network() -> None:
    scan, prior = small_head((26, 28, 12)), small_prior_with_detail()
    four, two, again = (restore(scan, prior, 2, mirrors=count).volume.data for count in (4, 2, 2))
    assert np.array_equal(two, again) and not np.array_equal(four, two)


def test_scans_do_not_influence_one_another(prior: Prior) -> None:
    a, b = head(seed=0), head(seed=1)
    forth = [restore(scan, prior, 2, steps=3).volume.data for scan in (a, b)]
    back = [restore(scan, prior, 2, steps=3).volume.data for scan in (b, a)]
    assert forth[0].tobytes() == back[1].tobytes() and forth[1].tobytes() == back[0].tobytes()


def test_neither_scan_nor_network_is_changed(prior: Prior) -> None:
    scan = head()
    before, weights = scan.data.copy(), copy.deepcopy(prior.network.state_dict())
    restore(scan, prior, 2, steps=3)
    assert (scan.data == before).all()
    assert all(torch.equal(value, weights[name]) for name, value in prior.network.state_dict().items())


def test_the_result_agrees_with_the_measurement(prior: Prior) -> None:
    scan = head()
    out = restore(scan, prior, 2, sigma=1.0, steps=2)
    seen = Downsample((40, 48, 6), (2, 2, 1)).A(torch.from_numpy(out.volume.data)).numpy()
    assert np.abs(seen - scan.data).mean() < 0.02 * scan.data.max()


def test_units_do_not_matter(prior: Prior) -> None:
    scan = head()
    one = restore(scan, prior, 2, steps=2)
    two = restore(Volume(scan.data * 8, scan.grid), prior, 2, steps=2)
    np.testing.assert_allclose(two.volume.data, 8 * one.volume.data, rtol=1e-3, atol=1)


def test_a_lesion_stays(prior: Prior) -> None:
    fine = head((40, 48, 6))
    truth = fine.data.copy()
    truth[16:20, 20:24, 3] = 1400
    measured = Downsample((40, 48, 6), (2, 2, 1)).A(torch.from_numpy(truth)).numpy()
    out = restore(Volume(measured, fine.grid.resize(SHAPE)), prior, 2, sigma=2.0, steps=2).volume.data
    assert out[17:19, 21:23, 3].mean() > 0.9 * 1400


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


def test_a_noise_map_is_heeded(prior: Prior) -> None:
    scan = head()
    sigma = np.full(SHAPE, 5.0, np.float32)
    out = restore(scan, prior, 1, sigma=sigma, noise=GaussianNoise, steps=2)
    assert out.report["noise"]["sigma"] == pytest.approx(5.0, rel=1e-3)


def test_a_map_is_worth_more_than_its_mean(prior: Prior) -> None:
    truth = head()
    sigma = np.full(SHAPE, 4.0, np.float32)
    sigma[:, : SHAPE[1] // 2] = 120  # half of every slice is far noisier
    draw = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    scan = Volume(truth.data + sigma * draw, truth.grid)
    calls, mean = (
        restore(scan, prior, 1, sigma=level, noise=GaussianNoise, method="coordinates", steps=0)
        for level in (sigma, float(np.sqrt(np.mean(sigma**2))))
    )
    assert not any("noise map" in warning for warning in calls.report["warnings"])
    errors = [np.square(out.volume.data - truth.data).mean() for out in (calls, mean)]
    assert errors[0] < 0.9 * errors[1]


def test_another_operator_may_be_given(prior: Prior) -> None:
    def crop(fine: tuple[int, ...], measured: tuple[int, ...]) -> KSpaceCrop:
        return KSpaceCrop(fine, [f / m for f, m in zip(fine, measured)])

    assert restore(head(), prior, 2, operator=crop, steps=1).volume.data.shape == (40, 48, 6)


def test_noise_that_cannot_be_read_is_doubted_and_nothing_measured_by_it(prior: Prior) -> None:
    scan = small_head()
    coarse = Volume(400 * np.round(scan.data / 400), scan.grid, slice_axis=scan.slice_axis)
    found, usual = (restore(volume, prior, steps=0).report["warnings"] for volume in (coarse, scan))
    assert any("no noise level can be read" in word for word in found)
    assert not any("times the noise" in word for word in found)
    assert not any("no noise level can be read" in word for word in usual)


def test_a_part_of_a_head_is_placed_and_doubted(prior: Prior) -> None:
    whole = head((20, 24, 6))
    part = Volume(whole.data[:, :, 2:4], Grid((20, 24, 2), whole.grid.affine))
    assert any("part of a head" in warning for warning in restore(part, prior, 1, steps=0).report["warnings"])


def test_slices_of_another_plane_are_doubted() -> None:
    prior = Prior(Prior.cold(0, hidden_channels=16, num_layers=3).network, plane="sagittal")
    assert any("sagittal" in warning for warning in restore(head(), prior, 1, steps=0).report["warnings"])


def test_progress_ends_at_all_slices(prior: Prior) -> None:
    calls: list[tuple[int, int]] = []
    restore(head(), prior, 2, steps=2, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (6, 6) and [done for done, _ in calls] == sorted(done for done, _ in calls)


@pytest.fixture(scope="module")
def both() -> Prior:
    return small_prior_with_detail(tail=0.005)


@pytest.mark.parametrize("method", ["auto", "amortised", "plug_and_play", "coordinates"])
@pytest.mark.parametrize("scale", [1, 1.5, (1, 1, 3), (2, 2, 2)])
def test_every_method_keeps_the_field_of_view(method: str, scale: float | tuple[float, ...], both: Prior) -> None:
    scan = head()
    out = restore(scan, both, scale, method=method, steps=0)
    np.testing.assert_allclose(out.volume.grid.corners(), scan.grid.corners(), atol=1e-4)
    assert np.isfinite(out.volume.data).all() and out.std.shape == out.volume.data.shape
    assert out.report["method"] == ("amortised" if method == "auto" else method)
    assert set(out.report["data"]) == {"residual", "whiteness", "undetermined"}


def test_units_do_not_matter_to_the_detail_prior(both: Prior) -> None:
    one, two = (restore(Volume(head().data * k, head().grid), both, 2) for k in (1, 8))
    np.testing.assert_allclose(two.volume.data, 8 * one.volume.data, rtol=1e-3, atol=1)


def test_the_method_is_chosen_from_operator_and_noise_alone(both: Prior) -> None:
    def masked(fine: tuple[int, ...], measured: tuple[int, ...]) -> Mask:
        return Mask(torch.ones(fine, dtype=torch.bool))

    scan = head()
    assert restore(scan, both, 1, operator=masked).report["method"] == "plug_and_play"
    assert restore(scan, both, (8, 1, 1)).report["method"] == "plug_and_play"
    assert restore(scan, both, 1, sigma=0.2 * 850).report["method"] == "plug_and_play"
    assert restore(scan, both, (4, 1, 1)).report["method"] == "amortised"
    assert restore(scan, replace(both, detail=None), 2, steps=0).report["method"] == "coordinates"


def test_an_operator_that_no_training_drew_is_left_to_plug_and_play(both: Prior) -> None:
    assert restore(head(), both, 1, operator=lambda fine, measured: Blur(fine, 2.0)).report["method"] == "plug_and_play"
    lines = KSpaceLines(SHAPE[:2], 0, random_lines(SHAPE[0], 2))  # made for these slices: no other shape is asked of it
    assert restore(head(), both, 1, operator=lambda fine, measured: lines).report["method"] == "plug_and_play"


def test_what_acts_within_slices_is_undone_within_slices(both: Prior) -> None:
    scan = Volume(head((26, 28, 24)).data, Grid((26, 28, 24), np.diag([6.0, 6, 6, 1])))
    still = restore(scan, both, 1, sigma=10.0, method="plug_and_play").report["passes"][0]["slice_axes"]
    mask = Mask(torch.ones(26, 28))
    masked = restore(scan, both, 1, sigma=10.0, operator=lambda fine, measured: mask).report["passes"][0]["slice_axes"]
    blurred = restore(scan, both, 1, sigma=10.0, operator=lambda fine, measured: Blur(fine, 2.0))
    assert (still, masked, blurred.report["passes"][0]["slice_axes"]) == ([2, 0, 1], [2], [2])


def test_a_method_that_cannot_be_is_refused(prior: Prior) -> None:
    with pytest.raises(InputError, match="there is no method 'magic'"):
        restore(head(), prior, 2, method="magic")
    with pytest.raises(InputError, match="no detail prior"):
        restore(head(), prior, 2, method="amortised")


def test_slice_thickness_concerns_the_slice_axis_alone(both: Prior) -> None:
    step = float(head().grid.spacing[2])
    plain = restore(head(), both, (2, 2, 1)).volume.data
    assert np.array_equal(restore(head(), both, (2, 2, 1), thickness=0.5 * step).volume.data, plain)
    through = restore(head(), both, (1, 1, 3)).volume.data
    assert np.array_equal(restore(head(), both, (1, 1, 3), thickness=step).volume.data, through)
    assert not np.array_equal(restore(head(), both, (1, 1, 3), thickness=step / 3).volume.data, through)


def test_a_thickness_beside_an_operator_of_ones_own_is_refused(both: Prior) -> None:
    with pytest.raises(InputError, match="has its own"):
        restore(head(), both, (1, 1, 2), operator=Downsample.onto, thickness=10)


def test_a_thickness_of_nothing_is_refused(both: Prior) -> None:
    with pytest.raises(InputError, match="not thicker than 0"):
        restore(head(), both, (1, 1, 2), thickness=0)


def test_a_head_unlike_the_cohort_is_doubted(both: Prior) -> None:
    usual = SimilarityScores(0.0, 0.0, 1.0, 0.0)
    tight = ReferenceScores(usual, SimilarityScores(*[1e-3] * 4), np.full(COARSE, 1e-3, np.float32))
    out = restore(head(), replace(both, typical=tight), 1)
    assert any("does not look like the cohort" in warning for warning in out.report["warnings"])
    assert out.report["cohort"]["unusual"]["misfit"] > 4 and len(out.report["cohort"]["turn"]) == 3


def broken(change: str) -> Volume:
    data = head().data.copy()
    if change == "NaN":
        data[3, 3, 3] = np.nan
    elif change == "constant":
        data[:] = 7
    elif change == "zero":
        data[:] = 0
    elif change == "negative":
        data = -data - 1
    else:
        data = data[:1, :1, :1]
    return Volume(data, Grid(data.shape, affine()))


@pytest.mark.parametrize(
    ("change", "words"),
    [("NaN", "not finite"), ("constant", "constant"), ("zero", "constant"), ("one pixel", "constant")],
)
def test_a_scan_without_an_image_is_refused(change: str, words: str, prior: Prior) -> None:
    with pytest.raises(InputError, match=words):
        restore(broken(change), prior, 2, steps=0)


@pytest.mark.parametrize(
    ("scale", "words"),
    [
        (0, "not positive"),
        (-2, "not positive"),
        (float("nan"), "not positive"),
        ((2, 2), "2 numbers"),
        (0.5, "throw resolution away"),
    ],
)
def test_a_scale_that_makes_no_sense_is_refused(scale: float, words: str, prior: Prior) -> None:
    with pytest.raises(InputError, match=words):
        restore(head(), prior, scale, steps=0)


def test_a_negative_sigma_is_refused(prior: Prior) -> None:
    with pytest.raises(InputError, match="not 0 or more"):
        restore(head(), prior, 1, sigma=-1.0, steps=0)


def test_a_noise_map_of_another_shape_is_refused(prior: Prior) -> None:
    with pytest.raises(InputError, match="in the shape of the scan"):
        restore(head(), prior, 1, sigma=np.ones((3, 3, 3), np.float32), steps=0)


def test_negative_steps_are_refused(prior: Prior) -> None:
    with pytest.raises(InputError, match="cannot be taken"):
        restore(head(), prior, 1, steps=-1)


def test_a_prior_of_several_channels_is_refused() -> None:
    with pytest.raises(InputError, match="2 channels"):
        restore(head(), Prior.cold(0, hidden_channels=8, out_channels=2), 1, steps=0)


def test_a_single_slice_is_not_refined_across(prior: Prior) -> None:
    whole = head()
    scan = Volume(whole.data[:, :, 4:5], Grid((*SHAPE[:2], 1), whole.grid.affine), slice_axis=2)
    with pytest.raises(InputError, match="single slice"):
        restore(scan, prior, (1, 1, 2))
