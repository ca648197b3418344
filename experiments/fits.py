# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""One network on one slice: all pixels in every step, cut anywhere and resumed; and the blind stop on degraded data."""

from __future__ import annotations

import math
import time
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.slices import Slice
from monai_strainer.evaluation.baselines import network_alone
from monai_strainer.fitting import FitOptions, refine, solve_readouts
from monai_strainer.fitting.readout import solve_ridge, with_bias
from monai_strainer.networks import Siren, SirenStack
from monai_strainer.optim.muon import optimisers
from monai_strainer.optim.schedules import falling, set_rate
from monai_strainer.physics import Downsample, Identity, Measurement, NoiseModel, Operator, RicianNoise
from monai_strainer.storage.atomic import atomic

__all__ = ["TASKS", "Fit", "How", "restored"]

MUON, BESIDE = 1.5e-4, 3e-4  # rates of Muon and of Adam beside it, as in benchmarks/speed.py
TASKS: dict[str, tuple[int, float]] = {"denoise5": (1, 0.05), "x2": (2, 0.003)}  # factor; Rician sigma over the peak


class Fit:
    """A full-batch fit of a clean slice, as in the paper.

    Args:
        start: the network to start from. Not changed.
        target: the slice.
        optimiser: ``adam`` at a constant rate, as in the paper; ``muon`` with rates that fall along a cosine.
        rate: Adam's.
        schedule: steps over which Muon's rates fall.
        solved: begin with the best readout for the encoder, in closed form.
        freeze: layers to keep as they are: None, a number, or ``auto``.
        device: where.
    """

    def __init__(
        self,
        start: Siren,
        target: Slice,
        optimiser: str = "adam",
        *,
        rate: float = 1e-4,
        schedule: int = 2000,
        solved: bool = False,
        freeze: int | str | None = None,
        device: str = "cpu",
    ) -> None:
        coords = target.coords(start.spatial_dims)
        self.points = coords.flatten(2).mT.contiguous().to(device)  # (1, N, d)
        self.values = 2 * torch.from_numpy(target.image).reshape(1, -1, 1).to(device) - 1  # (1, N, 1)
        self.inside = self.values[0, :, 0] > -1
        self.stack, self.step, self.seconds = SirenStack(start.to(device), 1).to(device), 0, 0.0
        if solved:
            with torch.no_grad():
                self.stack.set_readouts(
                    solve_ridge(with_bias(self.stack.features(self.points).mT), self.values.mT, 1e-6)
                )
        self.frozen = self.stack.freeze(freeze)
        self.engines = optimisers(self.stack, optimiser, MUON if optimiser == "muon" else rate, BESIDE)
        self.rates = [float(engine.param_groups[0]["lr"]) for engine in self.engines]
        self.schedule = schedule if optimiser == "muon" else None

    def advance(self, to: int) -> None:
        """Take steps until ``to`` are done."""
        begun = time.perf_counter()
        for step in range(self.step, to):
            left = 1.0 if self.schedule is None else falling(min(step, self.schedule), self.schedule, 0.001)
            for engine, full in zip(self.engines, self.rates):
                set_rate(engine, full * left)
                engine.zero_grad(set_to_none=True)
            (self.stack(self.points) - self.values).square().mean().backward()
            for engine in self.engines:
                engine.step()
        self.step, self.seconds = max(to, self.step), self.seconds + time.perf_counter() - begun

    @torch.no_grad()
    def scores(self) -> dict[str, float]:
        """PSNR in dB over the whole image and within the head, peak 1."""
        error = ((self.stack(self.points) - self.values) / 2).square()[0, :, 0].double()
        parts = {"psnr": error, "psnr_head": error[self.inside]}
        finite = {name: min(float(part.nan_to_num(1e6).mean()), 1e6) for name, part in parts.items()}
        return {name: -10 * math.log10(max(value, 1e-15)) for name, value in finite.items()}

    def save(self, path: Path) -> None:
        """Write all that it takes to go on."""
        state = {"stack": self.stack.state_dict(), "step": self.step, "seconds": self.seconds}
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as temporary:
            torch.save({**state, "engines": [engine.state_dict() for engine in self.engines]}, temporary)

    def load(self, path: Path) -> None:
        """Go on from where a fit was saved."""
        state: dict[str, Any] = torch.load(path, map_location=self.points.device, weights_only=True)
        self.stack.load_state_dict(state["stack"])
        for engine, kept in zip(self.engines, state["engines"]):
            engine.load_state_dict(kept)
        self.step, self.seconds = state["step"], state["seconds"]


def degraded(target: Slice, task: str, seed: int) -> tuple[Operator, NoiseModel, torch.Tensor]:
    """Return the operator, the noise and the measurement (1, h, w) of a slice under a task."""
    factor, share = TASKS[task]
    shape = target.image.shape
    peak = float(np.percentile(target.image[target.image > 0], 99.9))
    operator: Operator = Identity(shape) if factor == 1 else Downsample(shape, factor)
    noise = RicianNoise(share * peak)
    clean = operator.A(torch.from_numpy(target.image)[None])
    return operator, noise, noise.sample(clean, torch.Generator().manual_seed(seed))


@dataclass(frozen=True)
class How:
    """How a network is fitted; see :class:`Fit`."""

    optimiser: str = "adam"
    rate: float = 1e-4
    solved: bool = False
    freeze: int | str | None = None
    device: str = "cpu"


def restored(start: Siren, target: Slice, task: str, how: How, *, steps: int = 300, seed: int = 0) -> dict[str, float]:
    """Restore a degraded slice, stopped blindly: by held-out measurements.

    With Adam as the paper does, by the network alone at a constant rate. With Muon as ``restore`` does with the
    coordinate prior: falling rates, and the data step at the end; only there can layers be frozen.

    Returns:
        ``psnr`` and ``psnr_head``, peak 1; ``best_step``; with Adam ``psnr_oracle``, the best of all looks.
    """
    operator, noise, y = degraded(target, task, seed)
    device = how.device
    coords, inside = target.coords(start.spatial_dims).to(device), target.image > 0
    start, operator, noise, y = start.to(device), operator.to(device), noise.to(device), y.to(device)

    def score(images: torch.Tensor) -> dict[str, float]:
        wrong = np.square(images[0].cpu().numpy().clip(0) - target.image)
        parts = {"psnr": wrong, "psnr_head": wrong[inside]}
        return {name: -10 * math.log10(max(float(part.mean()), 1e-15)) for name, part in parts.items()}

    if how.optimiser == "muon":
        chosen = FitOptions(solve=how.solved, steps=steps, freeze=how.freeze, allow_no_network=False)
        found = refine(start, coords, Measurement(operator, y, noise), chosen, seed=seed)
        return {**score(found.field.correct(found.images).images), "best_step": int(found.best_step[0])}
    begin, looks = deepcopy(start), []
    if how.solved:
        ones = operator.A(torch.ones(operator.shape_in, device=device))  # the network speaks in [-1, 1]
        readout = solve_readouts(start, coords, operator, 2 * noise.debias(y) - ones).mean[0]
        with torch.no_grad():
            begin.readout.weight.copy_(readout[None, :-1])
            begin.readout.bias.copy_(readout[-1:])
    images, best = network_alone(
        begin,
        coords,
        Measurement(operator, y, noise),
        steps=steps,
        rate=how.rate,
        seed=seed,
        on_look=lambda step, x: looks.append(score(x)["psnr"]),
    )
    return {**score(images), "psnr_oracle": max(looks), "best_step": int(best[0])}
