# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What is usually done about missing pixels, blur and sparse k-space; the truth makes the free choices."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from torch import Tensor

from monai_strainer.physics import Operator, Separable

__all__ = ["best", "biharmonic", "between_slices", "richardson_lucy", "total_variation", "wiener"]

Image = NDArray[np.float32]


def best(tries: Iterable[Image], truth: Image, mask: NDArray[np.bool_]) -> Image:
    """Return the try that is nearest to the truth in the mask."""
    return min(tries, key=lambda x: float(np.square(x - truth)[mask].mean()))


def biharmonic(y: Image, kept: NDArray[np.bool_]) -> Image:
    """Biharmonic inpainting of what is not kept, slice by slice."""
    from skimage.restoration import inpaint_biharmonic

    return np.stack([inpaint_biharmonic(image, ~kept, split_into_regions=True) for image in y]).astype(np.float32)


def between_slices(y: Image, kept: NDArray[np.bool_]) -> Image:
    """Interpolate all rows with a cubic spline through the rows that are kept."""
    rows = np.flatnonzero(kept.all(1))
    return CubicSpline(rows, y[:, rows], axis=1)(np.arange(y.shape[1])).astype(np.float32)


def _gradient(x: Tensor) -> Tensor:
    """Differences to the next pixel along rows and columns, (2, S, H, W); the last one is zero."""
    down = torch.diff(x, dim=1, append=x[:, -1:])
    across = torch.diff(x, dim=2, append=x[:, :, -1:])
    return torch.stack([down, across])


def _transposed(p: Tensor) -> Tensor:
    """Apply the transpose of :func:`_gradient`."""
    down, across = p[0].clone(), p[1].clone()
    down[:, -1], across[:, :, -1] = 0, 0
    return -torch.diff(down, dim=1, prepend=down.new_zeros(down[:, :1].shape)) - torch.diff(
        across, dim=2, prepend=across.new_zeros(across[:, :, :1].shape)
    )


def total_variation(operator: Operator, y: Image, weights: Iterable[float], turns: int = 250) -> Iterable[Image]:
    """``argmin 1/2 |A x - y|^2 + weight TV(x)`` for several weights: compressed sensing where A is sparse k-space.

    Source: Chambolle and Pock, A first-order primal-dual algorithm, J. Math. Imaging Vis. 40 (2011).
    """
    data, tau = torch.from_numpy(y), 8**-0.5
    for weight in weights:
        x = operator.adjoint(data)
        ahead, p = x, torch.zeros(2, *x.shape)
        for _ in range(turns):
            p = p + tau * _gradient(ahead)
            p = p / (p.norm(dim=0, keepdim=True) / weight).clamp_min(1)
            new = operator.prox(x - tau * _transposed(p), data, 1 / tau)
            ahead, x = 2 * new - x, new
        yield x.numpy()


def _spread_of(operator: Separable) -> NDArray[np.float64]:
    """Return the point spread function in the middle, (21, 21)."""
    h, w = operator.shape_in
    point = torch.zeros(h, w)
    point[h // 2, w // 2] = 1
    return operator.A(point)[h // 2 - 10 : h // 2 + 11, w // 2 - 10 : w // 2 + 11].double().numpy()


def wiener(operator: Separable, y: Image, balances: Iterable[float]) -> Iterable[Image]:
    """Wiener deconvolution for several weights of the smoothness."""
    from skimage.restoration import wiener as theirs

    spread = _spread_of(operator)
    for balance in balances:
        yield np.stack([theirs(image, spread, balance, clip=False) for image in y]).astype(np.float32)


def richardson_lucy(operator: Separable, y: Image, turns: Iterable[int]) -> Iterable[Image]:
    """Richardson-Lucy deconvolution, stopped at several turns."""
    from skimage.restoration import richardson_lucy as theirs

    spread, level = _spread_of(operator), 1e-3
    for count in turns:
        images = [theirs(np.maximum(image, level), spread, count, clip=False) for image in y]
        yield np.stack(images).astype(np.float32)
