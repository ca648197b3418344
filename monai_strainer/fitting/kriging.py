# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The data step: what the network got wrong is a smooth random field, and the measurement says how it runs.

A network's image misses the measurement by ``r = y - A x``. Spreading ``r`` back with ``A^T`` would paint blocks; here
the error is a Gaussian field with a Matern-3/2 covariance, ``C_k = exp(-t)(1 + t)``, ``t = sqrt(3) |i - j| / length``,
along every axis, and its conditional mean given ``r`` is added: kriging through the operator. With ``C = L L^T`` and
``B_k = A_k L_k`` that is one exact step of a separable operator. Strength and length are not chosen by hand: they are
those under which ``r`` is most probable.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..physics import Operator, Separable

__all__ = ["DataStep", "data_step", "matern"]

LENGTHS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # voxels of the fine grid; outside this range nothing was ever chosen
STRENGTHS = 10 ** torch.linspace(-5.5, -0.5, 21, dtype=torch.float64)  # variances, the head being about [0, 1]


@dataclass(frozen=True)
class DataStep:
    """The outcome of a data step.

    Args:
        images: ``(S, H, W)``.
        std: ``(S, H, W)`` posterior standard deviation of the field that was added.
        length: ``(S,)`` most probable length of the network's error, in voxels; 0 where the error was taken as white.
        variance: ``(S,)`` most probable variance of the network's error.
        undetermined: share of the error's variance that the measurement left open, averaged over voxels.
    """

    images: Tensor
    std: Tensor
    length: Tensor
    variance: Tensor
    undetermined: float


def matern(n: int, length: float) -> Tensor:
    """Lower Cholesky factor ``L`` of the (n, n) Matern-3/2 correlation, float64.

    Args:
        length: in voxels.

    Source: Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, section 4.2.

    Example:
        >>> (matern(3, 2.0) @ matern(3, 2.0).T).diagonal().round(decimals=4).tolist()
        [1.0, 1.0, 1.0]
    """
    place = torch.arange(n, dtype=torch.float64)
    t = 3**0.5 * (place[:, None] - place).abs() / length
    return torch.linalg.cholesky((1 + t) * torch.exp(-t) + 1e-6 * torch.eye(n, dtype=torch.float64))


def _coloured(operator: Separable, length: float) -> tuple[Separable, list[Tensor]]:
    """``B = A L`` and the factors ``L``."""
    factors = [matern(n, length).to(operator.device_of()) for n in operator.shape_in]
    matrices = [factor if m is None else m.double() @ factor for m, factor in zip(operator.matrices, factors)]
    return Separable(matrices), factors


def _evidence(coloured: Separable, residual: Tensor, sigma2: float) -> tuple[Tensor, Tensor]:
    """Greatest log-probability of the residual over the strengths, and the strength: both ``(S,)``."""
    power, gain = coloured.spectrum(residual)  # (S, h, w) squared components and their variance for strength 1
    best, strength = torch.full(power.shape[:1], -torch.inf, dtype=torch.float64, device=power.device), power.new_zeros(len(power))
    for v in STRENGTHS.tolist():
        variance = v * gain + sigma2
        value = -0.5 * (power / variance + variance.log()).sum((1, 2)).double()
        strength = torch.where(value > best, torch.full_like(strength, v), strength)
        best = torch.maximum(best, value)
    return best, strength


@torch.no_grad()
def data_step(operator: Operator, images: Tensor, y: Tensor, sigma2: float) -> DataStep:
    """Let the measurement correct the network's images.

    Args:
        operator: ``A`` on ``(..., H, W)``. Operators that are not separable take the plain step, with a white error.
        images: ``(S, H, W)`` of the network.
        y: ``(S, h, w)`` measurement without bias.
        sigma2: variance of its noise.
    """
    sigma2 = max(sigma2, 1e-8)
    residual = y - operator.A(images)
    slices = len(images)
    if not isinstance(operator, Separable):
        variance = (residual.square().mean((1, 2)) - sigma2).clamp_min(1e-6)
        rho = sigma2 / variance
        left = operator.undetermined(rho).expand(images.shape)
        out = operator.prox(images, y, rho)
        return DataStep(out, (variance[:, None, None] * left).sqrt(), variance.new_zeros(slices), variance, float(left.mean()))
    best = torch.full((slices,), -torch.inf, dtype=torch.float64, device=images.device)
    length, variance = images.new_zeros(slices), images.new_zeros(slices)
    candidates = {}
    for value in LENGTHS:
        candidates[value] = _coloured(operator, value)
        evidence, strength = _evidence(candidates[value][0], residual, sigma2)
        wins = evidence > best
        best = torch.where(wins, evidence, best)
        length = torch.where(wins, torch.full_like(length, value), length)
        variance = torch.where(wins, strength.to(variance), variance)
    out, std, left = images.clone(), torch.zeros_like(images), 0.0
    for value in sorted(set(length.tolist())):
        mine = length == value
        coloured, factors = candidates[value]
        rho = sigma2 / variance[mine]
        field = coloured.prox(torch.zeros_like(images[mine]), residual[mine], rho)
        out[mine] += Separable(factors).A(field)
        share = coloured.posterior_diagonal(factors, rho)  # (s, H, W)
        std[mine] = (variance[mine, None, None] * share).sqrt()
        left += float(share.mean()) * int(mine.sum()) / slices
    return DataStep(out, std, length, variance, left)
