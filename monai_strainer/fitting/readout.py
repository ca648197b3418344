# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Solve for readouts in closed form: with the encoder frozen, an image is linear in its readout."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..networks import SineTape, Siren, encoded
from ..physics import Operator

__all__ = ["ROUNDS", "Readouts", "features_of", "readout_images", "ridge", "solve_readouts", "with_bias"]


ROUNDS = 6  # of the fixed point of the misfit


@dataclass(frozen=True)
class Readouts:
    """One Gaussian posterior over readouts per slice.

    Args:
        mean: ``(S, C + 1)``, weights then bias.
        covariance: ``(S, C + 1, C + 1)``.
        misfit: ``(S,)`` variance of what the encoder could not explain (noise included), in units of ``y``.
    """

    mean: Tensor
    covariance: Tensor
    misfit: Tensor


@torch.no_grad()
def features_of(siren: Siren, coords: Tensor, half: bool = False) -> Tensor:
    """Return the last features of a coordinate image, with a one for the bias.

    Args:
        siren: coordinate network with ``C`` features.
        coords: ``(d, *spatial)`` coordinates.
        half: products in bfloat16.

    Returns:
        ``(C + 1, *spatial)`` float32.
    """
    points = coords.flatten(1).T  # (N, d)
    features = with_bias(encoded(siren.encoder, points[None], SineTape(half)).mT.float())[0]  # (C + 1, N)
    return features.reshape(-1, *coords.shape[1:])


def with_bias(features: Tensor) -> Tensor:
    """``(B, C, P)`` to ``(B, C + 1, P)``: a feature that is always one carries the bias."""
    return torch.cat([features, features.new_ones(features.shape[0], 1, features.shape[2])], dim=1)


def ridge(
    gram: Tensor,
    moment: Tensor,
    energy: Tensor,
    count: int,
    mean: Tensor,
    precision: Tensor,
    rounds: int = ROUNDS,
) -> tuple[Tensor, Tensor, Tensor]:
    """Posterior of linear-Gaussian weights whose noise variance is found by maximum evidence.

        ``w* = argmin |y - Psi w|^2 / t + (w - mean)^T precision (w - mean)``

    The misfit ``t`` follows MacKay's fixed point ``t = |y - Psi w*|^2 / (count - gamma)``, where ``gamma`` is the
    number of directions that the data determine.

    Args:
        gram: ``Psi^T Psi``, ``(C, C)`` float64.
        moment: ``Psi^T y``, ``(C,)``.
        energy: ``y^T y``.
        count: number of measurements.
        mean: ``(C,)`` prior mean.
        precision: ``(C, C)`` prior precision.
        rounds: of the fixed point.

    Returns:
        mean ``(C,)``, covariance ``(C, C)`` and ``t``.

    Source: MacKay, "Bayesian Interpolation", Neural Computation 1992.
    """
    misfit = (energy / max(count, 1)).clamp_min(1e-9)
    for _ in range(rounds):
        posterior = gram / misfit + precision
        factor = _cholesky(posterior)
        w = torch.cholesky_solve((moment / misfit + precision @ mean).unsqueeze(1), factor).squeeze(1)
        residual = (energy - 2 * w @ moment + w @ gram @ w).clamp_min(1e-9 * energy + 1e-12)
        covariance = torch.cholesky_inverse(factor)
        determined = (covariance * gram).sum() / misfit
        misfit = (residual / (count - determined).clamp_min(0.05 * count)).clamp_min(1e-9)
    return w, covariance, misfit


def _cholesky(matrix: Tensor) -> Tensor:
    """Lower Cholesky factor; where rounding made a positive matrix indefinite, of the nearest ridge that is positive.

    Few measurements with next to no misfit leave the Gram matrix with condition numbers beyond float64.
    """
    one = matrix.diagonal().max() * torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    for power in range(-15, -2):
        factor, failed = torch.linalg.cholesky_ex(matrix)
        if not int(failed):  # read on the CPU: which ridge is needed depends on the numbers
            return factor
        matrix = matrix + 10.0**power * one
    return torch.linalg.cholesky(matrix)


@torch.no_grad()
def solve_readouts(siren: Siren, coords: Tensor, operator: Operator, y: Tensor, kept: Tensor | None = None) -> Readouts:
    """Solve for the most probable readout of every slice given its measurement, and for how sure it is.

    ``A`` is applied to the feature maps once; what is left is one small regression per slice. The prior is the
    network's own ``N(readout, readout_covariance)``, so that where the data are silent the answer falls back on the
    cohort's mean readout and not on noise.

    Args:
        siren: single-channel network.
        coords: ``(S, d, H, W)`` head coordinates of the image.
        operator: ``A`` on ``(..., H, W)``.
        y: ``(S, h, w)`` measurement in ``[-1, 1]``, the network's units.
        kept: ``(h, w)`` true where a measurement may be used; all of them by default.

    Returns:
        Readouts for all slices.
    """
    mean = torch.cat([siren.readout.weight[0], siren.readout.bias]).double()
    precision = torch.linalg.inv(siren.get_buffer("readout_covariance").double())
    solved = []
    for c, target in zip(coords, y):
        seen = operator.A(features_of(siren, c)).flatten(1)  # (C + 1, M)
        t = target.reshape(1, -1).to(seen)
        if kept is not None:
            seen, t = seen[:, kept.flatten()], t[:, kept.flatten()]
        gram, moment = (seen @ seen.T).double(), (seen @ t.T)[:, 0].double()
        solved.append(ridge(gram, moment, t.double().square().sum(), t.numel(), mean, precision))
    w, covariance, misfit = (torch.stack(part).float() for part in zip(*solved))
    return Readouts(w, covariance, misfit)


@torch.no_grad()
def readout_images(siren: Siren, coords: Tensor, readouts: Readouts) -> tuple[Tensor, Tensor]:
    """Return the images of solved readouts and their posterior standard deviation.

    Args:
        siren: the network that the readouts belong to.
        coords: ``(S, d, H, W)``.
        readouts: of the ``S`` slices.

    Returns:
        mean and standard deviation, both ``(S, H, W)``, in ``[-1, 1]`` units.
    """
    images, deviations = [], []
    for c, w, covariance in zip(coords, readouts.mean, readouts.covariance):
        phi = features_of(siren, c).flatten(1)  # (C + 1, N)
        images.append((w @ phi).reshape(c.shape[1:]))
        deviations.append(((covariance @ phi) * phi).sum(0).clamp_min(0).sqrt().reshape(c.shape[1:]))
    return torch.stack(images), torch.stack(deviations)


def solve_ridge(f: Tensor, y: Tensor, weight: float) -> Tensor:
    """Return the readouts that minimise ``|y - w f|^2 / P + weight |w|^2``.

    Args:
        f: ``(B, C, P)`` features at ``P`` points.
        y: ``(B, N, P)`` targets.
        weight: of the ridge.

    Returns:
        ``(B, N, C)``.
    """
    points = f.shape[-1]
    gram = f @ f.mT / points + weight * torch.eye(f.shape[1], device=f.device)
    return torch.linalg.solve(gram, f @ y.mT / points).mT
