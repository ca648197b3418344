# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore with the detail network as a denoiser inside half-quadratic splitting, for any operator (plug-and-play)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..networks import DetailPrior
from ..physics import GaussianNoise, Identity, Measurement, Operator, Separable
from .amortised import BATCH, Amortised
from .data_consistency import factor_of, white_step
from .detail_inputs import interpolate
from .slice_prediction import CoordinateFeatures, predict_slices

__all__ = ["plug_and_play"]

HIGHEST, LOWEST = 0.15, 0.004  # noise levels of the denoiser, first and last
FLOOR = 0.002  # no data are more exact than this
REACH, SMOOTH = 4.0, 1e-2  # of the field that begins where voxels are missing, the head being about [0, 1]


@torch.no_grad()
def plug_and_play(
    detail: DetailPrior,
    measurement: Measurement,
    *,
    features: CoordinateFeatures | None = None,
    start: Tensor | None = None,
    iterations: int = 16,
    weight: float = 0.3,
    on_slices: Callable[[int], None] | None = None,
) -> Amortised:
    """Restore slices with the detail prior as a denoiser.

        ``z_k = D(x_k; s_k)``, ``x_{k+1} = prox(z_k, y, weight sigma^2 / s_k^2)``

    where the level ``s_k`` falls from ``HIGHEST`` to that of the data, and the last ``z_k`` is the result: what was
    measured is noisy too. The denoiser expects Gaussian noise and takes
    one slice at a time: fed with the errors that neighbours share, a network that knows neighbours takes them for
    anatomy. Rician bias is taken off the data beforehand, once.

    Args:
        detail: the detail network.
        measurement: of the slices; its operator may be any.
        features, on_slices: see :func:`monai_strainer.fitting.amortise`.
        start: ``(S, H, W)`` where to begin; by default the interpolated data, or what the data step makes of nothing.
        iterations: of denoising and data step.
        weight: of the denoiser against the data.

    Source: Zhang et al., Plug-and-Play Image Restoration with Deep Denoiser Prior, IEEE TPAMI 44 (2022).
    """
    operator, clean = measurement.operator, measurement.clean
    sigma = measurement.mean_variance.sqrt().clamp_min(FLOOR)  # (S,)
    identity = Identity(operator.shape_in)
    images, stds, opens = [], [], []
    for low in range(0, len(clean), BATCH):
        some = slice(low, min(low + BATCH, len(clean)))
        data, level = clean[some], sigma[some]
        x = _begin(operator, data) if start is None else start[some]
        here = None if features is None else CoordinateFeatures(features.siren, _fixed(features.coords(some)))
        whole = slice(0, len(x))
        last = max(LOWEST, float(level.max()))
        falling = torch.logspace(0, 1, iterations, base=last / max(HIGHEST, last)) * max(HIGHEST, last)
        for s in falling.tolist()[:-1]:
            noisy = Measurement(identity, x, GaussianNoise(s))
            z, _ = predict_slices(detail, noisy, whole, here, spacing_ratio=0.0, mirrors=((),))
            x = white_step(operator, z, data, weight * level.square(), s**2)
        x, std = predict_slices(detail, Measurement(identity, x, GaussianNoise(last)), whole, here, spacing_ratio=0.0)
        images.append(x)
        # where the data say nothing, the denoiser's own deviation would be that of a well measured pixel
        unseen = operator.undetermined(level.square() / HIGHEST**2).expand(x.shape)
        stds.append((std.square() + unseen * _spread(x).square()).sqrt())
        opens.append(float(unseen.mean()))
        if on_slices is not None:
            on_slices(some.stop)
    found = torch.cat(images)
    return Amortised(found, torch.cat(stds), found, sum(opens) / len(opens))


def _fixed(coords: Tensor | None) -> Callable[[slice], Tensor]:
    """Coordinates of slices that are counted from the first of a batch."""

    def coords_of(some: slice) -> Tensor:
        assert coords is not None
        return coords[some]

    return coords_of


def _begin(operator: Operator, data: Tensor) -> Tensor:
    """Interpolated data where the operator is separable; else the smoothest field that explains the data.

    Every slice is ``mean + L u`` with ``u = argmin |A (mean + L u) - y|^2 + SMOOTH |u|^2``, ``L L^T`` a separable
    Matern-3/2 covariance ``REACH`` voxels long: holes are bridged from their rims.
    """
    if isinstance(operator, Separable):
        return interpolate(operator, data)[0]
    mean = data.mean((1, 2), keepdim=True).expand(len(data), *operator.shape_in)
    colour = Separable([factor_of(n, REACH).to(data.device) for n in operator.shape_in])
    white = (operator @ colour).prox(torch.zeros_like(mean), data - operator.A(mean), SMOOTH)
    return mean + colour.A(white)


def _spread(x: Tensor, width: int = 7) -> Tensor:
    """How much an image varies around each pixel: the local standard deviation ``(S, H, W)``."""
    near = torch.nn.functional.avg_pool2d(
        torch.stack([x, x * x], dim=1), width, 1, width // 2, count_include_pad=False
    )  # (S, 2, H, W)
    return (near[:, 1] - near[:, 0].square()).clamp_min(0).sqrt()
