# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Correct an image by its measurement (data step): the error of a network is a smooth random field.

A network's image misses the measurement by ``r = y - A x``. Spreading ``r`` back with ``A^T`` would paint blocks; here
the error is a Gaussian field with a Matern-3/2 covariance, ``C_k = (1 + t) exp(-t)``, ``t = sqrt(3) |i - j| / length``,
along every axis, and its conditional mean given ``r`` is added: kriging through the operator. With ``C = L L^T`` and
``B_k = A_k L_k`` that is one exact step of a separable operator. Strength and length are not chosen by hand: they are
those under which every measurement is predicted best by all the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from ..physics import Operator, Separable
from .bounded_cache import Kept

__all__ = ["DataStep", "ErrorField", "envelope", "factor_of", "krige_varying", "matern", "white_step"]

LENGTHS = (1.0, 1.5, 2.0, 3.0, 4.0)  # measured voxels: the measurement cannot resolve shorter ones
STRENGTHS = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)  # variances, the head being about [0, 1]


@dataclass(frozen=True)
class DataStep:
    """The outcome of a data step.

    Args:
        images: ``(S, H, W)``.
        std: ``(S, H, W)`` posterior standard deviation.
        length: ``(S,)`` length of the network's error, in measured voxels; 0 where it was taken as white.
        variance: ``(S,)`` variance of the network's error.
        undetermined: fraction of that variance that the measurement left open, averaged over voxels.
    """

    images: Tensor
    std: Tensor
    length: Tensor
    variance: Tensor
    undetermined: float


def matern(n: int, length: float) -> Tensor:
    """Return the lower Cholesky factor ``L`` of the (n, n) Matern-3/2 correlation, float64.

    Args:
        n: voxels.
        length: in voxels.

    Source: Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, section 4.2.

    Example:
        >>> (matern(3, 2.0) @ matern(3, 2.0).T).diagonal().round(decimals=4).tolist()
        [1.0, 1.0, 1.0]
    """
    position = torch.arange(n, dtype=torch.float64)
    t = 3**0.5 * (position[:, None] - position).abs() / length
    return torch.linalg.cholesky((1 + t) * torch.exp(-t) + 1e-6 * torch.eye(n, dtype=torch.float64))


factor_of = Kept(matern)
"""As :func:`matern`, with the last factors kept; all steps share them and change none."""


