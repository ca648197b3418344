# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The noise level network: its loss, and a training cut anywhere and resumed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from phantoms import body_part

from monai_strainer.networks.noise_level import FLOOR, NoiseLevelNet, mean_high_pass
from monai_strainer.pretraining import noise_level
from monai_strainer.pretraining.noise_level import NoiseLevelRecipe, noise_level_loss, pretrain_noise_level
from monai_strainer.pretraining.run import Run
from monai_strainer.pretraining.source import Source

KERNEL = next(iter(NoiseLevelNet().state_dict()))  # the noise of scans is read by the network as it then is
QUICK = NoiseLevelRecipe(steps=6, patches=1, side=16)
SOURCES = [Source((body_part()[0] / 800).astype(np.float16), (1.0, 1.0, 3.0), (2,), "scan", "body")]


class Killed(Exception):
    """Stands in for a machine that goes away."""


@pytest.mark.parametrize("cut", [0, 1, 2, 3, 5])
def test_a_noise_network_cut_anywhere_is_the_unbroken_one(
    cut: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noise_level, "own_noise", lambda network, _: 0.1 + float(network.state_dict()[KERNEL].mean()))
    whole = pretrain_noise_level(SOURCES, QUICK)
    file = tmp_path / "noise.pt"

    def kill(step: int, _: float) -> None:
        if step == cut:
            raise Killed

    with pytest.raises(Killed):
        pretrain_noise_level(SOURCES, QUICK, run=Run(checkpoint=file, every=1, on_step=kill))
    steps: list[int] = []
    go_on = Run(checkpoint=file, resume=True, on_step=lambda step, _: steps.append(step))
    resumed = pretrain_noise_level(SOURCES, QUICK, run=go_on)
    assert steps == list(range(cut, 6))
    assert all(torch.equal(value, resumed.state_dict()[name]) for name, value in whole.state_dict().items())
    with pytest.raises(ValueError, match=r"noise\.pt was made with"):
        pretrain_noise_level(SOURCES, QUICK, run=Run(seed=1, checkpoint=file, resume=True))


def test_the_loss_is_least_at_the_true_level() -> None:
    image, sigma = torch.rand(3, 1, 24, 24, generator=torch.Generator().manual_seed(0)), torch.tensor([0.02, 0.1, 0.2])
    true, spread = (sigma + FLOOR * mean_high_pass(image)).log(), torch.zeros(3)
    best = noise_level_loss(true, spread, sigma, image)
    assert all(noise_level_loss(true + off, spread, sigma, image) > best + 0.1 for off in (-0.2, 0.2))
