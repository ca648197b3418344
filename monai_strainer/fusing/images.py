# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Make a first image of several stacks, let all data correct it, and say how uncertain the result is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from ..fitting.joint_kriging import JointField, WeightedData
from ..fitting.stack_registration import Stack, spread
from ..geometry import Grid
from ..volume import Volume
from .placing import averaged, on_grid

__all__ = [
    "STEPS",
    "Corrected",
    "RestoredStack",
    "block_of",
    "corrected",
    "interpolated_mean",
    "kriged_mean",
    "kriged_start",
    "posterior",
    "prediction_error",
    "restored_mean",
    "uncertainty",
    "with_deviation",
]

_LENGTH = 1.0  # voxels, of the correlation of errors
STEPS = 12  # of conjugate gradients: more change the result by less than 0.02 dB
_BLOCK = 80  # voxels per axis of the block where a stack is predicted from the others
_LEAST = 1e-6  # variance of an error, of an image of about [0, 1]
_LEAST_VARIANCE = 1e-4  # of a restored stack: a network that is surer than 1 % is not believed
_SHOWN = 0.05  # of the data that fall on a voxel at most: enough to show it
_HELD = 0.75  # share of an interpolated value that comes from slices that were not lost: with less, it hardly counts
_LEAST_TRUST = 0.01  # weight of a stack where it differs from the first: it still fills what no other shows


@dataclass(frozen=True, eq=False)
class RestoredStack:
    """A stack as the prior restores it alone.

    Args:
        image, std: on a finer grid at the place of the stack, in the units of ``Stack.y``.
        stack: with its motion and gain.
    """

    image: Volume
    std: Volume
    stack: Stack


@dataclass(frozen=True, eq=False)
class Corrected:
    """An image that all data corrected.

    Args:
        image: (X, Y, Z).
        left: (X, Y, Z), what is left of a drawn error once its own data have corrected it: a draw from the posterior.
        data: that corrected it.
    """

    image: Tensor
    left: Tensor
    data: tuple[WeightedData, ...]


def restored_mean(parts: Sequence[RestoredStack], target: Grid) -> tuple[Tensor, Tensor]:
    """Average restored stacks, each weighted by its own variances; return the image and the deviation of its error.

    What stacks disagree by is part of the variance of each: where it is large, all of them count alike, and not the one
    of which the network is most sure. The deviation is that of one stack, the harmonic mean of the variances: errors of
    the stacks are partly the same.

    Args:
        parts: restored stacks, each with its deviations.
        target: grid of the result.

    Returns:
        image and deviation on that grid, 0 where no stack lies.
    """
    top, bottom, count = (torch.zeros(target.shape) for _ in range(3))
    for one in parts:
        place, motion = one.stack.grid, one.stack.motion
        image, inside = on_grid(averaged(one.image, target), place, motion, target)
        std, _ = on_grid(one.std, place, motion, target, order=1)
        variance = (std / one.stack.gain).square() + one.stack.disagreement**2 + _LEAST_VARIANCE
        weight = torch.from_numpy(inside.astype(np.float32)) / variance
        weight *= _held(one.stack, target)  # the network fills lost slices in, but knows nothing of them
        top += weight * image / one.stack.gain
        bottom += weight
        count += weight > 0
    mean = torch.where(bottom > 0, top / bottom.clamp_min(1e-12), 0.0)
    return mean, torch.where(bottom > 0, (count / bottom.clamp_min(1e-12)).sqrt(), 0.0)


def kriged_mean(data: Sequence[WeightedData]) -> tuple[Tensor, Tensor]:
    """Average the data, each spread over its voxels; return the image and the deviation of its error."""
    mean, _ = spread(data, [one.y for one in data])
    return with_deviation(mean, data)


def with_deviation(mean: Tensor, data: Sequence[WeightedData]) -> tuple[Tensor, Tensor]:
    """Return an image and the deviation of its error, a number.

    The deviation is read off the residuals: ``y - A m`` has the variance of the noise and that of ``A e``, and a draw
    from the field of unit variance says how much of an error is left after ``A``.

    Args:
        mean: the image.
        data: of all stacks, on its grid.
    """
    unit = JointField(_shape(mean), (_LENGTH,) * 3, torch.ones(()))
    draw = unit.draw(torch.Generator().manual_seed(0))
    excess, power = 0.0, 0.0
    for one in data:
        counted = one.weight > 0
        residual = (one.y - one.operator.A(mean))[counted]
        excess += float((residual.square() - 1 / one.weight[counted]).sum())
        power += float(one.operator.A(draw)[counted].square().sum())
    return mean, torch.tensor(max(_LEAST, excess / max(power, 1e-12)) ** 0.5)


def interpolated_mean(stacks: Sequence[Stack], target: Grid) -> tuple[Tensor, Tensor]:
    """Average stacks, interpolated with cubic splines; return the image and the deviation of its error.

    Interpolated stacks hold the very noise of the data, so that residuals say too little: the deviation is that of the
    stacks spread over their voxels, whose error is a little larger.

    Args:
        stacks: with their motion.
        target: grid of the result.
    """
    top, bottom = torch.zeros(target.shape), torch.zeros(target.shape)
    for one in stacks:
        image, weight = _interpolated(one, target)
        top += weight * image
        bottom += weight
    mean = torch.where(bottom > 0, top / bottom.clamp_min(1e-12), 0.0)
    return mean, kriged_mean(_by_noise(stacks, target))[1]


