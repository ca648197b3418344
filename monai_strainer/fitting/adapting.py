# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Adapt a detail network to one noisy scan, without truth.

A scan that is measured twice, with independent noise, trains a denoiser: it learns to predict one from the other. One
noisy scan ``y = x + s n`` is made into such a pair with fresh noise ``m``:

    input  y + a s m,     target  y - s m / a

Their noises are uncorrelated, so the mean squared difference from the target is the error from the truth plus a
constant. A magnitude gets the noise of the input as a complex number, so that it stays Rician, of level
``s sqrt(1 + a^2)``, exactly. The target of a magnitude is unbiased only where the signal is well above the noise:
elsewhere the target is what the network made of the scan before it was adapted.

The targets are noisy, and so are the gradients: a rate that is good at 3 % noise makes the network worse at 9 %. The
rate therefore falls with the noise, and to zero over the steps. Some voxels are held out: their risk chooses the step
whose weights are kept.

Source: Pang et al., Recorrupted-to-recorrupted: unsupervised deep learning for image denoising, CVPR 2021.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..networks import DetailPrior
from ..networks.precision import autocast_on, has_bfloat16
from ..optim.light_adam import LightAdam
from ..optim.muon import descend
from ..optim.schedules import set_rate
from ..physics import Identity, NoiseModel
from .detail_inputs import assemble_inputs, describe_acquisition, hide_neighbours

__all__ = ["ADAPTATION", "BRIGHT", "Adaptation", "Stack", "adapt", "recorrupted", "steps_for"]

_SMALLEST = 16  # voxels: side of a patch below which there is nothing to learn
_FILLED = 0.3  # of a patch that holds the object
_TRIES = 20
BRIGHT = 3.0  # standard deviations of the noise above which a magnitude has Gaussian noise


@dataclass(frozen=True)
class Adaptation:
    """How to adapt a network.

    Args:
        steps: gradient steps at most.
        patches: of a step.
        side: of a patch, in voxels.
        rate: of Adam at the start, for noise of ``usual`` or less; proportional to ``sigma^-0.5`` above.
        usual: noise level, the object being about ``[0, 1]``.
        warmup: steps.
        clip: greatest norm of a gradient.
        average: memory of the running average of the weights, which is what is kept.
        mixing: range of ``a``.
        passes: how often a voxel of the object is seen, on average, at most.
        every: steps between two estimates of the risk on the voxels that are held out.
    """

    steps: int = 100
    patches: int = 8
    side: int = 64
    rate: float = 2e-4
    usual: float = 0.03
    warmup: int = 5
    clip: float = 0.1
    average: float = 0.9
    mixing: tuple[float, float] = (0.7, 1.2)
    passes: float = 60.0
    every: int = 50


ADAPTATION = Adaptation()


@dataclass(frozen=True, eq=False)
class Stack:
    """Slices of the scan along one axis.

    Args:
        y: ``(S, H, W)``, the object about ``[0, 1]``.
        noise: of ``y``; a map has its shape.
        inside: ``(S, H, W)`` where the object is and may be learned from.
        spacing_ratio: see :func:`monai_strainer.fitting.amortise`.
    """

    y: Tensor
    noise: NoiseModel
    inside: Tensor
    spacing_ratio: float


def steps_for(stacks: Sequence[Stack], recipe: Adaptation = ADAPTATION) -> int:
    """Return the gradient steps for a scan: fewer for a small one, so that its patches are not seen more often.

    Args:
        stacks: slices of the scan, one stack per plane.
        recipe: greatest number of steps, patches per step, and passes over the scan.

    Example:
        >>> from monai_strainer.physics import RicianNoise
        >>> y = torch.rand(8, 64, 64)
        >>> steps_for([Stack(y, RicianNoise(0.1), y > -1, 1.0)])
        60
    """
    side = min(_side(stack, recipe) for stack in stacks)
    if side < _SMALLEST:
        return 0
    voxels = float(stacks[0].inside.sum())
    return min(recipe.steps, math.ceil(recipe.passes * voxels / (recipe.patches * side**2)))


