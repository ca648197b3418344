# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Model what a scanner does to an image, axis by axis: larger voxels, blur, truncated k-space, thick slices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ..errors import InputError
from .axis_matrices import box_matrix, gaussian_matrix, kspace_matrix
from .axis_profiles import matrix_of, profile_names
from .separable import Separable

__all__ = ["Blur", "Downsample", "KSpaceCrop", "Profile", "SliceProfile"]


class Downsample(Separable):
    """Larger voxels: each one is the average of what lies inside it, for any factor, whole or not.

    Args:
        shape: high-resolution lengths of the axes.
        factor: one for all axes or one per axis, 1 or more. ``n = max(1, round(N / factor))`` voxels share the field of
            view of ``N``, so the factor at work is ``N / n``.

    Raises:
        InputError: a factor below 1, or not one per axis.

    Example:
        >>> import torch
        >>> op = Downsample((4, 6), (1, 2.5))
        >>> op.shape_out, op(torch.arange(6.0).expand(4, 6))[0].tolist()
        ((4, 2), [1.0, 4.0])
    """

    def __init__(self, shape: Sequence[int], factor: float | Sequence[float]) -> None:
        super().__init__([n if n == m else box_matrix(n, m) for n, m in _lengths(shape, factor)])

    @classmethod
    def onto(cls, fine_shape: Sequence[int], coarse_shape: Sequence[int]) -> Downsample:
        """Build the operator between two shapes of one field of view.

        Args:
            fine_shape: voxels before, per axis.
            coarse_shape: voxels after, per axis.

        Raises:
            InputError: the shapes have different numbers of axes, or the coarse one is longer somewhere.

        Example:
            >>> Downsample.onto((10, 10), (7, 10)).shape_out
            (7, 10)
        """
        fine, coarse = tuple(int(n) for n in fine_shape), tuple(int(n) for n in coarse_shape)
        if len(fine) != len(coarse) or any(not 1 <= m <= n for n, m in zip(fine, coarse)):
            raise InputError(
                f"{fine} cannot be downsampled onto {coarse}", "give a shape that is not longer on any axis"
            )
        return cls(fine, [n / m for n, m in zip(fine, coarse)])


class KSpaceCrop(Separable):
    """Lower resolution as MR does it: only the middle of k-space is measured (Dirichlet kernel, Gibbs ringing).

    Args:
        shape: high-resolution lengths of the axes.
        factor: one for all axes or one per axis, 1 or more; ``max(1, round(N / factor))`` bins are kept.

    Raises:
        InputError: a factor below 1, or not one per axis.

    Example:
        >>> import torch
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
        >>> import torch
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
        kind: "gaussian", the profile of a common excitation pulse, "box", the ideal one, or another of
            :mod:`monai_strainer.physics.axis_profiles` that has a thickness.

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
        kind: str = "gaussian",
    ) -> None:
        if kind not in profile_names() or kind == "kspace":  # which has no thickness
            others = ", ".join(name for name in profile_names() if name != "kspace")
            raise InputError(f"there is no slice profile called {kind!r}", f"choose from {others}")
        if not -len(shape) <= axis < len(shape):
            raise InputError(f"there is no axis {axis} in shape {tuple(shape)}", "name the axis across slices")
        if not (math.isfinite(thickness) and thickness > 0):
            raise InputError(f"a slice thickness of {thickness} voxels is not above 0", "give the slice thickness")
        factors = [separation if k == axis % len(shape) else 1 for k in range(len(shape))]
        matrices: list[Tensor | int] = [n for n, _ in _lengths(shape, factors)]
        fine, coarse = _lengths(shape, factors)[axis]
        matrices[axis] = Profile(kind, thickness / separation).matrix(fine, coarse)
        super().__init__(matrices)


@dataclass(frozen=True)
class Profile:
    """How a scanner makes few voxels of many, whatever their number: called with two shapes, it gives the operator.

    Args:
        kind: "box" averages what lies in a voxel, "gaussian" weighs it, "kspace" cuts the high frequencies off; all are
            in :mod:`monai_strainer.physics.axis_profiles`.
        ratio: thickness of a slice over the step from slice to slice (full width at half maximum of a Gaussian); below
            1 there are gaps. Means nothing to "kspace".

    Raises:
        InputError: a kind that does not exist, or a ratio that is not above 0.

    Example:
        >>> Profile("gaussian", ratio=0.8)((20, 8), (4, 8)).shape_out  # 4 mm thick, 1 mm gap
        (4, 8)
    """

    kind: str = "box"
    ratio: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in profile_names():
            raise InputError(f"there is no profile called {self.kind!r}", f"choose from {', '.join(profile_names())}")
        if not (math.isfinite(self.ratio) and self.ratio > 0):
            raise InputError(f"a slice of {self.ratio} steps is not thicker than 0", "give thickness over step")

    def matrix(self, fine: int, measured: int) -> Tensor:
        """Return the matrix of one axis.

        Args:
            fine: voxels before.
            measured: voxels after, on the same field of view.

        Returns:
            ``(measured, fine)``; rows sum to 1.
        """
        return matrix_of(self.kind, fine, measured, self.ratio)

    def __call__(self, fine: Sequence[int], measured: Sequence[int]) -> Separable:
        """Build the operator from one shape to another; axes of equal length are left alone.

        Args:
            fine: voxels before, per axis.
            measured: voxels after, per axis.

        Raises:
            InputError: the measured shape has another number of axes, or is longer somewhere.
        """
        if len(fine) != len(measured) or any(not 1 <= m <= n for n, m in zip(fine, measured)):
            raise InputError(
                f"{tuple(measured)} is no measurement of {tuple(fine)}", "give a shape that is not longer on any axis"
            )
        return Separable([int(n) if n == m else self.matrix(int(n), int(m)) for n, m in zip(fine, measured)])


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