def kriged_start(stacks: Sequence[Stack], target: Grid) -> tuple[Tensor, Tensor]:
    """Average stacks so that the data can correct the mean; return the image and the deviation of its error.

    Cubic splines are the sharper start: 0.3 dB in a brain. Where the stacks disagree, what is sharp in one is wrong in
    the others: there each is spread over its voxels. The image is uncertain then, not the data certain.

    Args:
        stacks: with their motion; see :func:`kriged_mean`.
        target: grid of the result.

    Returns:
        image and standard deviation of its error.
    """
    if any(one.disagreement > 0 for one in stacks):
        return kriged_mean(_by_noise(stacks, target))
    return interpolated_mean(stacks, target)


def _by_noise(stacks: Sequence[Stack], target: Grid) -> list[WeightedData]:
    """Return the data of stacks, weighted by their noise alone."""
    return [replace(one, disagreement=0.0).data(target) for one in stacks]


def _interpolated(one: Stack, target: Grid) -> tuple[Tensor, Tensor]:
    """Return a stack on a grid, in the intensities of the first, and how much it counts."""
    if one.slices is not None and one.slices.any():  # no spline knows slices that have moved
        data = [one.data(target)]
        image, seen = spread(data, [data[0].y])
        return image, (seen > _SHOWN).float()
    filled = Volume(_filled(one).numpy(), one.grid)
    image, inside = on_grid(averaged(filled, target), one.grid, one.motion, target)
    weight = torch.from_numpy(inside.astype(np.float32)) * _held(one, target)
    return image / one.gain, weight * _counts(replace(one, missing=()), target)


def _filled(one: Stack) -> Tensor:
    """Return intensities with lost slices interpolated from those beside them: no spline rings around them then."""
    if not one.missing:
        return one.y
    count = one.grid.shape[one.slice_axis]
    held = [k for k in range(count) if k not in one.missing]
    shares = np.stack([np.interp(range(count), held, unit) for unit in np.eye(len(held))], 1).astype(np.float32)
    known = one.y.movedim(one.slice_axis, 0)[held]
    return torch.tensordot(torch.from_numpy(shares), known, 1).movedim(0, one.slice_axis)


def _held(one: Stack, target: Grid) -> Tensor:
    """Return on a grid how much an interpolated stack counts where slices were lost, and beside them; 1 elsewhere."""
    if not one.missing:
        return torch.ones(target.shape)
    share = _counts(replace(one, trusted=None), target)
    return (share > _HELD) + _LEAST_TRUST * ((share > 0.5) & (share <= _HELD))


def _counts(one: Stack, target: Grid) -> Tensor:
    """Return on a grid how much every voxel of a stack counts."""
    if one.weights is None:
        return torch.ones(target.shape)
    counts, _ = on_grid(Volume(one.weights.numpy(), one.grid), one.grid, one.motion, target, order=1)
    return counts.clamp(_LEAST_TRUST, 1)


def corrected(first: tuple[Tensor, Tensor], data: Sequence[WeightedData]) -> Tensor:
    """Let all data correct a first image, as one Gaussian process.

    Args:
        first: image and standard deviation of its error.
        data: of all stacks, on the grid of the image.

    Returns:
        the image after the data step.
    """
    mean, deviation = first
    return JointField(_shape(mean), (_LENGTH,) * 3, deviation).correct(mean, data, STEPS)


def posterior(
    first: tuple[Tensor, Tensor], data: Sequence[WeightedData], seed: int, on_step: Callable[[int, int], None]
) -> Corrected:
    """Let all data correct a first image; and, in the same steps, a drawn error by data that are drawn of it.

    Args:
        first: the image and the deviation of its error.
        data: the measurements.
        seed: of the draws.
        on_step: called with the steps done and their number.
    """
    mean, deviation = first
    generator = torch.Generator().manual_seed(seed)
    field = JointField(_shape(mean), (_LENGTH,) * 3, deviation)
    error = field.draw(generator)
    both = []
    for one in data:
        sigma = one.weight.clamp_min(1e-12).rsqrt() * (one.weight > 0)
        noise = sigma * torch.randn(one.y.shape, generator=generator)
        both.append(WeightedData(one.operator, torch.stack([one.y, one.operator.A(error) + noise]), one.weight))
    image, found = field.correct(torch.stack([mean, torch.zeros_like(mean)]), both, STEPS, on_step)
    return Corrected(image, error - found, tuple(data))


def uncertainty(left: Tensor) -> NDArray[np.float32]:
    """Return the standard deviation of every voxel: the root mean square of a draw over 5 x 5 x 5 voxels."""
    return np.sqrt(ndimage.uniform_filter(left.square().numpy(), 5, mode="nearest")).astype(np.float32)


def _shape(image: Tensor) -> tuple[int, int, int]:
    first, second, third = image.shape
    return first, second, third


def block_of(target: Grid) -> Grid:
    """Return the middle of a grid, at most 80 voxels along an axis."""
    shape = [min(n, _BLOCK) for n in target.shape]
    return target.part([(n - m) // 2 for n, m in zip(target.shape, shape)], shape)


def prediction_error(
    first: tuple[Tensor, Tensor], left_out: WeightedData, others: Sequence[WeightedData], correct: bool = True
) -> float:
    """Predict a stack from the others, in a block; return the mean square error over the variance of its noise.

    Args:
        first: image of the block and its deviation, made of the others alone.
        left_out: to predict.
        others: the data that correct the image.
        correct: False takes the image as it is.
    """
    image = corrected(first, others) if correct else first[0]
    _, seen = spread(others, [one.y for one in others])
    counted = left_out.weight * (left_out.operator.A((seen > _SHOWN).float()) > 0.95)
    error = (counted * (left_out.y - left_out.operator.A(image)).square()).sum()
    return float(error / (counted > 0).sum().clamp_min(1))
