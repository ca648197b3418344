# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Restore a scan of thick slices with sharper scans of other contrasts.

restore alone -> bring the others onto the grid -> try it at twice the thickness -> filter -> mix where they agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..anatomy.foreground import foreground
from ..errors import InputError
from ..fitting.guided_filter import agreement, blended, guided, on_fine_grid
from ..physics import Profile, RicianNoise, Separable
from ..priors.prior import Prior
from ..restoring.check import triple
from ..restoring.options import RestoreOptions, changed
from ..restoring.restore import Restored, restore
from ..volume import Volume
from .contrast_guide import Guide, Measured, guide_for
from .contrast_report import ContrastReport, GuideReport
from .merged_slices import merged_errors

__all__ = ["RestoredWith", "restore_with", "sharpen"]

_THICK = 1.25  # an axis that is refined by less has nothing to gain
_GAIN = 0.98  # of the error at twice the thickness: contrasts that lower it by less are not used


@dataclass(frozen=True, eq=False)
class RestoredWith:
    """The outcome of a restoration with other contrasts.

    Args:
        volume: the restored scan.
        std: standard deviation of every voxel: that of the restoration without the other contrasts, and less where they
            count, by what they lower the error of the test at twice the thickness.
        details: what the other contrasts did, and the report of the scan alone.
        alone: the restoration without the other contrasts.
        trust: (X, Y, Z) of the scan's slices: where the other contrasts count, 0 to 1.
    """

    volume: Volume
    std: NDArray[np.float32]
    details: ContrastReport
    alone: Restored
    trust: NDArray[np.float32]


def restore_with(
    scan: Volume,
    guides: Sequence[Volume],
    prior: Prior,
    scale: float | Sequence[float],
    *,
    align: bool = True,
    options: RestoreOptions | None = None,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
    **changes: Any,
) -> RestoredWith:
    """Super-resolve a scan across its slices with the help of other contrasts of the person.

    The scan is restored alone first; see :func:`sharpen` for what follows.

    Args:
        scan: with thick slices.
        guides: one or more scans of other contrasts, sharp where the scan is thick; any grid. Thick ones are restored
            first.
        prior: from :func:`monai_strainer.load_prior`.
        scale: factors per array axis; one of them above 1.25.
        align: correct the position of the guides where that makes them agree better.
        options, device, changes: see :func:`monai_strainer.restore`.
        progress: called with the slices done and their total, of the restoration of the scan.

    Raises:
        InputError: no guide, a guide that does not overlap, no axis to refine, or what ``restore`` refuses.

    Example:
        >>> restore_with(flair, [t1w], load_prior(), scale=(1, 1, 5)).volume  # doctest: +SKIP
    """
    options = changed(options, changes)
    _refuse(guides, max(triple(scan, scale)))
    alone = restore(scan, prior, scale, options=options, device=device, progress=progress)
    return sharpen(scan, alone, guides, prior, align=align, options=options, device=device)


def sharpen(
    scan: Volume,
    alone: Restored,
    guides: Sequence[Volume],
    prior: Prior,
    *,
    align: bool = True,
    options: RestoreOptions | None = None,
    device: str = "cpu",
) -> RestoredWith:
    """Sharpen a restored scan across its slices with other contrasts.

    They say where tissue changes inside a thick slice; the average over every measured voxel stays what it was. They
    count only where they predict the scan in its own plane, and only if they lower the error at twice the thickness,
    where the slices themselves are the truth.

    Args:
        scan: with thick slices.
        alone: its restoration.
        guides, prior, align, options, device: see :func:`restore_with`.

    Raises:
        InputError: see :func:`restore_with`.
    """
    options = options or RestoreOptions()
    _refuse(guides, max(np.divide(alone.volume.grid.shape, scan.grid.shape)))
    measured, unit = _measured(scan, alone, options)
    placed = [guide_for(one, measured, prior, options.seed, align, device) for one in guides]
    images = torch.stack([one.image for one in placed])
    first = torch.from_numpy(alone.volume.data / unit)
    inside = foreground(scan.data)
    without, with_ = merged_errors(scan, measured, images, prior, options, device)
    used = with_ < _GAIN * without
    trust, image, std = torch.zeros_like(measured.slices), first, torch.from_numpy(alone.std)
    if used:
        averages = measured.operator.A(first)
        seen = torch.stack([measured.operator.A(one.image) for one in placed])
        reached = torch.stack([measured.operator.A(one.inside.float()) > 0.999 for one in placed]).all(0)
        trust = agreement(averages, seen, measured.slice_axis) * reached
        sharper = guided(first, images, measured.operator, averages)
        # exact zeros around a stripped head stay
        image = torch.where(first == 0, first, blended(first, std / float(unit), sharper, trust, measured.operator))
        std = std * (1 - (1 - with_ / without) * on_fine_grid(trust, first.shape))
    details = ContrastReport(
        used, _why(used, without, with_), round(without, 5), round(with_, 5),
        round(float(trust[torch.from_numpy(inside)].mean()), 3),
        tuple(_described(one, guide) for one, guide in zip(guides, placed)), alone.report,
    )  # fmt: skip
    volume = Volume(image.numpy() * unit, alone.volume.grid, alone.volume.source, alone.volume.slice_axis)
    return RestoredWith(volume, std.numpy(), details, alone, trust.numpy())


def _refuse(guides: Sequence[Volume], factor: float) -> None:
    """Refuse what other contrasts cannot help."""
    if not guides:
        raise InputError("no other contrast was given", "pass one scan or more, or use restore")
    if factor <= _THICK:
        raise InputError("no axis is refined: other contrasts help across thick slices", "ask for a finer spacing")


def _why(used: bool, without: float, with_: float) -> str:
    if without == 0:
        return "there are too few slices for a test"
    text = f"at twice the thickness they leave {100 * with_ / without:.0f} % of the error"
    return text if used else f"{text}; {100 * _GAIN:.0f} % or less is needed"


def _measured(scan: Volume, alone: Restored, options: RestoreOptions) -> tuple[Measured, np.float32]:
    """Return the slices with their operator, and the intensity that stands for 1."""
    unit = np.float32(alone.details.intensity.scale)
    y = torch.from_numpy(scan.data / unit)
    if not alone.details.intensity.signed:
        y = RicianNoise(float(alone.details.noise.sigma) / float(unit)).debias(y)
    fine = alone.volume.grid
    axis = int(np.argmax(np.divide(fine.shape, scan.grid.shape)))
    thickness = options.thickness or scan.thickness
    ratio = 1.0 if thickness is None else thickness / float(scan.grid.spacing[axis])
    kind = "box" if options.profile == "auto" else options.profile
    shapes = list(zip(fine.shape, scan.grid.shape))
    matrices = [
        n if n == m else Profile(kind, ratio if k == axis else 1.0).matrix(n, m) for k, (n, m) in enumerate(shapes)
    ]
    return Measured(y, scan.grid, axis, Separable(matrices), fine), unit


def _described(scan: Volume, guide: Guide) -> GuideReport:
    numbers = [
        tuple(round(float(v), 4) for v in values) for values in (scan.grid.spacing, guide.motion[:3], guide.motion[3:])
    ]
    spacing, rotation, shift = ((v[0], v[1], v[2]) for v in numbers)
    return GuideReport(spacing, guide.restored, bool(np.any(guide.motion)), rotation, shift, scan.findings)
