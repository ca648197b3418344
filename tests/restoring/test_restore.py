# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of a restoration: the field of view stays, the data are kept, the same input gives the same bytes."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from phantoms import HEAD_SHAPE as SHAPE
from phantoms import oblique_affine as affine
from phantoms import oblique_head as head
from phantoms import small_head, small_prior_with_detail

from monai_strainer import GaussianNoise, Grid, InputError, KSpaceCrop, Prior, Volume, restore
from monai_strainer.physics import Blur, Downsample, Mask


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


def test_a_map_is_worth_more_than_its_mean(prior: Prior) -> None:
    truth = head()
    sigma = np.full(SHAPE, 4.0, np.float32)
    sigma[:, : SHAPE[1] // 2] = 120  # half of every slice is far noisier
    draw = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    scan = Volume(truth.data + sigma * draw, truth.grid)
    local, mean = (
        restore(scan, prior, 1, sigma=level, noise=GaussianNoise, method="coordinates", steps=0)
        for level in (sigma, float(np.sqrt(np.mean(sigma**2))))
    )
    assert not any("noise map" in warning for warning in local.report["warnings"])
    errors = [np.square(out.volume.data - truth.data).mean() for out in (local, mean)]
    assert errors[0] < 0.9 * errors[1]


def test_another_operator_may_be_given(prior: Prior) -> None:
    def crop(fine: tuple[int, ...], measured: tuple[int, ...]) -> KSpaceCrop:
        return KSpaceCrop(fine, [f / m for f, m in zip(fine, measured)])

    assert restore(head(), prior, 2, operator=crop, steps=1).volume.data.shape == (40, 48, 6)


def test_progress_ends_at_all_slices(prior: Prior) -> None:
    calls: list[tuple[int, int]] = []
    restore(head(), prior, 2, steps=2, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (6, 6) and [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_progress_counts_all_passes_at_once(both: Prior) -> None:
    calls: list[tuple[int, int]] = []
    restore(head(), both, (2, 2, 2), sigma=0, progress=lambda done, total: calls.append((done, total)))
    counts = [done for done, _ in calls]
    assert len({total for _, total in calls}) == 1 and calls[-1] == (calls[0][1],) * 2
    assert counts == sorted(set(counts))


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


def test_what_acts_within_slices_is_undone_within_slices(both: Prior) -> None:
    scan = Volume(head((26, 28, 24)).data, Grid((26, 28, 24), np.diag([6.0, 6, 6, 1])))
    still = restore(scan, both, 1, sigma=10.0, method="plug_and_play").report["passes"][0]["slice_axes"]
    mask = Mask(torch.ones(26, 28))
    masked = restore(scan, both, 1, sigma=10.0, operator=lambda fine, measured: mask).report["passes"][0]["slice_axes"]
    blurred = restore(scan, both, 1, sigma=10.0, operator=lambda fine, measured: Blur(fine, 2.0))
    assert (still, masked, blurred.report["passes"][0]["slice_axes"]) == ([2, 0, 1], [2], [2])


def test_slice_thickness_concerns_the_slice_axis_alone(both: Prior) -> None:
    step = float(head().grid.spacing[2])
    plain = restore(head(), both, (2, 2, 1)).volume.data
    assert np.array_equal(restore(head(), both, (2, 2, 1), thickness=0.5 * step).volume.data, plain)
    through = restore(head(), both, (1, 1, 3)).volume.data
    assert np.array_equal(restore(head(), both, (1, 1, 3), thickness=step).volume.data, through)
    assert not np.array_equal(restore(head(), both, (1, 1, 3), thickness=step / 3).volume.data, through)


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
        (0.5, "would lower the resolution"),
    ],
)
def test_a_scale_that_makes_no_sense_is_refused(scale: float, words: str, prior: Prior) -> None:
    with pytest.raises(InputError, match=words):
        restore(head(), prior, scale, steps=0)


def test_negative_steps_are_refused(prior: Prior) -> None:
    with pytest.raises(InputError, match="is below 0"):
        restore(head(), prior, 1, steps=-1)


def test_a_prior_of_several_channels_is_refused() -> None:
    with pytest.raises(InputError, match="2 channels"):
        restore(head(), Prior.cold(0, hidden_channels=8, out_channels=2), 1, steps=0)


def test_a_single_slice_is_not_refined_across(prior: Prior) -> None:
    whole = head()
    scan = Volume(whole.data[:, :, 4:5], Grid((*SHAPE[:2], 1), whole.grid.affine), slice_axis=2)
    with pytest.raises(InputError, match="single slice"):
        restore(scan, prior, (1, 1, 2))
