# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The general prior: equivariant, without features, and the same bytes from the same seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from phantoms import body_part

from monai_strainer.errors import InputError
from monai_strainer.networks import DetailPrior
from monai_strainer.physics import AcquisitionDistribution
from monai_strainer.pretraining.general import GENERAL, pretrain_general
from monai_strainer.pretraining.run import Run
from monai_strainer.pretraining.source import Source

QUICK = replace(GENERAL, steps=2, side=16, patches=1, groups=1)


def source(seed: int = 0) -> Source:
    data = (body_part(seed)[0] / 800).astype(np.float16)
    return Source(data, (1.0, 1.0, 3.0), (2,), "scan", f"body{seed}")


def small() -> DetailPrior:
    torch.manual_seed(0)
    return DetailPrior(5, (8, 8), 1, features=0, equivariant=True)


def test_the_same_seed_gives_the_same_bytes_and_the_start_stays() -> None:
    start = small()
    one, two, other = (pretrain_general([source()], QUICK, network=start, run=Run(seed=seed)) for seed in (0, 0, 1))
    same = [torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values())]
    assert all(same) and one.features == 0
    assert not all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values()))
    assert all(torch.equal(a, b) for a, b in zip(start.state_dict().values(), small().state_dict().values()))


def test_a_checkpoint_of_other_sources_is_refused(tmp_path: Path) -> None:
    pretrain_general([source()], QUICK, network=small(), run=Run(checkpoint=tmp_path / "a.pt"))
    with pytest.raises(InputError, match="was made with"):
        pretrain_general([source(1)], QUICK, network=small(), run=Run(checkpoint=tmp_path / "a.pt", resume=True))


def test_the_share_of_noise_alone_is_that_of_the_draws() -> None:
    rng = np.random.default_rng(0)
    for share in (0.0, 0.7, 1.0):
        drawn = [AcquisitionDistribution().with_denoising(share).draw(16, rng)[0] for _ in range(200)]
        assert abs(np.mean([operator.is_identity for operator in drawn]) - share) < 0.1
    assert AcquisitionDistribution().with_denoising(0.4) == AcquisitionDistribution()


def test_a_recipe_with_noise_alone_learns_from_other_draws() -> None:
    one, two = (pretrain_general([source()], replace(QUICK, denoising=d), network=small()) for d in (0.0, 1.0))
    assert not all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values()))


def test_larger_patches_are_fewer_and_cost_as_much() -> None:
    for side in (32, 64, 128):
        recipe = GENERAL.with_side(side)
        assert recipe.side == side and recipe.patches * side**2 == GENERAL.patches * GENERAL.side**2
    assert GENERAL.with_side(512).patches == 1
