# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the truncation network: units do not matter, cut-away background has no weight, any size is read."""

from __future__ import annotations

import pytest
import torch

from monai_strainer.networks.truncation import TruncationNet, sizes_of_truncation


def image(seed: int = 0) -> torch.Tensor:
    return torch.rand(2, 1, 24, 20, generator=torch.Generator().manual_seed(seed)) + 0.5


@pytest.mark.parametrize(("gain", "offset"), [(1e-3, 0.0), (4000.0, 0.0), (3.0, 70.0)])
def test_units_do_not_matter(gain: float, offset: float) -> None:
    network = TruncationNet(channels=6)
    assert torch.allclose(network(gain * image() + offset), network(image()), atol=2e-4)


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (3, 30), (4, 5), (30, 2)])
def test_a_slice_of_few_voxels_is_read(shape: tuple[int, int]) -> None:
    with torch.no_grad():
        found = TruncationNet(channels=6)(torch.rand(2, 1, *shape) + 0.5)
    assert found.shape == (2,) and torch.isfinite(found).all()


def test_exact_zeros_have_no_weight() -> None:
    network, padded = TruncationNet(channels=6), torch.zeros(2, 1, 24, 60)
    padded[..., :20] = image()
    assert torch.isfinite(network(torch.zeros(1, 1, 16, 16))).all()
    with torch.no_grad():
        network.tail.weight.zero_()
        network.tail.weight[0, 0] = 1.0  # evidence is one feature, and its mean that of the voxels that are there
        seen = {}
        network.tail.register_forward_hook(lambda _, __, out: seen.update(out=out))
        found = network(padded)
    evidence = seen["out"][:, 0, :, :20].flatten(1).mean(1)
    assert torch.allclose(found, evidence, atol=1e-5)


def test_sizes_make_the_same_architecture() -> None:
    network = TruncationNet(channels=5, lags=2, layers=2)
    again = TruncationNet(**sizes_of_truncation(network))
    again.load_state_dict(network.state_dict())
    assert torch.equal(again(image()), network(image()))


@pytest.mark.parametrize("sizes", [{"channels": 0}, {"lags": 0}, {"layers": 0}])
def test_a_network_of_nothing_is_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="needs a channel"):
        TruncationNet(**sizes)
