# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Where a run of ``train.json`` starts: from nothing, or from the weights of a bundle."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("ignite")

from monai_strainer import InputError, Siren, load_prior
from monai_strainer.bundle.whole import begun, started
from monai_strainer.networks import sizes_of


def test_without_a_start_the_network_stays_as_it_is_drawn() -> None:
    network = Siren(3, 1, 16, 3)
    assert started(None, "axial") is None and begun(network, None) is network


def test_a_start_gives_its_weights_and_a_general_one_has_none() -> None:
    prior, start = load_prior(), started("mri_strainer", "axial")
    network = begun(Siren(**sizes_of(prior.network)), start)
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in prior.network.state_dict().items())
    with pytest.raises(InputError, match="network_def has the sizes"):
        begun(Siren(3, 1, 16, 3), start)
    other = Siren(3, 1, 16, 3)
    before = other.readout.weight.clone()
    assert torch.equal(begun(other, started("general_strainer", "axial")).readout.weight, before)
