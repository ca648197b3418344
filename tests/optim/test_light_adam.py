# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The steps are those of PyTorch's Adam, to the bit, and no compiler is loaded for them."""

from __future__ import annotations

import subprocess
import sys

import torch

from monai_strainer.networks import DetailPrior
from monai_strainer.optim.light_adam import LightAdam
from monai_strainer.optim.schedules import set_rate


def test_its_steps_are_those_of_pytorch_to_the_bit() -> None:
    networks, engines = [], []
    for make in (torch.optim.Adam, LightAdam):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            networks.append(DetailPrior(channels=(8, 8), blocks=1, features=0, equivariant=True))
        engines.append(make(networks[-1].parameters()))
    image, numbers = (
        torch.rand(shape, generator=torch.Generator().manual_seed(1)) for shape in ((2, 7, 16, 16), (2, 10))
    )
    for step in range(4):
        for network, engine in zip(networks, engines):
            set_rate(engine, 1e-2 / (1 + step))
            network.zero_grad(set_to_none=True)
            network(image, numbers)[0].square().mean().backward()
            engine.step()
    for one, two in zip(*(network.parameters() for network in networks)):
        assert torch.equal(one, two)


def test_a_weight_without_a_gradient_stays() -> None:
    weights = [torch.ones(2, requires_grad=True) for _ in range(2)]
    weights[0].sum().backward()
    engine = LightAdam(weights, 0.1)
    engine.step()
    assert not torch.equal(weights[0], torch.ones(2)) and torch.equal(weights[1], torch.ones(2))
    weights[0].grad = None
    engine.step()


def test_an_adaptation_loads_no_compiler() -> None:
    """PyTorch's compiler takes longer to load than twenty steps."""
    code = """
import sys, torch
from monai_strainer.fitting import ADAPTATION, Stack, adapt
from monai_strainer.networks import DetailPrior
from monai_strainer.physics import RicianNoise
y = torch.rand(2, 16, 16) + 1
adapt(DetailPrior(channels=(8, 8), blocks=1, features=0, equivariant=True), [Stack(y, RicianNoise(0.1), y > 0, 1.0)])
print({"torch._dynamo", "sympy"} & {*sys.modules})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
