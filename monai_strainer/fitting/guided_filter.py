# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Sharpen an image across its thick slices where other contrasts of the person show edges.

The other contrasts say *where* tissue changes, never how bright it is: a voxel becomes the mean of the neighbours that
look like it in the other contrasts (a joint bilateral filter), and after each pass the measured averages are put back.
An object that only another contrast shows splits a uniform neighbourhood in two parts of equal mean: it adds nothing.

Where the contrasts do not agree, they are not used. Agreement is measured in the plane of the slices, where the image
is sharp: each voxel is predicted from its neighbours, all alike or weighted by the other contrasts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from scipy import ndimage
from torch import Tensor

from ..physics import Operator

__all__ = ["agreement", "blended", "guided", "on_fine_grid", "similar_mean"]

WIDTH = 0.03  # of a guide of about [0, 1]: a difference in brightness that separates tissues; 0.02 and 0.05 are worse
_SMOOTH = 0.5  # voxels, of the guide: less noise in the weights
MOST = 1.5  # standard deviations by which other contrasts move a voxel at most; 1 to 100 differ by 0.01 dB
_ROUNDS = 8  # of projections: the averages are met to a thousandth
_PASSES = 6  # 10 change the result by 0.1 dB
_REACH = 2  # voxels at least, in the plane
_EXACT = 1e-4  # weight of the image in the data step, over that of the data: the averages are met
_PLANE = (2, 1.0, 1.0)  # reach, width of the neighbourhood, and width over which errors are averaged, in voxels
_WORSE = 1.3  # times the error without the guides: 1.0 costs 0.15 dB, 1.7 lets more through
_FLOOR = 1e-4  # mean square error that says nothing: where both are below, the contrasts are taken to agree


def guided(image: Tensor, guides: Tensor, operator: Operator, averages: Tensor, passes: int = _PASSES) -> Tensor:
    """Filter an image by the similarity of the guides, and meet its measured averages.

    Args:
        image: (X, Y, Z) to start from.
        guides: (K, X, Y, Z) other contrasts, intensities of about ``[0, 1]``.
        operator: ``A``, from the image to the measured slices.
        averages: ``A x`` to meet.
        passes: of the filter.

    Example:
        >>> from monai_strainer.physics import Profile
        >>> slices = Profile()((4, 4, 6), (4, 4, 2))
        >>> guided(torch.ones(4, 4, 6), torch.zeros(1, 4, 4, 6), slices, torch.ones(4, 4, 2)).mean().round().item()
        1.0
    """
    factors = [n / m for n, m in zip(operator.shape_in, operator.shape_out)]
    reach = [max(_REACH, math.ceil(factor) - 1) for factor in factors]
    rho = _EXACT / math.prod(factors)
    smooth = guides.clone()
    for k, guide in enumerate(guides):
        smooth[k] = _blurred(guide, [_SMOOTH] * 3)
    for _ in range(passes):
        image = operator.prox(similar_mean(image, smooth, reach, 0.6 * max(reach)), averages, rho)
    return image


def blended(alone: Tensor, std: Tensor, sharper: Tensor, trust: Tensor, operator: Operator) -> Tensor:
    """Mix two images; the averages over measured voxels stay those of the first, and no voxel moves far from it.

    The image is projected in turn onto those that have the averages and onto those within ``MOST`` standard deviations
    of the first, and not below zero where the first is not. The first has all of this, so the projections converge.

    Args:
        alone: (X, Y, Z), made without other contrasts.
        std: (X, Y, Z), its standard deviation.
        sharper: the same with them.
        trust: weight of ``sharper`` from 0 to 1, of the shape of the measured slices.
        operator: ``A``, from the image to the measured slices.
    """
    weight = on_fine_grid(trust, alone.shape)
    mixed, averages = alone + weight * (sharper - alone), operator.A(alone)
    exact = _EXACT * math.prod(operator.shape_out) / alone.numel()
    low, high = torch.maximum(alone - MOST * std, alone.clamp_max(0)), alone + MOST * std
    for _ in range(_ROUNDS):
        mixed = torch.minimum(torch.maximum(operator.prox(mixed, averages, exact), low), high)
    return mixed


