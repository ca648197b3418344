# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""A prior without training depends on its seed alone."""

from __future__ import annotations

import torch

from monai_strainer.priors.prior import Prior


def test_a_cold_prior_depends_on_its_seed_alone() -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    one = Prior.cold(3, hidden_channels=16).network.state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    two = Prior.cold(3, hidden_channels=16).network.state_dict()
    other = Prior.cold(4, hidden_channels=16).network.state_dict()
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    assert not torch.equal(one["head.weight"], other["head.weight"])
