# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Rician noise: the level asked for, relative to the bright end, from the image and the seed alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_strainer.transforms import (
    AddRicianNoise,
    RandRicianNoiseSim,
)


def test_the_noise_has_the_level_asked_for_relative_to_the_bright_end() -> None:
    head = torch.zeros(2, 40, 40, 20)
    head[:, 8:32, 8:32, 4:16] = torch.tensor([400.0, 3.0]).reshape(2, 1, 1, 1)
    noisy = AddRicianNoise(0.05)(head).as_tensor()
    for channel, level in zip(noisy, (400, 3)):
        assert float(channel[10:30, 10:30, 6:14].std()) == pytest.approx(0.05 * level, rel=0.05)
        air = channel[:6]  # Rayleigh: its mean is sigma sqrt(pi / 2)
        assert float(air.mean()) == pytest.approx(0.05 * level * np.sqrt(np.pi / 2), rel=0.05)


def test_fixed_noise_depends_on_the_image_and_the_seed_alone(image: MetaTensor) -> None:
    one = AddRicianNoise(0.05)(image)
    assert torch.equal(one, AddRicianNoise(0.05)(image))
    assert not torch.equal(one, AddRicianNoise(0.05, seed=1)(image))
    brighter = AddRicianNoise(0.05)(image * 1.5).as_tensor() / 1.5
    inside = image.as_tensor() > 400
    pair = torch.stack([(one.as_tensor() - image.as_tensor())[inside], (brighter - image.as_tensor())[inside]])
    assert abs(float(torch.corrcoef(pair)[0, 1])) < 0.05


def test_random_noise_is_new_at_every_call(image: MetaTensor) -> None:
    noise = RandRicianNoiseSim((0.05, 0.05), prob=1.0)
    assert not torch.equal(noise(image), noise(image))
