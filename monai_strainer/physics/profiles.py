# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""What a scanner does along one axis, as a small matrix; and the operators made of them.

Voxels are boxes on a common field of view: of ``n`` voxels along an axis, number ``j`` spans ``[j, j + 1] / n`` of it.
So an image and its low-resolution version share their edges, and no operator shifts the image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from ..errors import InputError
from .separable import Separable

__all__ = ["Blur", "Downsample", "KSpaceCrop", "SliceProfile", "box_matrix", "gaussian_matrix", "kspace_matrix"]

_FWHM = 2 * math.sqrt(2 * math.log(2))  # full width at half maximum of a Gaussian, in standard deviations


def box_matrix(fine: int, coarse: int, thickness: float | None = None) -> Tensor:
    """Weights of a box profile: the share of each fine voxel in each coarse one, by overlap.

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
    return _normalised((_offsets(fine, coarse) / width).clamp(-0.5, 0.5).diff(dim=1))


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
    sigma = math.sqrt(max((fwhm / _FWHM) ** 2 - 1 / 12, 1e-6))
    reach = max(1.75 * fwhm, 0.01)
    return _normalised(torch.erf(_offsets(fine, coarse).clamp(-reach, reach) / (sigma * math.sqrt(2))).diff(dim=1))


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
    turns = _centres(coarse)[:, None] - _centres(fine)  # (n, N), in fields of view
    return (torch.cos(2 * math.pi * turns[..., None] * k) * weight).sum(-1) / fine


class Downsample(Separable):
    """Larger voxels: each one is the average of what lies inside it, for any factor, whole or not.

    Args:
        shape: high-resolution lengths of the axes.
        factor: one for all axes or one per axis, 1 or more. ``n = max(1, round(N / factor))`` voxels share the field of
            view of ``N``, so the factor at work is ``N / n``.

    Raises:
        InputError: a factor below 1, or not one per axis.

    Example:
        >>> op = Downsample((4, 6), (1, 2.5))
        >>> op.shape_out, op(torch.arange(6.0).expand(4, 6))[0].tolist()
        ((4, 2), [1.0, 4.0])
    """

    def __init__(self, shape: Sequence[int], factor: float | Sequence[float]) -> None:
        super().__init__([n if n == m else box_matrix(n, m) for n, m in _lengths(shape, factor)])

    @classmethod
    def onto(cls, fine_shape: Sequence[int], coarse_shape: Sequence[int]) -> Downsample:
        """The operator between two shapes of one field of view.

        Raises:
            InputError: the shapes have different numbers of axes, or the coarse one is longer somewhere.

        Example:
            >>> Downsample.onto((10, 10), (7, 10)).shape_out
            (7, 10)
        """
        fine, coarse = tuple(int(n) for n in fine_shape), tuple(int(n) for n in coarse_shape)
        if len(fine) != len(coarse) or any(not 1 <= m <= n for n, m in zip(fine, coarse)):
            raise InputError(f"{fine} cannot be downsampled onto {coarse}", "give a shape that is nowhere longer")
        return cls(fine, [n / m for n, m in zip(fine, coarse)])


class KSpaceCrop(Separable):
    """Lower resolution as MR does it: only the middle of k-space is measured (Dirichlet kernel, Gibbs ringing).

    Args:
        shape: high-resolution lengths of the axes.
        factor: one for all axes or one per axis, 1 or more; ``max(1, round(N / factor))`` bins are kept.

    Raises:
        InputError: a factor below 1, or not one per axis.

    Example:
        >>> KSpaceCrop((4, 6), 2)(torch.ones(4, 6)).round(decimals=4)
        tensor([[1., 1., 1.],
                [1., 1., 1.]])
    """

    def __init__(self, shape: Sequence[int], factor: float | Sequence[float]) -> None:
        super().__init__([n if n == m else kspace_matrix(n, m) for n, m in _lengths(shape, factor)])


class Blur(Separable):
    """A Gaussian point spread function; the shape stays.

    Args:
        shape: lengths of the axes.
        fwhm: full width at half maximum in voxels, one for all axes or one per axis; 0 leaves an axis alone.

    Raises:
        InputError: a width below 0, or not one per axis.

    Example:
        >>> Blur((1, 3), (0, 1.5))(torch.tensor([[0.0, 1.0, 0.0]])).round(decimals=2)
        tensor([[0.2300, 0.6300, 0.2300]])
    """

    def __init__(self, shape: Sequence[int], fwhm: float | Sequence[float]) -> None:
        widths = _per_axis(fwhm, len(shape), "width")
        if min(widths) < 0:
            raise InputError(f"a blur of {fwhm} voxels is below 0", "use 0 for no blur")
        super().__init__([int(n) if w == 0 else gaussian_matrix(n, n, w) for n, w in zip(shape, widths)])


class SliceProfile(Separable):
    """Thick slices, with or without gaps, along one axis.

    Slices share the field of view: there are ``n = max(1, round(N / separation))`` of them, ``N / n`` apart, and the
    thickness keeps its ratio to the separation. A box as thick as the separation is ``Downsample``.

    Args:
        shape: high-resolution lengths of the axes.
        axis: the axis across slices, counted among those of ``shape``.
        thickness: of a slice, in high-resolution voxels (full width at half maximum for a Gaussian); the gap is
            ``separation - thickness``, and slices overlap where it is negative.
        separation: from slice centre to slice centre, in high-resolution voxels, 1 or more.
        kind: "gaussian", the profile of a common excitation pulse, or "box", the ideal one.

    Raises:
        InputError: a separation below 1, a thickness not above 0, an axis or a kind that does not exist.

    Example:
        >>> op = SliceProfile((20, 8), axis=0, thickness=4, separation=5)
        >>> op.shape_out
        (4, 8)
    """

    def __init__(
        self,
        shape: Sequence[int],
        axis: int,
        thickness: float,
        separation: float,
        kind: Literal["gaussian", "box"] = "gaussian",
    ) -> None:
        if kind not in ("gaussian", "box"):
            raise InputError(f"there is no slice profile called {kind!r}", 'choose "gaussian" or "box"')
        if not -len(shape) <= axis < len(shape):
            raise InputError(f"there is no axis {axis} in shape {tuple(shape)}", "name the axis across slices")
        if not (math.isfinite(thickness) and thickness > 0):
            raise InputError(f"a slice thickness of {thickness} voxels is not above 0", "give the slice thickness")
        factors = [separation if k == axis % len(shape) else 1 for k in range(len(shape))]
        matrices: list[Tensor | int] = [n for n, _ in _lengths(shape, factors)]
        fine, coarse = _lengths(shape, factors)[axis]
        width = thickness / separation * fine / coarse
        matrices[axis] = (gaussian_matrix if kind == "gaussian" else box_matrix)(fine, coarse, width)
        super().__init__(matrices)


def _centres(n: int) -> Tensor:
    """(n,) voxel centres as shares of the field of view."""
    return (torch.arange(n, dtype=torch.float64) + 0.5) / n


def _offsets(fine: int, coarse: int) -> Tensor:
    """(n, N + 1) edges of the fine voxels relative to the centre of each coarse one, in fine voxels."""
    return torch.arange(fine + 1, dtype=torch.float64) - fine * _centres(coarse)[:, None]


def _normalised(weights: Tensor) -> Tensor:
    weights = torch.where(weights > 1e-12 * weights.amax(1, keepdim=True), weights, 0.0)  # rounding is not overlap
    return weights / weights.sum(1, keepdim=True)


def _per_axis(values: float | Sequence[float], axes: int, what: str) -> list[float]:
    each = [float(values)] * axes if isinstance(values, int | float) else [float(v) for v in values]
    if len(each) != axes:
        raise InputError(f"{len(each)} values of {what} for {axes} axes", f"give one {what}, or one per axis")
    if not all(math.isfinite(v) for v in each):
        raise InputError(f"a {what} of {values} is not finite", f"give a finite {what}")
    return each


def _lengths(shape: Sequence[int], factor: float | Sequence[float]) -> list[tuple[int, int]]:
    """Per axis the number of voxels before and after."""
    factors = _per_axis(factor, len(shape), "factor")
    if min(factors) < 1:
        raise InputError(f"a factor of {factor} does not lower the resolution", "use factors of 1 or more")
    return [(int(n), max(1, round(n / f))) for n, f in zip(shape, factors)]
