# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Solve readouts in closed form while an encoder learns: the loss of the best ones, and a cohort's statistics."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..anatomy.aligned_slices import AlignedSlices
from ..fitting.readout import solve_ridge, with_bias
from ..networks import Siren
from .aligned_points import CohortTiles

__all__ = ["ProjectionLoss", "readout_statistics"]


class ProjectionLoss(nn.Module):
    """Mean squared error of the best readouts: ``min_w |y - w . phi|^2 / P + ridge |w|^2`` per image, averaged.

    The readouts are solved without a gradient. By the envelope theorem the gradient that is left is the exact gradient
    of the minimum.

    Args:
        ridge: weight of ``|w|^2``.

    Source: Golub and Pereyra, "The Differentiation of Pseudo-Inverses and Nonlinear Least Squares Problems Whose
    Variables Separate", SIAM J. Numer. Anal. 1973.

    Example:
        >>> loss = ProjectionLoss(ridge=1e-6)
        >>> float(loss(torch.eye(4).reshape(1, 4, 4, 1), torch.rand(1, 2, 4, 1))) < 1e-4
        True
    """

    def __init__(self, ridge: float = 1e-3) -> None:
        super().__init__()
        self.ridge = ridge

    def forward(self, features: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of the best readouts.

        Args:
            features: ``(B, C, P, 1)`` at ``P`` points.
            target: ``(B, N, P, 1)`` intensities of ``N`` scans there.

        Returns:
            a scalar.
        """
        f = with_bias(features.float().flatten(2))  # (B, C + 1, P)
        y = target.to(f).flatten(2)  # (B, N, P)
        with torch.no_grad():
            readouts = solve_ridge(f, y, self.ridge)  # (B, N, C + 1)
        return (readouts @ f - y).square().mean() + self.ridge * readouts.square().sum(-1).mean()


@torch.no_grad()
def readout_statistics(
    siren: Siren, slices: AlignedSlices, points: int = 4000, ridge: float = 1e-3, seed: int = 0
) -> None:
    """Set the network's readout to the cohort's mean readout and ``readout_covariance`` to their covariance.

    One readout per scan and level is solved from random points; the covariance is shrunk by a tenth towards its
    diagonal, for a small cohort has fewer readouts than a readout has weights.

    Args:
        siren: whose readout and covariance are set, in place.
        slices: of the cohort.
        points: drawn per slice.
        ridge: weight of ``|w|^2`` in the solution.
        seed: of the points.
    """
    device = next(siren.parameters()).device
    levels = len(slices.axes[0])
    readouts = []
    for level in range(levels):
        tile = CohortTiles(slices, 1, points, None, seed + level, level)[0]
        coords = tile["image"][None, : siren.spatial_dims].to(device)
        f = with_bias(siren(coords, features=True).float().flatten(2))
        readouts.append(solve_ridge(f, tile["label"][None].to(device).flatten(2), ridge)[0].double())
    stacked = torch.cat(readouts)  # (N S, C + 1)
    covariance = torch.cov(stacked.T) if len(stacked) > 1 else torch.eye(stacked.shape[1]).to(stacked)
    variances = covariance.diagonal().clamp_min(1e-8)
    covariance = 0.9 * covariance + torch.diag(0.1 * variances + 1e-6)
    mean = stacked.mean(0).float()
    siren.readout.weight.copy_(mean[None, :-1])
    siren.readout.bias.copy_(mean[-1:])
    siren.get_buffer("readout_covariance").copy_(covariance.float())
