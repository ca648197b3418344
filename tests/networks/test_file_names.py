# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Tensors keep their names in weights files, whatever attributes are called; both names are accepted."""

from __future__ import annotations

import copy
import hashlib
import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from monai_strainer import Siren, StrainerNet, load_prior
from monai_strainer.networks import DetailPrior
from monai_strainer.storage.weights import bytes_of

ROOT = Path(__file__).resolve().parents[2] / "bundles"
NETWORKS: list[tuple[nn.Module, set[str]]] = [
    (Siren(2, hidden_channels=8), {"encoder", "head", "head_covariance"}),
    (StrainerNet(2, hidden_channels=8, num_heads=2), {"encoder", "heads"}),
    (
        DetailPrior(channels=(8, 8), blocks=1, features=4, equivariant=True),
        {"told", "marry", "level", "stem", "down", "up", "encode", "decode", "tail"},
    ),
]


@pytest.mark.parametrize(("network", "names"), NETWORKS)
def test_state_dictionaries_have_the_names_of_files(network: nn.Module, names: set[str]) -> None:
    assert {name.partition(".")[0] for name in network.state_dict()} == names
    within = nn.ModuleDict({"inner": network}).state_dict()
    assert list(within) == [f"inner.{name}" for name in network.state_dict()]


@pytest.mark.parametrize(("network", "names"), NETWORKS)
def test_files_and_attributes_both_load(network: nn.Module, names: set[str]) -> None:
    by_attribute = {name: torch.zeros_like(value) for name, value in network.named_parameters()}
    by_attribute |= {name: torch.zeros_like(value) for name, value in network.named_buffers()}
    twin = copy.deepcopy(network)
    twin.load_state_dict(by_attribute)
    assert not any(bool(value.any()) for value in twin.state_dict().values())
    twin.load_state_dict(network.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(twin.parameters(), network.parameters()))
    assert list(pickle.loads(pickle.dumps(network)).state_dict()) == list(network.state_dict())


def test_shipped_networks_have_the_bytes_of_their_files() -> None:
    prior = load_prior()
    assert prior.detail is not None and prior.general is not None
    for network, file in (
        (prior.network, "mri_strainer/models/model.pt"),
        (prior.detail, "mri_strainer/models/detail.pt"),
        (prior.general.detail, "general_strainer/models/model.pt"),
    ):
        assert hashlib.sha256(bytes_of(network)).hexdigest() == hashlib.sha256((ROOT / file).read_bytes()).hexdigest()