class ErrorField:
    """A Gaussian field seen through an operator, and all that follows from a residual.

    Operators that are not separable get a white field, whose strength is read off the residual's power.

    Args:
        operator: ``A`` on ``(..., H, W)``.
        y: ``(S, h, w)`` measurement without bias. Only its head counts when length and strength are chosen: the air
            around it holds neither anatomy nor the noise that the head has.
        sigma2: variance of the measurement's noise: one number, ``(S,)``, or a map ``(S, h, w)``. Length and strength
            are chosen, and the standard deviation is made, with a map's mean; the correction uses every voxel of it.
    """

    def __init__(self, operator: Operator, y: Tensor, sigma2: float | Tensor) -> None:
        self.operator, self.y = operator, y
        level = torch.as_tensor(sigma2, dtype=y.dtype, device=y.device).clamp_min(1e-8)
        self.map = level.expand(y.shape) if level.ndim == 3 and isinstance(operator, Separable) else None
        self.sigma2 = (level.mean((1, 2)) if level.ndim == 3 else level).expand(len(y))  # (S,)
        self.head = envelope(y) > 0.5  # (S, h, w)
        self.factors: dict[float, list[Tensor]] = {}
        self.coloured: dict[float, Separable] = {}
        if isinstance(operator, Separable):
            for length in LENGTHS:
                sizes = zip(operator.shape_in, operator.shape_out)
                factors = [factor_of(n, length * n / m).to(y.device) for n, m in sizes]
                matrices = [f if m is None else m.double() @ f for m, f in zip(operator.matrices, factors)]
                self.factors[length], self.coloured[length] = factors, Separable(matrices)

    @torch.no_grad()
    def predict(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Leave-one-out errors: each measurement less its prediction by the images and all other measurements.

        Length and strength of the field are those that predict best.

        Best is the greatest log-density of the differences (leave-one-out cross-validation), slice by slice.

        Args:
            images: ``(S, H, W)`` of the network.

        Returns:
            differences ``(S, h, w)``, their squares over the variance expected of them, lengths ``(S,)`` and strengths
            ``(S,)``.
        """
        residual = self.y - self.operator.A(images)
        slices, counted = len(residual), self.head.sum((1, 2)).clamp_min(1)
        best, length, strength = (residual.new_full((slices,), value) for value in (-torch.inf, 0.0, 0.0))
        differences, surprise = residual, residual
        if not self.coloured:
            power = residual.square().mean((1, 2))
            return residual, residual.square() / power[:, None, None], length, (power - self.sigma2).clamp_min(1e-6)
        for ell, coloured in self.coloured.items():
            for v in STRENGTHS:
                missed, variance = coloured.leave_one_out(residual, self.sigma2 / v)
                spread = v * variance
                squared = missed.square() / spread
                density = -0.5 * ((squared + spread.log()) * self.head).sum((1, 2)) / counted
                wins = density > best
                best = torch.where(wins, density, best)
                length, strength = torch.where(wins, ell, length), torch.where(wins, v, strength)
                differences = torch.where(wins[:, None, None], missed, differences)
                surprise = torch.where(wins[:, None, None], squared, surprise)
        return differences, surprise, length, strength

    @torch.no_grad()
    def correct(self, images: Tensor) -> DataStep:
        """Let the measurement correct the network's images ``(S, H, W)``."""
        residual = self.y - self.operator.A(images)
        _, surprise, length, variance = self.predict(images)
        rho = self.sigma2 / variance
        if not self.coloured:
            fraction = self.operator.undetermined(rho).expand(images.shape)
            out = self.operator.prox(images, self.y, rho)
        else:
            out, fraction = images.clone(), torch.zeros_like(images)
            for value in sorted(set(length.tolist())):
                mine = length == value
                coloured, factors = self.coloured[value], self.factors[value]
                if self.map is not None:
                    assert isinstance(self.operator, Separable)
                    out[mine] += krige_varying(self.operator, value, variance[mine], residual[mine], self.map[mine])
                else:
                    field = coloured.prox(torch.zeros_like(images[mine]), residual[mine], rho[mine])
                    out[mine] += Separable(factors).A(field)
                fraction[mine] = coloured.posterior_diagonal(factors, rho[mine])
        std = (variance[:, None, None] * fraction * _local(surprise, out.shape[1:])).sqrt()
        return DataStep(out, std, length, variance, float(fraction.mean()))


def white_step(
    operator: Operator,
    images: Tensor,
    data: Tensor,
    noise_variance: float | Tensor,
    error_variance: float,
    least: float = 0.0,
) -> Tensor:
    """Correct images whose errors are taken as white, by a measurement of any number of axes.

    ``x + A^T (A A^T + rho I)^-1 (y - A x)``, ``rho`` the variance of the noise over that of the errors: noisy data move
    good images little. :class:`ErrorField` is the same step for errors that neighbours share.

    Args:
        operator: ``A`` on the last axes.
        images: ``x`` ``(..., *fine)``.
        data: ``y`` ``(..., *measured)`` without bias.
        noise_variance: of the data, a number or one per image.
        error_variance: of the images.
        least: value of ``rho``.

    Returns:
        ``(..., *fine)``

    Example:
        >>> from monai_strainer.physics import Identity
        >>> white_step(Identity((1, 1)), torch.zeros(1, 1), torch.ones(1, 1), 1.0, 1.0)
        tensor([[0.5000]])
    """
    rho = noise_variance / max(error_variance, 1e-12)
    return operator.prox(images, data, rho.clamp_min(least) if isinstance(rho, Tensor) else max(rho, least))


@torch.no_grad()
def krige_varying(
    operator: Separable,
    length: float,
    variance: float | Tensor,
    residual: Tensor,
    noise_variance: Tensor,
    *,
    iterations: int = 60,
    tolerance: float = 1e-4,
) -> Tensor:
    """Return what the measurement adds to the images, ``v K A^T z`` with ``(v A K A^T + diag(s2)) z = r``.

    ``K`` is the separable Matern-3/2 correlation of :class:`monai_strainer.fitting.ErrorField`. A map of ``s2`` has no
    common singular vectors with it, so ``z`` is found by conjugate gradients, all slices at once. They are
    preconditioned by the exact step under the map's geometric mean: the number of iterations then depends on how far
    the map varies, not on the field, and a constant map needs one.

    Args:
        operator: ``A`` from ``(H, W)`` to ``(h, w)``.
        length: of the field, above 0, in measured voxels.
        variance: ``v``, of the field, above 0: a number, or ``(S,)``.
        residual: ``r`` ``(S, h, w)``, data without bias less what the network predicts.
        noise_variance: ``s2`` ``(S, h, w)``, above 0.
        iterations: at most; noise from 1 % to 5 % within a slice takes about 30.
        tolerance: of the misfit of the equations, relative to the residual, at which a slice is done.

    Returns:
        ``(S, H, W)``

    Raises:
        InputError: a noise map of another shape than the residual, or not above 0.

    Example:
        >>> from monai_strainer.physics import Identity
        >>> r = torch.ones(1, 4, 4)
        >>> krige_varying(Identity((4, 4)), 2.0, 1.0, r, torch.full_like(r, 1e-3)).mean().round(decimals=2)
        tensor(1.)
    """
    if noise_variance.shape != residual.shape:
        raise InputError(
            f"a noise map of {tuple(noise_variance.shape)} does not fit data of {tuple(residual.shape)}",
            "give one variance per measured voxel",
        )
    if not bool((torch.isfinite(noise_variance) & (noise_variance > 0)).all()):
        raise InputError("a noise variance is not above 0", "give a map of finite variances above 0")
    sizes = zip(operator.shape_in, operator.shape_out)
    factors = [factor_of(n, length * n / m).to(residual.device) for n, m in sizes]
    colour = Separable([f @ f.T for f in factors])  # K
    pairs = zip(operator.matrices, factors)
    eigen = [torch.linalg.eigh(b @ b.T) for b in (f if m is None else m.double() @ f for m, f in pairs)]  # of A K A^T
    turned, back = Separable([q.T for _, q in eigen]), Separable([q for _, q in eigen])
    v = torch.as_tensor(variance, dtype=residual.dtype, device=residual.device).expand(len(residual))[:, None, None]
    power = v * torch.outer(*(values.clamp_min(0) for values, _ in eigen)).to(residual)  # (S, h, w)
    middle = noise_variance.log().mean((1, 2), keepdim=True).exp()

    def dot(a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum((1, 2), keepdim=True)

    def exact(r: Tensor) -> Tensor:
        """Return the solution under the map's geometric mean."""
        return back.A(turned.A(r) / (power + middle))

    z, misfit, tiny = torch.zeros_like(residual), residual, torch.finfo(residual.dtype).tiny
    near = step = exact(misfit)
    gain, goal = dot(misfit, near), tolerance**2 * dot(residual, residual)
    for _ in range(iterations):
        if bool((dot(misfit, misfit) <= goal).all()):  # read on the CPU, once an iteration: when to stop
            break
        product = back.A(power * turned.A(step)) + noise_variance * step
        stride = gain / dot(step, product).clamp_min(tiny)
        z, misfit = z + stride * step, misfit - stride * product
        near = exact(misfit)
        before, gain = gain, dot(misfit, near)
        step = near + gain / before.clamp_min(tiny) * step
    return v * colour.A(operator.adjoint(z))


def _local(surprise: Tensor, shape: tuple[int, ...], width: int = 7) -> Tensor:
    """How much more, or less, the neighbourhood of each voxel surprises than the field expects: edges more, air less.

    The local mean of squared standardised differences ``(S, h, w)`` on the fine grid, kept within 0.01 and 10.
    """
    near = torch.nn.functional.avg_pool2d(surprise[:, None], width, 1, width // 2, count_include_pad=False)
    fine = torch.nn.functional.interpolate(near, shape, mode="bilinear", align_corners=False)[:, 0]  # keeps the edges
    return fine.clamp(0.01, 10)


def envelope(images: Tensor, width: int = 9) -> Tensor:
    """Return where the object is, as smooth weights: the error of a network is large there and small in air.

    The local mean intensity of ``(S, H, W)``, scaled to a root mean square of one over the slice and kept within 0.1
    and 2.

    Args:
        images: ``(S, H, W)``.
        width: of the window, in pixels.

    Returns:
        ``(S, H, W)``.
    """
    local = torch.nn.functional.avg_pool2d(images.abs()[:, None], width, 1, width // 2, count_include_pad=False)[:, 0]
    return (local / local.square().mean((1, 2), keepdim=True).sqrt().clamp_min(1e-6)).clamp(0.1, 2)
