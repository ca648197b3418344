# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the alignment: a tilt that was put in is found, a head that fits stays, and the prior's weights are safe."""

from __future__ import annotations

import copy

import pytest
import torch
from phantoms import slice_coordinates, small_siren

from monai_strainer.fitting import align
from monai_strainer.fitting.readout import with_bias
from monai_strainer.fitting.registration import _explained
from monai_strainer.networks import Siren


def knowing_siren() -> Siren:
    """A network whose heads hardly vary: only its mean head's image is a likely one."""
    siren = small_siren(3, width=32)
    with torch.no_grad():
        siren.readout.weight.mul_(6)
        siren.get_buffer("readout_covariance").copy_(1e-6 * torch.eye(33))
    return siren


def image_at(siren: Siren, coords: torch.Tensor, turn: torch.Tensor) -> torch.Tensor:
    """What the mean head shows of a head that is turned: (S, H, W) in [0, 1] units."""
    at = torch.einsum("ij,sjhw->sihw", turn[:, :3], coords) + turn[:, 3, None, None]
    with torch.no_grad():
        return (siren(at)[:, 0] + 1) / 2


TURN = torch.tensor([[1.02, 0.05, 0.0, 0.02], [-0.05, 0.99, 0.04, 0.0], [0.0, -0.04, 1.0, -0.03]])


def test_a_turn_that_was_put_in_is_found() -> None:
    siren, coords = knowing_siren(), slice_coordinates(6, 24, 26)
    found = align(siren, image_at(siren, coords, TURN), coords, iterations=8)
    assert (found - TURN).abs().max() < 0.3 * (torch.eye(3, 4) - TURN).abs().max()


def test_a_head_that_fits_stays() -> None:
    siren, coords = knowing_siren(), slice_coordinates(6, 24, 26)
    found = align(siren, image_at(siren, coords, torch.eye(3, 4)), coords)
    torch.testing.assert_close(found, torch.eye(3, 4), atol=1e-3, rtol=0)


def test_the_derivative_is_that_of_finite_differences() -> None:
    siren, coords = knowing_siren(), slice_coordinates(1, 10, 12)
    place = with_bias(coords.flatten(2))[0]  # (4, P)
    target = 2 * image_at(siren, coords, TURN)[0].flatten() - 1
    mean = torch.cat([siren.readout.weight[0], siren.readout.bias]).detach().double()
    heads = mean, torch.linalg.inv(siren.get_buffer("readout_covariance").double())
    _, slope = _explained(siren, *heads, place[:3], place, target)
    step = torch.zeros(3, 4)
    step[1, 0] = 1e-3
    ahead, _ = _explained(siren, *heads, (torch.eye(3, 4) + step) @ place, place, target)
    behind, _ = _explained(siren, *heads, (torch.eye(3, 4) - step) @ place, place, target)
    numeric = (behind - ahead) / 2e-3
    assert torch.corrcoef(torch.stack([numeric, slope[4]]))[0, 1] > 0.99


def test_nothing_of_the_network_changes() -> None:
    siren, coords = small_siren(), slice_coordinates(2, 8, 8)
    before = copy.deepcopy(siren.state_dict())
    with torch.no_grad():  # works under no_grad, too
        found = align(siren, torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(0)), coords, iterations=2)
    assert found.shape == (3, 4) and found.dtype == torch.float32 and bool(torch.isfinite(found).all())
    assert all(torch.equal(value, before[name]) for name, value in siren.state_dict().items())
    assert all(p.grad is None for p in siren.parameters())


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_an_image_that_says_nothing_turns_nothing_far(level: float) -> None:
    found = align(small_siren(), torch.full((2, 8, 8), level), slice_coordinates(2, 8, 8))
    assert (found - torch.eye(3, 4)).abs().max() < 0.25
