# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the detail prior: any size, any batch, nearly the identity at first, and all that it is given matters."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from phantoms import small_detail
from torch import Tensor

from monai_strainer.networks import DetailPrior, sizes_of_detail
from monai_strainer.networks.detail import CONDITIONS


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def inputs(batch: int = 2, height: int = 18, width: int = 21, slices: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    """Slices with their maps, conditions, and features of a coordinate prior."""
    features = drawn(batch, 16, -(-height // 4), -(-width // 4), seed=2) - 0.5
    return drawn(batch, slices + 2, height, width), drawn(batch, CONDITIONS, seed=1), features


@given(st.integers(1, 3), st.integers(1, 37), st.integers(1, 37), st.booleans(), st.sampled_from([(8, 8), (8, 8, 8)]))
@settings(max_examples=25, deadline=None)
def test_any_height_width_and_batch_come_back_as_they_came(
    batch: int, height: int, width: int, with_features: bool, channels: tuple[int, ...]
) -> None:
    image, numbers, features = inputs(batch, height, width)
    with torch.no_grad():
        mean, log_std = small_detail(channels=channels)(image, numbers, features if with_features else None)
    assert mean.shape == log_std.shape == (batch, 1, height, width)
    assert bool(torch.isfinite(mean).all()) and bool(torch.isfinite(log_std).all())


@pytest.mark.parametrize("slices", [1, 3, 7])
def test_any_odd_number_of_slices_can_be_seen(slices: int) -> None:
    image, numbers, features = inputs(slices=slices)
    mean, _ = small_detail(slices=slices, tail=0.0)(image, numbers, features)
    torch.testing.assert_close(mean, image[:, slices // 2 : slices // 2 + 1], atol=0, rtol=0)


def test_no_features_are_features_of_zero() -> None:
    image, numbers, features = inputs()
    net = small_detail()
    for one, two in zip(net(image, numbers), net(image, numbers, torch.zeros_like(features))):
        assert torch.equal(one, two)


def test_a_network_without_features_is_as_good_a_network() -> None:
    image, numbers, features = inputs()
    net = small_detail(features=0)
    assert net.feature_projection is None
    assert torch.equal(net(image, numbers)[0], net(image, numbers, features)[0])


def test_an_untrained_network_hardly_changes_the_slice_in_the_middle() -> None:
    image, numbers, features = inputs(4, 32, 32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = DetailPrior(channels=(8, 8, 8), blocks=2, features=16)
    with torch.no_grad():
        mean, log_std = net(image, numbers, features)
    assert float((mean - image[:, 2:3]).abs().max()) < 0.1
    assert float((mean - image[:, 2:3]).square().mean().sqrt()) < 0.02
    assert float((log_std + 3).abs().max()) < 0.1


def test_a_batch_is_a_loop() -> None:
    image, numbers, features = inputs(3)
    net = small_detail()
    for k, (mean, log_std) in enumerate(zip(*net(image, numbers, features))):
        alone = net(image[k : k + 1], numbers[k : k + 1], features[k : k + 1])
        torch.testing.assert_close(alone[0][0], mean, atol=1e-5, rtol=0)
        torch.testing.assert_close(alone[1][0], log_std, atol=1e-5, rtol=0)


@pytest.mark.parametrize("what", ["a neighbour", "the noise map", "the map of what is open", "conditions", "features"])
def test_every_input_of_the_network_matters(what: str) -> None:
    net, (image, numbers, features) = small_detail(), inputs()
    before = net(image, numbers, features)[0].detach()
    if what == "conditions":
        numbers = numbers + 1
    elif what == "features":
        features = features + 1
    else:
        image[:, {"a neighbour": 0, "the noise map": 5, "the map of what is open": 6}[what]] += 1
    assert float((net(image, numbers, features)[0].detach() - before).abs().max()) > 1e-4


def test_a_size_that_does_not_halve_is_continued_beyond_its_edge() -> None:
    image, numbers, _ = inputs(1, 18, 21)
    net = small_detail()
    wide = net(F.pad(image, (0, 3, 0, 2), mode="replicate"), numbers)
    for one, two in zip(net(image, numbers), wide):
        torch.testing.assert_close(one, two[..., :18, :21], atol=1e-6, rtol=0)


def test_products_in_bfloat16_agree_with_float32_to_two_per_cent_of_what_is_changed() -> None:
    net, (image, numbers, features) = small_detail(channels=(8, 8, 8)), inputs(2, 32, 32)
    with torch.no_grad():
        exact = net(image, numbers, features)
        with torch.autocast("cpu", torch.bfloat16):
            rough = net(image, numbers, features)
    for one, two, start in zip(exact, rough, (image[:, 2:3], torch.tensor(-3.0))):
        assert two.dtype == torch.float32
        assert float((one - two).square().mean().sqrt()) < 0.02 * float((one - start).square().mean().sqrt())


def test_intensities_keep_all_their_bits_under_autocast() -> None:
    image, numbers, _ = inputs()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(small_detail(tail=0.0)(image, numbers)[0], image[:, 2:3])


def test_every_weight_is_learned() -> None:
    net, (image, numbers, features) = small_detail(), inputs()
    mean, log_std = net(image, numbers, features)
    (mean.square().mean() + log_std.square().mean()).backward()
    idle = [name for name, p in net.named_parameters() if p.grad is None or not bool((p.grad != 0).any())]
    assert not idle


@pytest.mark.parametrize("features", [0, 16])
def test_the_sizes_make_a_network_that_the_weights_fit(features: int) -> None:
    net = small_detail(features=features, channels=(8, 8, 16), slices=3)
    twin = DetailPrior(**sizes_of_detail(net))
    twin.load_state_dict(net.state_dict())
    image, numbers, _ = inputs(slices=3)
    assert torch.equal(twin(image, numbers)[0], net(image, numbers)[0])


@pytest.mark.parametrize(
    "sizes", [{"slices": 4}, {"slices": 0}, {"channels": (8,)}, {"channels": (8, 0)}, {"blocks": 0}]
)
def test_a_size_that_makes_no_network_is_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="odd number of slices, two stages"):
        DetailPrior(**{"channels": (8, 8), "blocks": 1, "features": 0, **sizes})


@pytest.mark.parametrize("equivariant", [False, True])
def test_in_place_and_with_gradients_the_result_is_the_same(equivariant: bool) -> None:
    net = DetailPrior(channels=(8, 8), features=0, equivariant=equivariant).eval()
    torch.nn.init.normal_(net.tail.weight, std=0.1)
    image, conditions, _ = inputs()
    kept = image.clone()
    plain = torch.stack(net(image, conditions)).detach()
    with torch.no_grad():
        quick = torch.stack(net(image, conditions))
    torch.testing.assert_close(plain, quick, atol=1e-5, rtol=0)
    assert torch.equal(image, kept)
