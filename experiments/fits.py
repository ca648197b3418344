# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""One network on one slice: all pixels in every step, cut anywhere and resumed; and the blind stop on spoilt data."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.slices import Slice
from monai_strainer.fitting import refine
from monai_strainer.fitting.head import with_bias
from monai_strainer.fitting.muon import optimisers
from monai_strainer.io import atomic
from monai_strainer.networks import Siren, SirenStack
from monai_strainer.physics import Downsample, Identity, NoiseModel, Operator, RicianNoise
from monai_strainer.pretraining import solve_ridge

__all__ = ["TASKS", "Fit", "restored"]

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
        solved: begin with the best head for the encoder, in closed form.
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
        device: str = "cpu",
    ) -> None:
        coords = target.coords(start.spatial_dims)
        self.points = coords.flatten(2).mT.contiguous().to(device)  # (1, N, d)
        self.values = 2 * torch.from_numpy(target.image).reshape(1, -1, 1).to(device) - 1  # (1, N, 1)
        self.inside = self.values[0, :, 0] > -1
        self.stack, self.step, self.seconds = SirenStack(start.to(device), 1).to(device), 0, 0.0
        if solved:
            with torch.no_grad():
                self.stack.set_heads(solve_ridge(with_bias(self.stack.features(self.points).mT), self.values.mT, 1e-6))
        self.engines = optimisers(self.stack, optimiser, MUON if optimiser == "muon" else rate, BESIDE)
        self.rates = [engine.param_groups[0]["lr"] for engine in self.engines]
        self.schedule = schedule if optimiser == "muon" else None

    def advance(self, to: int) -> None:
        """Take steps until ``to`` are done."""
        begun = time.perf_counter()
        for step in range(self.step, to):
            falling = 1.0
            if self.schedule is not None:
                falling = 0.001 + 0.999 * 0.5 * (1 + math.cos(math.pi * min(1, step / self.schedule)))
            for engine, full in zip(self.engines, self.rates):
                engine.param_groups[0]["lr"] = full * falling
                engine.zero_grad()
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


def spoilt(target: Slice, task: str, seed: int) -> tuple[Operator, NoiseModel, torch.Tensor]:
    """The operator, the noise and the measurement (1, h, w) of a slice under a task."""
    factor, share = TASKS[task]
    shape = target.image.shape
    peak = float(np.percentile(target.image[target.image > 0], 99.9))
    operator: Operator = Identity(shape) if factor == 1 else Downsample(shape, factor)
    noise = RicianNoise(share * peak)
    clean = operator.A(torch.from_numpy(target.image)[None])
    return operator, noise, noise.sample(clean, torch.Generator().manual_seed(seed))


def restored(
    start: Siren,
    target: Slice,
    task: str,
    optimiser: str = "adam",
    *,
    steps: int = 300,
    rate: float = 1e-4,
    solved: bool = False,
    freeze: int | str | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> dict[str, float]:
    """Restore a spoilt slice by the network alone, stopped blindly, and by network and data step.

    Adam keeps its rate, as in the paper; Muon has the rates that ``restore`` has.

    Returns:
        ``psnr`` and ``psnr_head`` of the network, ``psnr_step`` after the data step, ``best_step``, ``frozen``.
    """
    operator, noise, y = spoilt(target, task, seed)
    own: dict[str, Any] = {"rate": rate, "last_rate": 1.0} if optimiser == "adam" else {}
    found = refine(
        start.to(device),
        target.coords(start.spatial_dims).to(device),
        operator.to(device),
        y.to(device),
        noise.to(device),
        solve=solved,
        steps=steps,
        optimiser=optimiser,
        freeze=freeze,
        with_nothing=False,
        seed=seed,
        **own,
    )
    inside = target.image > 0

    def error(images: torch.Tensor, where: Any = ...) -> float:
        wrong = np.square(images[0].cpu().numpy().clip(0) - target.image)[where]
        return -10 * math.log10(max(float(wrong.mean()), 1e-15))

    after = found.field.correct(found.images).images
    return {
        "psnr": error(found.images),
        "psnr_head": error(found.images, inside),
        "psnr_step": error(after),
        "best_step": int(found.best_step[0]),
        "frozen": found.frozen,
    }
