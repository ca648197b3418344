# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of one pass: batches are loops, neighbours matter as far as they are close, the divergence is optional."""

from __future__ import annotations

import pytest
import torch
from phantoms import slice_coordinates, slice_images, small_detail, small_siren
from torch import Tensor

from monai_strainer.fitting import CoordinateFeatures, amortised, slice_prediction
from monai_strainer.fitting.amortised import Repeats, amortise
from monai_strainer.fitting.slice_prediction import predict_slices
from monai_strainer.geometry import MIRRORS
from monai_strainer.physics import (
    Downsample,
    GaussianNoise,
    Identity,
    KSpaceCrop,
    Measurement,
    NoiseModel,
    RicianNoise,
    Separable,
    SliceProfile,
)

SIZE = (20, 26)
TWICE = Downsample(SIZE, 2)


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products in float32: equal is then nearly equal to the last bit."""
    monkeypatch.setattr(slice_prediction, "has_bfloat16", lambda device: False)


def measured(operator: Separable = TWICE, slices: int = 7, noise: NoiseModel | None = None) -> Tensor:
    clean = operator.A(slice_images(slices, *operator.shape_in))
    return clean if noise is None else noise.sample(clean, torch.Generator().manual_seed(0))


def close(one: Tensor, two: Tensor) -> None:
    torch.testing.assert_close(one, two, atol=1e-5, rtol=0)


def coords_of(some: slice) -> Tensor:
    return slice_coordinates(7, *SIZE)[some]


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
@pytest.mark.parametrize("data_step", [True, False])
def test_how_many_slices_are_taken_at_a_time_does_not_matter(
    monkeypatch: pytest.MonkeyPatch, batch: int, data_step: bool
) -> None:
    detail, siren, y = small_detail(), small_siren(), measured()
    found = []
    for size in (4, batch):
        monkeypatch.setattr(amortised, "BATCH", size)
        given = Measurement(TWICE, y, RicianNoise(0.02))
        found.append(amortise(detail, given, data_step=data_step, features=CoordinateFeatures(siren, coords_of)))
    one, two = found
    close(one.images, two.images)
    close(one.std, two.std)
    close(one.network_images, two.network_images)
    assert one.undetermined == pytest.approx(two.undetermined, abs=1e-5)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_mean_is_over_as_many_mirror_images_as_asked_for(count: int) -> None:
    detail, given, some = small_detail(), Measurement(TWICE, measured(), RicianNoise(0.02)), slice(0, 4)
    found = amortise(detail, given, only=some, data_step=False, repeats=Repeats(MIRRORS[count]))
    each = [predict_slices(detail, given, some, mirrors=(axes,))[0] for axes in MIRRORS[count]]
    assert len(each) == count
    close(found.images, torch.stack(each).mean(0))


@pytest.mark.parametrize("data_step", [True, False])
def test_far_slices_do_not_know_of_each_other(data_step: bool) -> None:
    detail, y = small_detail(), measured()
    other = y.clone()
    other[3] += 0.3
    one, two = (
        amortise(detail, Measurement(TWICE, d, RicianNoise(0.02)), spacing_ratio=0.0, data_step=data_step)
        for d in (y, other)
    )
    changed = [k for k in range(7) if not torch.allclose(one.images[k], two.images[k], atol=1e-6)]
    assert changed == [3]


def test_close_slices_know_two_neighbours_on_either_side() -> None:
    detail, y = small_detail(), measured()
    other = y.clone()
    other[3] += 0.3
    one, two = (
        amortise(detail, Measurement(TWICE, d, RicianNoise(0.02)), spacing_ratio=1.0, data_step=False)
        for d in (y, other)
    )
    changed = [k for k in range(7) if not torch.allclose(one.images[k], two.images[k], atol=1e-6)]
    assert changed == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("operator", [TWICE, Identity(SIZE)])
@pytest.mark.parametrize("kind", [RicianNoise, GaussianNoise])
def test_a_map_that_is_the_same_everywhere_is_a_number(operator: Separable, kind: type[NoiseModel]) -> None:
    detail, y = small_detail(), measured(operator)
    one, two = (amortise(detail, Measurement(operator, y, kind(sigma))) for sigma in (0.04, torch.full_like(y, 0.04)))
    close(one.images, two.images)
    close(one.std, two.std)


def test_a_map_matters_where_it_is_higher() -> None:
    detail, y = small_detail(), measured(Identity(SIZE))
    sigma = torch.full_like(y, 0.04)
    sigma[3, :, 20:] = 0.12
    level = float(sigma.square().mean().sqrt())
    one, two = (amortise(detail, Measurement(Identity(SIZE), y, GaussianNoise(s))) for s in (level, sigma))
    change = (one.images - two.images).abs()
    assert float(change[3, :, 22:].mean()) > 3 * float(change[0].mean())


@pytest.mark.parametrize(
    "operator", [TWICE, Downsample(SIZE, (1, 3)), KSpaceCrop(SIZE, 2), SliceProfile(SIZE, 0, 3, 4)]
)
def test_the_data_step_brings_the_image_to_the_data(operator: Separable) -> None:
    found = amortise(small_detail(), Measurement(operator, measured(operator), GaussianNoise(0.001)))
    before, after = (
        float((operator.A(x) - measured(operator)).square().mean().sqrt()) for x in (found.network_images, found.images)
    )
    assert before > 0.01 and after < 0.25 * before
    assert 0 < found.undetermined < 1


def test_where_nothing_was_done_to_the_image_there_is_no_data_step() -> None:
    found = amortise(small_detail(), Measurement(Identity(SIZE), measured(Identity(SIZE)), RicianNoise(0.02)))
    assert torch.equal(found.images, found.network_images) and found.undetermined == 1.0


@pytest.mark.parametrize("slices", [1, 2, 3])
@pytest.mark.parametrize("spacing_ratio", [0.0, 1.0])
def test_small_stacks_are_restored_too(slices: int, spacing_ratio: float) -> None:
    found = amortise(
        small_detail(), Measurement(TWICE, measured(slices=slices), RicianNoise(0.02)), spacing_ratio=spacing_ratio
    )
    assert found.images.shape == found.std.shape == (slices, *SIZE)
    assert bool(torch.isfinite(found.images).all()) and bool((found.std > 0).all())


@pytest.mark.parametrize("slices", [1, 2, 3])
def test_a_stack_goes_on_beyond_its_end_as_it_ended(slices: int) -> None:
    detail, y = small_detail(), measured(slices=slices)
    longer = torch.cat([y[:1], y[:1], y, y[-1:], y[-1:]])
    one, two = (amortise(detail, Measurement(TWICE, stack, RicianNoise(0.02))) for stack in (y, longer))
    close(one.images, two.images[2:-2])


def test_only_some_slices_are_the_same_slices() -> None:
    detail, siren, y = small_detail(), small_siren(), measured()
    given = {"features": CoordinateFeatures(siren, coords_of)}
    whole = amortise(detail, Measurement(TWICE, y, RicianNoise(0.02)), **given)
    part = amortise(detail, Measurement(TWICE, y, RicianNoise(torch.full_like(y, 0.02))), only=slice(2, 5), **given)
    close(part.images, whole.images[2:5])
    close(part.std, whole.std[2:5])


def test_progress_rises_to_all_slices() -> None:
    calls: list[int] = []
    amortise(small_detail(), Measurement(TWICE, measured(), RicianNoise(0.02)), on_slices=calls.append)
    assert calls == [4, 7]


def test_the_coordinate_prior_is_asked_at_the_places_of_the_slices() -> None:
    detail, siren, y, asked = small_detail(), small_siren(), measured(), []

    def inform(some: slice) -> Tensor:
        asked.append((some.start, some.stop))
        return coords_of(some)

    known = amortise(detail, Measurement(TWICE, y, RicianNoise(0.02)), features=CoordinateFeatures(siren, inform))
    alone = amortise(detail, Measurement(TWICE, y, RicianNoise(0.02)))
    assert asked == [(0, 4), (4, 7)]
    assert float((known.network_images - alone.network_images).abs().max()) > 1e-4


def test_rough_products_agree_with_exact_ones_to_a_fiftieth_of_what_was_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    detail, siren, y = small_detail(), small_siren(), measured(Identity(SIZE))
    found = []
    for rough in (False, True):
        monkeypatch.setattr(slice_prediction, "has_bfloat16", lambda device, rough=rough: rough)
        found.append(
            amortise(
                detail, Measurement(Identity(SIZE), y, RicianNoise(0.02)), features=CoordinateFeatures(siren, coords_of)
            )
        )
    change = float((found[0].images - y).square().mean().sqrt())
    assert float((found[0].images - found[1].images).square().mean().sqrt()) < 0.02 * change
    assert found[1].images.dtype == torch.float32


def test_neither_data_nor_network_are_changed() -> None:
    detail, y = small_detail(), measured()
    before, weights = y.clone(), {name: value.clone() for name, value in detail.state_dict().items()}
    found = amortise(detail, Measurement(TWICE, y, RicianNoise(0.02)))
    assert torch.equal(y, before) and not found.images.requires_grad
    assert all(torch.equal(value, weights[name]) for name, value in detail.state_dict().items())


def test_the_same_data_give_the_same_bytes() -> None:
    one, two = (amortise(small_detail(), Measurement(TWICE, measured(), RicianNoise(0.02))) for _ in range(2))
    assert torch.equal(one.images, two.images) and torch.equal(one.std, two.std)


@pytest.mark.parametrize("sigma", [0.05, 0.1])
def test_the_data_step_takes_the_bias_of_a_magnitude_off(sigma: float) -> None:
    clean = measured()
    y = torch.hypot(clean, torch.tensor(sigma))  # the clean data and their bias, without a draw
    found = amortise(small_detail(), Measurement(TWICE, y, RicianNoise(sigma)))
    seen = TWICE.A(found.images)
    assert float((seen - clean).square().mean()) < 0.5 * float((y - clean).square().mean())


def test_a_slice_of_zeros_is_a_slice_of_zeros() -> None:
    y = torch.zeros(9, *SIZE)
    y[-1] = 1
    found = amortise(small_detail(), Measurement(Identity(SIZE), y, RicianNoise(0.02)))
    assert float(found.images[:4].abs().max()) == float(found.std[:4].abs().max()) == 0
    assert float(found.std[-1].min()) > 0


def test_the_divergence_is_read_where_it_is_asked_for() -> None:
    y, seed = measured(Identity(SIZE)), torch.Generator().manual_seed
    given = Measurement(Identity(SIZE), y, RicianNoise(0.02))
    whole = amortise(small_detail(), given, repeats=Repeats(probe=seed(1)))
    part = amortise(small_detail(), given, repeats=Repeats(probe=seed(1), probed=lambda batch: batch == 1))
    assert whole.divergence is not None and part.divergence is not None
    close(whole.divergence[4:], part.divergence[4:])
    assert bool(part.divergence[:4].isnan().all())
    close(whole.images, part.images)


def test_mirror_images_are_averaged() -> None:
    given, detail = Measurement(Identity(SIZE), measured(Identity(SIZE)), RicianNoise(0.02)), small_detail()
    one, two, both = (
        amortise(detail, given, repeats=Repeats(axes, torch.Generator().manual_seed(0))).images
        for axes in (((),), ((-1,),), ((), (-1,)))
    )
    close(both, (one + two) / 2)
    assert float((one - two).abs().max()) > 1e-4


def test_the_slices_are_prepared_once_for_all_their_mirror_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the divergence is read, the moved data are prepared as well."""
    calls = []
    whole = slice_prediction.interpolate
    monkeypatch.setattr(slice_prediction, "interpolate", lambda *given: calls.append(1) or whole(*given))
    given = Measurement(Identity(SIZE), measured(Identity(SIZE)), RicianNoise(0.02))
    amortise(small_detail(), given)
    assert len(calls) == 2  # batches
    amortise(
        small_detail(), given, repeats=Repeats(probe=torch.Generator().manual_seed(0), probed=lambda batch: batch == 0)
    )
    assert len(calls) == 2 + 3
