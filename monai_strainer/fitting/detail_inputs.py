# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Assemble the inputs of the detail network: interpolated slices, noise and uncertainty maps, the acquisition."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ..physics import NoiseModel, Separable
from .data_consistency import factor_of

__all__ = ["DetailInputs", "describe_acquisition", "hide_neighbours", "interpolate", "assemble_inputs"]

LENGTH = 2.0  # of the interpolating field, in measured voxels
EXACT = 1e-5  # variance of its noise: it runs through the data


class DetailInputs(NamedTuple):
    """Inputs of a :class:`~monai_strainer.networks.DetailPrior`.

    Args:
        image: ``(B, slices + 2, H, W)`` interpolated slices, noise level and what the data leave open.
        conditions: ``(B, CONDITIONS)`` numbers that describe the acquisition.
    """

    image: Tensor
    conditions: Tensor


def interpolate(operator: Separable, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the smoothest field that the operator turns into the data, and what the data leave open.

    Kriging with a Matern-3/2 covariance two measured voxels long, on the axes that the operator touches; all others
    are left alone. ``A x = y`` holds to within rounding.

    Args:
        operator: ``A`` on ``(..., H, W)``.
        y: ``(..., h, w)``.

    Returns:
        ``x`` (..., H, W), and the fraction of the field's variance that is left open, (H, W).

    Example:
        >>> from monai_strainer.physics import Downsample
        >>> x, fraction = interpolate(Downsample((4, 4), (2, 1)), torch.ones(2, 4))
        >>> x.shape, bool(fraction.max() < 1)
        (torch.Size([4, 4]), True)
    """
    sizes = zip(operator.matrices, operator.shape_in, operator.shape_out)
    factors = [None if m is None else factor_of(n, LENGTH * n / k).to(y.device) for m, n, k in sizes]
    pairs = zip(operator.matrices, factors, operator.shape_in)
    coloured = Separable([n if m is None or f is None else m.double() @ f for m, f, n in pairs])
    white = coloured.prox(y.new_zeros(*y.shape[:-2], *operator.shape_in), y, EXACT)
    x = Separable([n if f is None else f for f, n in zip(factors, operator.shape_in)]).A(white)
    return x, coloured.posterior_diagonal(factors, EXACT).to(y).expand(operator.shape_in)


def describe_acquisition(operator: Separable, noise: NoiseModel, spacing_ratio: float) -> Tensor:
    """Return ten numbers that describe a measurement.

    Per axis the logarithm of the factor, the equivalent width of the profile (``1 / sum w^2``) in steps, and the weight
    of its negative lobes; then the noise level twice, linearly and as a logarithm, its kind,
    and how close the neighbouring slices are.

    Args:
        operator: ``A`` on ``(H, W)``.
        noise: the head being about ``[0, 1]``.
        spacing_ratio: in-plane spacing over the step between slices; 0 for slices without neighbours.

    Example:
        >>> from monai_strainer.physics import Downsample, GaussianNoise
        >>> [round(v, 1) for v in describe_acquisition(Downsample((4, 4), 2), GaussianNoise(0.1), 1.0).tolist()]
        [1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.7, 0.0, 1.0]
    """
    numbers: list[float] = []
    for matrix, fine, measured in zip(operator.matrices, operator.shape_in, operator.shape_out):
        if matrix is None:
            numbers += [0.0, 0.0, 0.0]
            continue
        row = matrix[measured // 2].double()  # one in the middle, clear of the edges
        factor, width = fine / measured, 1 / float(row.square().sum())
        numbers += [math.log2(factor), width / factor, float(row.abs().sum()) - 1]
    sigma = float(noise.sigma.square().mean().sqrt())
    level = math.log10(sigma + 1e-3) / 2 + 1.2
    return torch.tensor([*numbers, 10 * sigma, level, float(noise.is_magnitude), spacing_ratio])


def hide_neighbours(slices: Tensor) -> None:
    """Set all but the middle one of neighbouring slices ``(..., slices, H, W)`` to 0, in place."""
    middle = slices.shape[-3] // 2
    slices[..., :middle, :, :] = 0
    slices[..., middle + 1 :, :, :] = 0


def assemble_inputs(slices: Tensor, fraction: Tensor, sigma: Tensor, conditions: Tensor) -> DetailInputs:
    """Return what the network takes.

    Args:
        slices: ``(B, slices, H, W)`` interpolated.
        fraction: ``(H, W)`` from :func:`interpolate`.
        sigma: noise level, broadcasts to ``(B, 1, H, W)``.
        conditions: from :func:`describe_acquisition`, one for all or ``(B, CONDITIONS)``.
    """
    count, _, height, width = slices.shape
    sigma = sigma.to(slices)
    maps = [10 * sigma.expand(count, 1, height, width), 30 * fraction.expand(count, 1, height, width)]
    return DetailInputs(torch.cat([slices, *maps], dim=1), conditions.to(slices).expand(count, -1))
