# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore what is given: one scan by itself, or several stacks of one person together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

import numpy as np
import torch

from ..errors import InputError
from ..priors.prior import Prior
from ..restoring.options import RestoreOptions
from ..restoring.restore import Restored
from ..restoring.restore import restore as restore_scan
from ..volume import Volume
from .fuse import Fused, fuse
from .options import FuseOptions

__all__ = ["restore"]

Progress = Callable[[int, int], None]


@overload
def restore(
    scan: Volume, prior: Prior, scale: float | Sequence[float] = 1, *, options: RestoreOptions | None = None,
    device: str | torch.device = "cpu", progress: Progress | None = None, **changes: Any,
) -> Restored: ...  # fmt: skip
@overload
def restore(
    scan: Sequence[Volume], prior: Prior, *, options: FuseOptions | None = None, device: str | torch.device = "cpu",
    progress: Progress | None = None, **changes: Any,
) -> Fused: ...  # fmt: skip
def restore(
    scan: Volume | Sequence[Volume],
    prior: Prior,
    scale: float | Sequence[float] = 1,
    *,
    options: RestoreOptions | FuseOptions | None = None,
    device: str | torch.device = "cpu",
    progress: Progress | None = None,
    **changes: Any,
) -> Restored | Fused:
    """Super-resolve or denoise a scan, or make one volume of several stacks of one person.

    A scan is restored as :func:`monai_strainer.restoring.restore.restore` says; a list of scans is fused as
    :func:`monai_strainer.fusing.fuse.fuse` says.

    Args:
        scan: what the scanner gave; one volume, or a list of stacks.
        prior: from :func:`monai_strainer.load_prior`.
        scale: of one scan: 1 denoises; one factor refines in-plane; three factors name the array axes.
        options: :class:`monai_strainer.RestoreOptions` of one scan, :class:`monai_strainer.FuseOptions` of stacks.
        device: where to compute.
        progress: called with the parts done and their total.
        changes: options by name; unknown ones are refused.

    Returns:
        Restored or Fused; both have ``volume``, ``std``, ``details`` and ``report``.

    Raises:
        InputError: what is given cannot be restored; options of the other task; a scale of several stacks.

    Example:
        >>> from monai_strainer.priors.store import load_prior
        >>> restore(scan, load_prior(), scale=2).volume  # doctest: +SKIP
        >>> restore([axial, coronal, sagittal], load_prior(), spacing=1).volume  # doctest: +SKIP
    """
    if isinstance(scan, Volume):
        if isinstance(options, FuseOptions):
            raise InputError("one scan and the options of several stacks", "pass RestoreOptions, or a list of stacks")
        return restore_scan(scan, prior, scale, options=options, device=device, progress=progress, **changes)
    if isinstance(options, RestoreOptions):
        raise InputError("several stacks and the options of one scan", "pass FuseOptions, or one scan")
    if np.any(np.asarray(scale) != 1):
        raise InputError(
            "several stacks have no common scale", "give the voxel edge of the result in mm, such as spacing=1"
        )
    return fuse(scan, prior, options=options, device=device, progress=progress, **changes)
