# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Align a head: find the affine of head coordinates under which the coordinate prior explains it best.

The box around a head says where it is, not how it is tilted. With solved readouts ``w`` the prior's image is
``w . phi(T c)``, and its derivative by the affine ``T`` follows from that by the coordinates. Gauss-Newton steps on
``T`` see the part of it that no change of the heads could bring about (variable projection).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..networks import Siren
from .readout import with_bias

__all__ = ["align"]

TILT = 0.08  # typical deviation of the affine's 3 x 3 part from the identity, and that of its shift
SHIFT = 0.05
NEIGHBOURS = 30  # residuals of neighbours are alike: so many of them count as one
MISFIT = 0.01  # variance of what heads cannot explain


def align(siren: Siren, images: Tensor, coords: Tensor, iterations: int = 6) -> Tensor:
    """Find the affine.

    Args:
        siren: the coordinate prior, of three coordinates.
        images: ``(S, H, W)`` rough slices of the whole head, intensities in about ``[0, 1]``.
        coords: ``(S, 3, H, W)`` coordinates in the head's box.
        iterations: Gauss-Newton steps.

    Returns:
        ``T`` (3, 4) float32: coordinate ``c`` of the box is ``T [c, 1]`` of the cohort.

    Source: Kaufman, A variable projection method for solving separable nonlinear least squares problems, BIT 15
    (1975).

    Example:
        >>> align(Siren(3, hidden_channels=8), torch.rand(2, 6, 6), torch.rand(2, 3, 6, 6), iterations=1).shape
        torch.Size([3, 4])
    """
    exact: Any = {"dtype": torch.float64, "device": coords.device}
    eye = torch.eye(3, 4, **exact)
    spread = torch.tensor([TILT, TILT, TILT, SHIFT], **exact).expand(3, 4).flatten()
    alignment = eye.clone()
    points = with_bias(coords.flatten(2).double())  # (S, 4, P)
    targets = 2 * images.flatten(1) - 1  # (S, P)
    mean = torch.cat([siren.readout.weight[0], siren.readout.bias]).detach().double()
    precision = torch.linalg.inv(siren.get_buffer("readout_covariance").double())
    for _ in range(iterations):
        matrix, vector, cost = torch.zeros(12, 12, **exact), torch.zeros(12, **exact), torch.zeros((), **exact)
        for point, target in zip(points, targets):
            residual, slope = _explained(siren, mean, precision, (alignment @ point).float(), point.float(), target)
            matrix += (slope @ slope.T).double()
            vector += (slope @ residual).double()
            cost += residual.square().sum().double()
        variance = NEIGHBOURS * cost / targets.numel()
        pull = torch.diag(spread**-2)
        towards = vector / variance - pull @ (alignment - eye).flatten()
        alignment = alignment + torch.linalg.solve(matrix / variance + pull, towards).reshape(3, 4)
    return alignment.float()


def _explained(
    siren: Siren, mean: Tensor, precision: Tensor, at: Tensor, point: Tensor, target: Tensor
) -> tuple[Tensor, Tensor]:
    """Return what the best head leaves of a slice ``(P,)``, and the derivative of that by the affine ``(12, P)``.

    Args:
        mean, precision: of the heads, ``(C + 1,)`` and ``(C + 1, C + 1)``.
        at: ``(3, P)`` where the network is asked.
        point: ``(4, P)`` box coordinates and a one.
        target: ``(P,)`` in ``[-1, 1]``.
    """
    with torch.enable_grad():
        asked = at.detach().requires_grad_(True)
        features = siren(asked[None, :, :, None], features=True)[..., 0]  # (1, C, P)
        phi = with_bias(features.detach())[0]  # (C + 1, P)
        normal = (phi @ phi.T).double() / MISFIT + precision
        head = torch.linalg.solve(normal, (phi @ target).double() / MISFIT + precision @ mean).float()
        (gradient,) = torch.autograd.grad((head[:-1].detach() @ features[0]).sum(), asked)  # (3, P)
    slope = (gradient[:, None] * point).reshape(12, -1)  # (12, P)
    by_heads = torch.linalg.solve(normal, (phi @ slope.T).double() / MISFIT).float()  # (C + 1, 12)
    return target - head @ phi, slope - by_heads.T @ phi
