# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Check what was asked for: the scan can be restored, the factors make sense, every option is known."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..errors import InputError, Limits
from ..priors.prior import Prior
from ..volume import STEPS_THICK, Volume

__all__ = ["check_scan", "triple"]

_LARGEST = 2**30  # voxels of a result
_VALUES = Limits(least=1e-15, most=1e15)  # whose squares and their sums are numbers in float32


def triple(scan: Volume, scale: float | Sequence[float]) -> tuple[float, float, float]:
    """Return the factor per array axis.

    A single number is in-plane: the number of slices stays.

    A factor that changes no number of voxels, ``round(n f) == n``, is exactly 1.

    Args:
        scan: to restore.
        scale: one factor, or one per array axis; 1 or more.

    Raises:
        InputError: what is no number, a factor that is not a positive finite number, or below 1, or neither one nor
            three of them.
    """
    try:
        values = np.atleast_1d(np.asarray(scale, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"a scale of {scale!r} is no number", "use 1 to denoise, more than 1 to super-resolve"
        ) from error
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise InputError(f"a scale of {scale} is not positive", "use 1 to denoise, more than 1 to super-resolve")
    if values.size not in (1, 3):
        raise InputError(f"a scale of {values.size} numbers", "give one factor, or one per array axis")
    factors = [float(v) for v in values] if values.size == 3 else [float(values[0])] * 3
    if values.size == 1:
        factors[scan.slice_axis] = 1.0
    out = [1.0 if round(n * f) == n else f for n, f in zip(scan.grid.shape, factors)]
    if min(out) < 1:
        raise InputError(f"a scale of {scale} would lower the resolution", "use 1 or more on every axis")
    if math.prod(round(n * f) for n, f in zip(scan.grid.shape, out)) > _LARGEST:
        raise InputError(
            f"a scale of {scale} asks for more than {_LARGEST} voxels", "use a smaller scale, or crop the scan"
        )
    if out[scan.slice_axis] > 1 and scan.grid.shape[scan.slice_axis] == 1:
        raise InputError("a single slice cannot be refined across slices", "use a scale of 1 on its slice axis")
    return out[0], out[1], out[2]


def check_scan(scan: Volume, prior: Prior, thickness: float | None = None) -> None:
    """Refuse a scan or a prior that cannot be used.

    Args:
        scan: to restore.
        prior: to restore with.
        thickness: of the slices in mm; by default what the scan says.

    Raises:
        InputError: the scan is empty, constant, not finite, of huge or tiny values, or has no slices; its slices are
            far thicker or thinner than the step between them; the prior has other coordinates.
    """
    if not np.isfinite(scan.data).all():
        raise InputError("the scan holds values that are not finite", "repair or mask the scan first")
    lowest, highest = float(scan.data.min()), float(scan.data.max())
    largest = max(abs(lowest), abs(highest))
    if largest > 0 and _VALUES.fault(largest):
        raise InputError(f"values of up to {largest:.2g} lose their precision", "multiply the scan by a constant")
    if lowest == highest:
        raise InputError("the scan is constant", "check that the file holds an image")
    if sum(n > 1 for n in scan.grid.shape) < 2:
        raise InputError(f"a scan of {scan.grid.shape} voxels has no slices", "pass an image of at least two axes")
    thick, step = thickness or scan.thickness, float(scan.grid.spacing[scan.slice_axis])
    if thick is not None and STEPS_THICK.fault(thick / step):
        raise InputError(
            f"slices of {thick:g} mm, {step:.3g} mm apart",
            f"give a thickness of {STEPS_THICK.least * step:.3g} to {STEPS_THICK.most * step:.3g} mm, or none",
        )
    if prior.network.spatial_dims not in (2, 3) or prior.network.out_channels != 1:
        raise InputError(
            f"the prior takes {prior.network.spatial_dims} coordinates and gives {prior.network.out_channels} channels",
            "use a prior of 2 or 3 coordinates and 1 channel",
        )
