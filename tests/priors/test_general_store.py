# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Laws of the general prior on disk: it comes back bit for bit, and only with the weights that its rules name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from phantoms import small_detail

from monai_strainer.errors import InputError
from monai_strainer.networks.noise_level import NoiseLevelNet
from monai_strainer.networks.truncation import TruncationNet
from monai_strainer.priors.general_store import DETAIL, GENERAL_RULES, NOISE, TRUNCATION, load_general, save_general
from monai_strainer.priors.prior import GeneralPrior


def made(seed: int = 0) -> GeneralPrior:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return GeneralPrior(
            small_detail(seed, features=0),
            NoiseLevelNet(channels=4, layers=2),
            truncation=TruncationNet(channels=4, layers=1),
        )


def test_what_was_saved_comes_back_bit_for_bit(tmp_path: Path) -> None:
    prior, found = made(), save_general(made(), tmp_path)
    for name in ("detail", "noise_level", "truncation"):
        one, two = getattr(prior, name).state_dict(), getattr(found, name).state_dict()
        assert one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


@pytest.mark.parametrize("name", [DETAIL, NOISE, TRUNCATION])
def test_weights_of_another_prior_are_refused(tmp_path: Path, name: str) -> None:
    save_general(made(0), tmp_path / "one")
    save_general(made(1), tmp_path / "two")
    (tmp_path / "one" / name).write_bytes((tmp_path / "two" / name).read_bytes())
    (tmp_path / "one" / GENERAL_RULES).touch()
    with pytest.raises(InputError, match="does not match the rules"):
        load_general(tmp_path / "one")


def test_a_folder_without_rules_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no general prior"):
        load_general(tmp_path)


def test_a_bundle_without_a_truncation_network_is_read(tmp_path: Path) -> None:
    found = save_general(replace(made(), truncation=None), tmp_path)
    assert found.truncation is None and not (tmp_path / TRUNCATION).exists()
