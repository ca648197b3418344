# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the shared encoder: each readout makes a network of its own, and the encoder travels alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from monai_strainer.networks import Siren, StrainerNet


def network(**kwargs: object) -> StrainerNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        sizes = {
            "spatial_dims": 2,
            "hidden_channels": 16,
            "num_layers": 4,
            "shared_layers": 3,
            "num_heads": 3,
            **kwargs,
        }
        return StrainerNet(**sizes).eval()  # type: ignore[arg-type]


def places(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("shared_layers", [1, 2, 3])
@pytest.mark.parametrize("out_channels", [1, 2])
def test_taking_a_readout_along_gives_its_image(shared_layers: int, out_channels: int) -> None:
    net = network(shared_layers=shared_layers, out_channels=out_channels)
    c = places(2, 2, 5, 6)
    images = net(c).unflatten(1, (3, out_channels))
    for readout in range(3):
        torch.testing.assert_close(net.siren(readout)(c), images[:, readout])


@pytest.mark.parametrize("shared_layers", [1, 2, 3])
def test_without_a_readout_the_encoder_stays_and_the_rest_is_drawn_again(shared_layers: int) -> None:
    net = network(shared_layers=shared_layers)
    one, two = net.siren(), net.siren()
    for k in range(3):
        same = torch.equal(one.encoder[k][0].weight, two.encoder[k][0].weight)
        assert same == (k < shared_layers)
        if k < shared_layers:
            assert torch.equal(one.encoder[k][0].weight, net.encoder[k][0].weight)
    assert not torch.equal(one.readout.weight, two.readout.weight)
    assert all(not torch.equal(one.readout.weight, readout[-1].weight) for readout in net.readouts)


def test_what_is_taken_along_is_a_copy() -> None:
    net, c = network(), places(1, 2, 5, 6)
    before, twin = net(c), net.siren(1)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    assert torch.equal(net(c), before)


def test_one_image_reaches_its_own_readout_and_the_encoder_alone() -> None:
    net = network()
    net(places(1, 2, 5, 6))[:, 1].square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.encoder.parameters())
    touched = [
        any(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in readout.parameters())
        for readout in net.readouts
    ]
    assert touched == [False, True, False]


@pytest.mark.parametrize("spatial", [(5, 6), (3, 4, 5)])
@pytest.mark.parametrize("coordinates", [2, 3])
def test_a_coordinate_image_becomes_one_image_per_readout(coordinates: int, spatial: tuple[int, ...]) -> None:
    assert network(spatial_dims=coordinates, out_channels=2)(places(2, coordinates, *spatial)).shape == (2, 6, *spatial)


def test_a_network_of_the_paper_has_as_many_parameters_as_in_the_paper() -> None:
    expected = 2 * 256 + 256 + 4 * (256 * 256 + 256) + 256 + 1
    assert expected == 264_193
    assert sum(p.numel() for p in Siren(2, 1, 256, 6).parameters()) == expected


def test_another_readout_costs_its_own_weights_alone() -> None:
    def count(readouts: int) -> int:
        net = StrainerNet(2, 1, 256, 6, 5, readouts)
        return sum(p.numel() for p in net.parameters())

    assert count(1) == 264_193
    assert count(10) - count(9) == 256 + 1


@pytest.mark.parametrize("shared_layers", [0, 4, 7])
def test_sharing_no_layer_or_every_layer_is_refused(shared_layers: int) -> None:
    with pytest.raises(ValueError, match=r"must lie in 1\.\.3"):
        network(shared_layers=shared_layers)


def test_a_network_without_readouts_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one readout"):
        network(num_heads=0)


def test_torchscript_gives_the_same_images() -> None:
    net, c = network(shared_layers=2), places(1, 2, 5, 6)
    torch.testing.assert_close(torch.jit.script(net)(c), net(c))