def adapt(
    detail: DetailPrior,
    stacks: Sequence[Stack],
    recipe: Adaptation = ADAPTATION,
    *,
    seed: int = 0,
    risk: Callable[[DetailPrior], float] | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> DetailPrior:
    """Adapt a copy of a network that takes no features to the noisy slices of one scan.

    Args:
        detail: where to start. Not changed.
        stacks: the same scan along one axis or several; a step learns from one of them.
        recipe: how.
        seed: of all draws; the same seed gives the same bytes on one CPU.
        risk: of a network, estimated on voxels that are held out. Called with a copy, which it may move to another
            device, first of the start and then every ``recipe.every`` steps, until it rises; the copy of the lowest
            risk is returned, the first of equals. Without it, the last weights are.
        on_step: called with the steps done and their total.

    Returns:
        the adapted network; an unchanged copy where the slices are too small.
    """
    network, average = copy.deepcopy(detail), copy.deepcopy(detail)
    engine = LightAdam(network.parameters())
    rng, generator = np.random.default_rng((seed, 3)), torch.Generator().manual_seed(seed)
    count, rate = steps_for(stacks, recipe), _rate(stacks, recipe)
    best = average if risk is None else copy.deepcopy(average).eval()
    lowest = math.inf if risk is None else risk(best)
    is_over = False
    for step in range(count):
        set_rate(engine, rate * min((step + 1) / recipe.warmup, 1.0) * (1 - step / count))
        loss = _loss(network, detail, stacks[step % len(stacks)], recipe, rng, generator)
        descend(network, average, [engine], loss, recipe.clip, min(recipe.average, (1 + step) / (10 + step)))
        if risk is not None and ((step + 1) % recipe.every == 0 or step + 1 == count):
            one = copy.deepcopy(average).eval()
            now = risk(one)
            is_over = now > lowest
            if now < lowest:
                lowest, best = now, one
        if on_step is not None:
            on_step(count if is_over else step + 1, count)
        if is_over:
            break
    return best.eval()


def recorrupted(y: Tensor, noise: NoiseModel, generator: torch.Generator, mix: float = 1.0) -> tuple[Tensor, Tensor]:
    """Make two images of noisy data whose noises are uncorrelated, as at the top of this file.

    Args:
        y: (S, h, w).
        noise: of ``y``.
        generator: draws ``m``.
        mix: ``a``.

    Returns:
        ``y + a s m`` with the kind of noise of ``y`` and the level ``s sqrt(1 + a^2)``, and ``y - s m / a`` without
        Rician bias.
    """
    first, second = (torch.randn(y.shape, generator=generator).to(y) * noise.sigma for _ in range(2))
    moved = y + mix * first
    moved = torch.hypot(moved, mix * second) if noise.is_magnitude else moved
    return moved, noise.debias(y) - first / mix


def _rate(stacks: Sequence[Stack], recipe: Adaptation) -> float:
    """Return the learning rate at the start, for the noise of the first stack."""
    level = float(stacks[0].noise.sigma.square().mean().sqrt())
    return recipe.rate * min(1.0, (recipe.usual / max(level, 1e-12)) ** 0.5)


def _side(stack: Stack, recipe: Adaptation) -> int:
    return min(recipe.side, *(int(n) for n in stack.y.shape[1:])) // 8 * 8


def _loss(
    network: DetailPrior,
    start: DetailPrior,
    stack: Stack,
    recipe: Adaptation,
    rng: np.random.Generator,
    generator: torch.Generator,
) -> Tensor:
    """Mean squared difference from the targets over the object, in units of their noise."""
    side, mix = _side(stack, recipe), float(rng.uniform(*recipe.mixing))
    kind, middle = type(stack.noise), network.slices // 2
    inputs, targets, weights, windows, own = [], [], [], [], []
    for _ in range(recipe.patches):
        y, noise, inside = _window(stack, network.slices, side, rng)
        moved, target = recorrupted(y, noise, generator, mix)
        inputs.append(moved)
        targets.append(target[middle])
        windows.append(y)
        own.append((noise.sigma[middle] if noise.sigma.ndim else noise.sigma).expand(side, side))
        weights.append(inside)
    target, level = torch.stack(targets), torch.stack(own)
    moved_level = level * math.sqrt(1 + mix**2)
    weight = torch.stack(weights) / moved_level.square()
    if kind.is_magnitude:
        with torch.no_grad():
            known = _mean(start, torch.stack(windows), level, kind, stack.spacing_ratio)
        target = torch.where(known > BRIGHT * level, target, known)
    flips = int(rng.integers(8))
    slices, sigma, target, weight = (
        _flipped(part, flips) for part in (torch.stack(inputs), moved_level, target, weight)
    )
    mean = _mean(network, slices, sigma, kind, stack.spacing_ratio)
    return (weight * (mean - target).square()).sum() / weight.count_nonzero().clamp_min(1)


def _mean(network: DetailPrior, slices: Tensor, sigma: Tensor, kind: type[NoiseModel], spacing_ratio: float) -> Tensor:
    """Return the image ``(B, h, w)`` that a network makes of patches ``(B, slices, h, w)`` with noise ``(B, h, w)``."""
    side, slices = int(slices.shape[-1]), slices.clone()
    if spacing_ratio == 0:
        hide_neighbours(slices)
    operator = Identity((side, side))
    numbers = torch.stack([describe_acquisition(operator, kind(level), spacing_ratio) for level in sigma])
    shown = assemble_inputs(slices, slices.new_zeros(side, side), sigma[:, None], numbers)
    image = shown.image.contiguous(memory_format=torch.channels_last)
    with autocast_on(slices.device, has_bfloat16(slices.device)):
        mean, _ = network(image, shown.conditions)
    return mean[:, 0].float()


def _window(stack: Stack, slices: int, side: int, rng: np.random.Generator) -> tuple[Tensor, NoiseModel, Tensor]:
    """Draw a patch with its neighbouring slices, their noise, and where the object is in the middle one."""
    count, height, width = stack.y.shape
    for _ in range(_TRIES):
        k, r, c = (int(rng.integers(n)) for n in (count, height - side + 1, width - side + 1))
        inside = stack.inside[k, r : r + side, c : c + side]
        if float(inside.float().mean()) >= _FILLED:
            break
    near = np.clip(np.arange(k - slices // 2, k + slices // 2 + 1), 0, count - 1)
    window = (near, slice(r, r + side), slice(c, c + side))
    sigma = stack.noise.sigma
    noise = type(stack.noise)(sigma.expand(stack.y.shape)[window] if sigma.ndim else sigma)
    return stack.y[window], noise, inside.float()


def _flipped(image: Tensor, flips: int) -> Tensor:
    """One of the eight orientations of a square."""
    image = image.flip(-1) if flips & 1 else image
    image = image.flip(-2) if flips & 2 else image
    return image.transpose(-1, -2) if flips & 4 else image
