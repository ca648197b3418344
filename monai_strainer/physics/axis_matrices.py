# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Describe what a scanner does along one axis, as a small matrix of weights.

Voxels are boxes on a common field of view: of ``n`` voxels along an axis, number ``j`` spans ``[j, j + 1] / n`` of it.
So an image and its low-resolution version share their edges, and no operator shifts the image.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["box_matrix", "gaussian_matrix", "kspace_matrix", "voxel_edges"]

FWHM = 2 * math.sqrt(2 * math.log(2))  # full width at half maximum of a Gaussian, in standard deviations


def box_matrix(fine: int, coarse: int, thickness: float | None = None) -> Tensor:
    """Weights of a box profile: the fraction of each fine voxel in each coarse one, by overlap.

    Args:
        fine: number ``N`` of voxels before.
        coarse: number ``n`` of voxels after, on the same field of view.
        thickness: width of the box in fine voxels; by default ``N / n``, so that the boxes touch.

    Returns:
        (n, N) float64; rows sum to 1.

    Example:
        >>> box_matrix(3, 2)
        tensor([[0.6667, 0.3333, 0.0000],
                [0.0000, 0.3333, 0.6667]], dtype=torch.float64)
    """
    width = fine / coarse if thickness is None else thickness
    return _normalised((voxel_edges(fine, coarse) / width).clamp(-0.5, 0.5).diff(dim=1))


def gaussian_matrix(fine: int, coarse: int, fwhm: float) -> Tensor:
    """Weights of a Gaussian profile around the centre of each coarse voxel, integrated over each fine one.

    Integration adds 1/12 voxel^2 to the variance; it is taken off beforehand, so that the weights have the width asked
    for (from 1.5 voxels on; narrower ones fade into picking the nearest voxel). They end at 1.75 ``fwhm`` (4.1
    standard deviations), and at the edges of the field of view.

    Args:
        fine: number ``N`` of voxels before.
        coarse: number ``n`` of voxels after, on the same field of view.
        fwhm: full width at half maximum in fine voxels.

    Returns:
        (n, N) float64; rows sum to 1.

    Example:
        >>> gaussian_matrix(4, 2, fwhm=2.0)
        tensor([[0.4412, 0.4412, 0.1108, 0.0068],
                [0.0068, 0.1108, 0.4412, 0.4412]], dtype=torch.float64)
    """
    sigma = math.sqrt(max((fwhm / FWHM) ** 2 - 1 / 12, 1e-6))
    reach = max(1.75 * fwhm, 0.01)
    return _normalised(torch.erf(voxel_edges(fine, coarse).clamp(-reach, reach) / (sigma * math.sqrt(2))).diff(dim=1))


def kspace_matrix(fine: int, coarse: int) -> Tensor:
    """Low-pass by cutting k-space: the centred DFT of ``N`` samples, its middle ``n`` bins, and back.

    ``W[j, i] = 1/N sum_k w_k cos(2 pi k (u_j - x_i))`` with fine centres ``x_i = (i + 1/2) / N``, coarse centres
    ``u_j = (j + 1/2) / n``, ``|k| <= n/2``, ``w_k = 1``; the Nyquist bin of an even ``n`` is shared between ``+n/2``
    and ``-n/2`` (1/2 each), which keeps the matrix real. The mean is kept and nothing is shifted.

    Args:
        fine: number ``N`` of voxels before.
        coarse: number ``n`` of voxels after, at most ``N``.

    Returns:
        (n, N) float64; rows sum to 1; entries may be negative (Gibbs ringing).

    Example:
        >>> kspace_matrix(3, 2)
        tensor([[0.6220, 0.3333, 0.0447],
                [0.0447, 0.3333, 0.6220]], dtype=torch.float64)
    """
    k = torch.arange(coarse // 2 + 1, dtype=torch.float64)
    weight = torch.where(k == 0, 1.0, 2.0)  # k and -k together
    if coarse % 2 == 0:
        weight[-1] = 1.0
    distance = _centres(coarse)[:, None] - _centres(fine)  # (n, N), in fields of view
    return (torch.cos(2 * math.pi * distance[..., None] * k) * weight).sum(-1) / fine


def _centres(n: int) -> Tensor:
    """(n,) voxel centres as fractions of the field of view."""
    return (torch.arange(n, dtype=torch.float64) + 0.5) / n


def voxel_edges(fine: int, coarse: int) -> Tensor:
    """Return the edges of the fine voxels relative to the centre of each coarse one.

    Args:
        fine: ``N``, the number of fine voxels.
        coarse: ``n``, the number of coarse ones on the same field of view.

    Returns:
        ``(n, N + 1)`` float64, in fine voxels.
    """
    return torch.arange(fine + 1, dtype=torch.float64) - fine * _centres(coarse)[:, None]


def _normalised(weights: Tensor) -> Tensor:
    weights = torch.where(weights > 1e-12 * weights.amax(1, keepdim=True), weights, 0.0)  # rounding is not overlap
    return weights / weights.sum(1, keepdim=True)
