# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""The data step where every measured voxel has its own noise: kriging by conjugate gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import InputError
from ..physics import Separable
from .kriging import matern

__all__ = ["krige_varying"]


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
    """What the measurement adds to the images, ``v K A^T z`` with ``(v A K A^T + diag(s2)) z = r``.

    ``K`` is the separable Matern-3/2 correlation of :class:`monai_strainer.fitting.ErrorField`. A map of ``s2`` has no
    common singular vectors with it, so ``z`` is found by conjugate gradients, all slices at once. They are
    preconditioned by the exact step under the map's geometric mean: turns then depend on how far the map varies, not
    on the field, and a constant map needs one.

    Args:
        operator: ``A`` from ``(H, W)`` to ``(h, w)``.
        length: of the field, above 0, in measured voxels.
        variance: ``v``, of the field, above 0: a number, or ``(S,)``.
        residual: ``r`` ``(S, h, w)``, data without bias less what the network foretells.
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
    factors = [matern(n, length * n / m).to(residual.device) for n, m in sizes]
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
        """The solution under the map's geometric mean."""
        return back.A(turned.A(r) / (power + middle))

    z, misfit, tiny = torch.zeros_like(residual), residual, torch.finfo(residual.dtype).tiny
    near = step = exact(misfit)
    gain, goal = dot(misfit, near), tolerance**2 * dot(residual, residual)
    for _ in range(iterations):
        if bool((dot(misfit, misfit) <= goal).all()):
            break
        product = back.A(power * turned.A(step)) + noise_variance * step
        share = gain / dot(step, product).clamp_min(tiny)
        z, misfit = z + share * step, misfit - share * product
        near = exact(misfit)
        before, gain = gain, dot(misfit, near)
        step = near + gain / before.clamp_min(tiny) * step
    return v * colour.A(operator.adjoint(z))
