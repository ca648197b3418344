# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Bring another contrast of the person onto the grid of a restored scan, at the place where the two agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..anatomy.foreground import foreground, intensity_scale_of
from ..errors import InputError
from ..fitting.guided_filter import agreement
from ..fitting.stack_registration import Stack, align_stacks
from ..geometry import Grid
from ..physics import Profile, Rigid, Separable
from ..priors.prior import Prior
from ..restoring.check import check_scan
from ..restoring.options import RestoreOptions
from ..restoring.restore import restore
from ..volume import Volume
from .placing import averaged, on_grid

__all__ = ["Guide", "Measured", "guide_for"]

_THICK = 1.25  # voxels that are so many times longer than those of the result are refined first
_KNOTS = 6  # of the curve from the intensities of one contrast to those of the other
_SIGMA = 0.02  # of the curve's image, for the alignment; its weight does not matter there
_LEAST_MOTION = (0.05, 0.05)  # degrees and mm: below, the header is right


@dataclass(frozen=True, eq=False)
class Measured:
    """The scan that other contrasts help.

    Args:
        slices: (X, Y, Z) as measured, intensities of about ``[0, 1]``.
        grid: of the slices.
        slice_axis: along which the result is finer.
        operator: ``A``, from the grid of the result to the slices.
        fine: grid of the result.
    """

    slices: Tensor
    grid: Grid
    slice_axis: int
    operator: Separable
    fine: Grid


@dataclass(frozen=True, eq=False)
class Guide:
    """Another contrast on the grid of the result.

    Args:
        image: (X, Y, Z) intensities of about ``[0, 1]``.
        inside: where its field of view reaches.
        restored: whether it was restored first.
        motion: from where its header says; zeros where it was not moved.
    """

    image: Tensor
    inside: Tensor
    restored: bool
    motion: Rigid


def guide_for(scan: Volume, measured: Measured, prior: Prior, seed: int, align: bool, device: str) -> Guide:
    """Restore another contrast where its own slices are thick, and bring it onto the grid of the result.

    Args:
        scan: the other contrast.
        measured: the scan that it helps.
        prior: to restore with.
        seed: of all draws.
        align: compare two places, by the headers and by rigid registration, and take the one where the contrasts agree
            better.
        device: where the networks compute.

    Raises:
        InputError: it does not overlap the scan, or has values below zero.
    """
    check_scan(scan, prior)
    if float(scan.data.min()) < 0:
        raise InputError("another contrast has values below zero", "pass a magnitude image")
    wanted = float(measured.fine.spacing.min())
    factors = [max(1.0, float(edge) / wanted) for edge in scan.grid.spacing]
    is_thick = max(factors) > _THICK
    if is_thick:
        factors = [factor if factor > _THICK else 1.0 for factor in factors]
        scan = restore(scan, prior, factors, options=RestoreOptions(adapt=0, seed=seed), device=device).volume
    data = scan.data / np.float32(intensity_scale_of(scan.data, foreground(scan.data)))
    one = averaged(Volume(data, scan.grid, slice_axis=scan.slice_axis), measured.fine)
    still = _placed(one, measured, np.zeros(6), is_thick)
    if not bool(still.inside.any()):
        raise InputError(
            "another contrast does not overlap the scan", "pass scans of one visit whose headers share coordinates"
        )
    if not align:
        return still
    motion = _motion(one, still, measured)
    if np.linalg.norm(motion[:3]) < _LEAST_MOTION[0] and np.linalg.norm(motion[3:]) < _LEAST_MOTION[1]:
        return still
    moved = _placed(one, measured, motion, is_thick)
    return max((still, moved), key=lambda guide: _agreed(guide, measured))


def _placed(scan: Volume, measured: Measured, motion: Rigid, restored: bool) -> Guide:
    """Interpolate the contrast onto the grid of the result, after a motion."""
    image, inside = on_grid(scan, scan.grid, motion, measured.fine)
    return Guide(image.clamp_min(0), torch.from_numpy(inside), restored, motion)


def _stack(scan: Volume, values: Tensor, motion: Rigid) -> Stack:
    return Stack(values, scan.grid, scan.slice_axis, _SIGMA, Profile(), motion)


def _motion(scan: Volume, still: Guide, measured: Measured) -> Rigid:
    """Return the motion by which the contrast, its intensities changed by a curve, fits the slices best."""
    curve = _Curve.between(still, measured)
    first = Stack(measured.slices, measured.grid, measured.slice_axis, _SIGMA, Profile())
    found = align_stacks([first, _stack(scan, curve(torch.from_numpy(scan.data)), np.zeros(6))], measured.fine)[1]
    return found.stack.motion


def _agreed(guide: Guide, measured: Measured) -> float:
    """Return the mean agreement of the contrast with the slices."""
    seen = measured.operator.A(guide.image)[None]
    return float(agreement(measured.slices, seen, measured.slice_axis).mean())


@dataclass(frozen=True, eq=False)
class _Curve:
    """A piecewise linear curve of intensities: at every knot a value."""

    knots: NDArray[np.float64]
    values: NDArray[np.float64]

    def __call__(self, image: Tensor) -> Tensor:
        return torch.from_numpy(np.interp(image.numpy(), self.knots, self.values).astype(np.float32))

    @staticmethod
    def between(guide: Guide, measured: Measured) -> _Curve:
        """Fit the curve that makes the contrast, measured alike, most similar to the slices."""
        shown = guide.image[guide.image > 0].numpy()
        levels = (
            np.quantile(shown, np.linspace(0.05, 0.99, _KNOTS - 1)) if shown.size else np.linspace(0, 1, _KNOTS)[1:]
        )
        knots = np.maximum.accumulate(np.r_[0.0, levels]) + 1e-6 * np.arange(_KNOTS)
        parts = [
            measured.operator.A(_Curve(knots, np.eye(_KNOTS)[k])(guide.image)).double().flatten() for k in range(_KNOTS)
        ]
        basis = torch.stack(parts, 1)
        gram = basis.T @ basis
        ridge = 1e-6 * gram.diagonal().mean() * torch.eye(_KNOTS, dtype=torch.float64)
        values = torch.linalg.solve(gram + ridge, basis.T @ measured.slices.double().flatten())
        return _Curve(knots, values.numpy())