def on_fine_grid(trust: Tensor, shape: Sequence[int]) -> Tensor:
    """Interpolate a weight of the measured slices linearly to the grid of the image.

    Args:
        trust: (x, y, z), how much each measured voxel counts.
        shape: (X, Y, Z) of the image.

    Returns:
        (X, Y, Z).
    """
    return torch.nn.functional.interpolate(trust[None, None], size=tuple(shape), mode="trilinear")[0, 0]


def similar_mean(
    image: Tensor, guides: Tensor, reach: Sequence[int], width: float, include_own: bool = True, floor: float = 0.0
) -> Tensor:
    """Average the neighbours of every voxel, weighted by their nearness and by the similarity of the guides.

    Args:
        image: (X, Y, Z).
        guides: (K, X, Y, Z); none of them (K = 0) leaves the nearness alone.
        reach: per axis, in voxels.
        width: standard deviation of the nearness, in voxels.
        include_own: let the voxel itself count; without it the mean is a prediction.
        floor: least similarity, so that a voxel unlike all its neighbours has a prediction too.
    """
    top = image.clone() if include_own else torch.zeros_like(image)
    bottom = torch.full_like(image, float(include_own))
    for here, there, distance in _pairs(image.shape, reach):
        first, second = (slice(None), *here), (slice(None), *there)
        apart = (guides[first] - guides[second]).square_().sum(0)
        weight = apart.mul_(-0.5 / WIDTH**2).exp_().add_(floor).mul_(math.exp(-0.5 * distance / width**2))
        top[here] += weight * image[there]
        top[there] += weight * image[here]
        bottom[here] += weight
        bottom[there] += weight
    return top / bottom


def agreement(slices: Tensor, guides: Tensor, slice_axis: int) -> Tensor:
    """Say where the guides explain the slices of a contrast, from 0 to 1.

    Args:
        slices: (X, Y, Z) as measured.
        guides: (K, X, Y, Z) measured alike.
        slice_axis: across the slices.

    Returns:
        (X, Y, Z): 1 where the weights of the guides halve the squared error of a prediction in the plane, in this
        slice and both beside it, or where both errors are as small as noise; 0 where they do not lower it.
    """
    reach, width, near = _PLANE
    plane = [0 if k == slice_axis else reach for k in range(3)]
    window = [0.0 if k == slice_axis else near for k in range(3)]
    plain = similar_mean(slices, guides[:0], plane, width, include_own=False)
    similar = similar_mean(slices, guides, plane, width, include_own=False, floor=1e-6)
    before, after = (_blurred((slices - one).square(), window) for one in (plain, similar))
    agreed = (2 * (1 - after / (before + _FLOOR))).clamp(0, 1)
    # an object that is in one contrast alone: beside its edges the guides predict worse, and its top fills a small part
    # of a slice, which the slice beside it shows better
    wrong = (after > _WORSE * before + _FLOOR).numpy()
    near_wrong = ndimage.maximum_filter(wrong, [1 if k == slice_axis else 3 for k in range(3)])
    agreed[torch.from_numpy(near_wrong)] = 0
    return torch.from_numpy(ndimage.minimum_filter1d(agreed.numpy(), 3, axis=slice_axis, mode="nearest"))


def _pairs(shape: Sequence[int], reach: Sequence[int]) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...], int]]:
    """Every pair of neighbours once: the part of the image on both sides, and the squared distance in voxels."""
    most = [min(r, n - 1) for r, n in zip(reach, shape)]
    for i in range(most[0] + 1):
        for j in range(-most[1] if i else 0, most[1] + 1):
            for k in range(-most[2] if i or j else 1, most[2] + 1):
                step = (i, j, k)
                here = tuple(slice(max(0, -s), n - max(0, s)) for s, n in zip(step, shape))
                there = tuple(slice(max(0, s), n - max(0, -s)) for s, n in zip(step, shape))
                yield here, there, i * i + j * j + k * k


def _blurred(image: Tensor, width: Sequence[float]) -> Tensor:
    return torch.from_numpy(ndimage.gaussian_filter(image.numpy(), width, mode="nearest"))
