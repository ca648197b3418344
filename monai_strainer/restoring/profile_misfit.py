# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Compare assumptions on how voxels were made: by how much the network's answer to each misses the data."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from ..fitting import Repeats, amortise
from ..geometry import MIRRORS
from ..networks import DetailPrior
from ..physics import Measurement, Profile, Separable
from .choice import some_slices
from .pass_context import slice_operator
from .prepare import Prepared
from .slicewise import neighbours_close

__all__ = ["NOISY", "Misfit", "profile_misfit", "weight_with"]

# Log odds of truncated k-space: a constant, and slopes for the log odds before, for the logarithm of the ratio of the
# two misfits, for the noise, and for the logarithm of the factor beyond 3. Fitted by logistic regression to the misfits
# of the cohort's network on scans of the training split, every one measured as box, Gaussian and truncated k-space by
# factors of 1.5 to 4 with 0 to 3 % noise. The general network serves less well: it knows smooth scans too, and takes
# the right voxels for such a scan.
_CONSTANT, _BEFORE, _RATIO, _NOISE, _BEYOND = 4.3, 1.5, 19.0, -145.0, 25.0
_FARTHEST = 3.5  # log odds before that count
NOISY = 0.033  # noise above which nothing was fitted: the noise makes a box look like k-space more and more


@dataclass(frozen=True)
class Misfit:
    """Root mean square of ``A x - y`` in the object, before the data correct ``x``; the object is about ``[0, 1]``.

    Args:
        box: the voxels taken as area averages.
        kspace: taken as truncated k-space.
        noise: standard deviation of the noise.
    """

    box: float
    kspace: float
    noise: float


def weight_with(weight: float, misfit: Misfit, factors: tuple[float, float, float]) -> float:
    """Return the probability of truncated k-space after the misfits are known.

    With ``l`` the log odds before, ``b`` and ``k`` the misfits of box and k-space, ``s`` the noise and ``f`` the mean
    factor:

        ``log(p / (1 - p)) = 4.3 + 1.5 l + 19 log(b / k) - 145 s + 25 max(0, log(f / 3))``

    Where the noise is more than 0.033 the probability stays.

    Args:
        weight: probability before, between 0 and 1.
        misfit: from :func:`profile_misfit`.
        factors: per array axis.

    Example:
        >>> f"{weight_with(0.2, Misfit(0.009, 0.01, 0.003), (2, 2, 1)):.2f}"
        '0.45'
    """
    if misfit.noise > NOISY:
        return weight
    odds = math.log(max(weight, 1e-9) / max(1 - weight, 1e-9))
    refined = [factor for factor in factors if factor > 1]
    size = sum(math.log(factor) for factor in refined) / max(len(refined), 1)
    ratio = math.log(max(misfit.box, 1e-9) / max(misfit.kspace, 1e-9))
    before = min(max(odds, -_FARTHEST), _FARTHEST)
    after = (
        _CONSTANT + _BEFORE * before + _RATIO * ratio + _NOISE * misfit.noise + _BEYOND * max(0.0, size - math.log(3))
    )
    return 1 / (1 + math.exp(-min(max(after, -50.0), 50.0)))


def profile_misfit(detail: DetailPrior, ready: Prepared, factors: tuple[float, float, float]) -> Misfit | None:
    """Restore a few slices by a network under both assumptions, and measure by how much each answer misses the data.

    The network was trained with both. What it makes of the right one agrees with the data, up to their noise.

    Args:
        detail: the network of the cohort; it is given no features of coordinates.
        ready: the scan.
        factors: per array axis, of the slices of the scan.

    Returns:
        None where there is no object, or where the k-space of all refined axes was cut for sure.
    """
    volume, axis = ready.acquired.volume, ready.acquired.volume.slice_axis
    kept = [k for k in range(3) if k != axis]
    filled = [k in ready.acquired.filled for k in kept]
    if not ready.inside.any() or all(filled[n] or factors[k] == 1 for n, k in enumerate(kept)):
        return None
    inside = torch.from_numpy(np.ascontiguousarray(np.moveaxis(ready.inside, axis, 0)))
    chosen = some_slices(inside)
    y = torch.from_numpy(volume.slices(axis) / np.float32(ready.intensity_scale))
    level = ready.level.level
    along = (
        torch.from_numpy(np.ascontiguousarray(np.moveaxis(level, axis, 0))) if isinstance(level, np.ndarray) else level
    )
    noise = ready.noise(along)
    fine = volume.grid.refine(factors)
    near = neighbours_close(detail, fine, axis, len(y))
    clean, found, detail = noise.debias(y), [], detail.cpu()  # where the scan is, wherever an earlier one was restored
    for kind in ("box", "kspace"):
        operator = slice_operator(
            [fine.shape[k] for k in kept], [volume.grid.shape[k] for k in kept], Profile(kind), filled
        )
        assert isinstance(operator, Separable)
        squares, voxels = 0.0, 0
        for k in chosen:
            done = amortise(
                detail, Measurement(operator, y, noise), spacing_ratio=near, data_step=False,
                only=slice(k, k + 1), repeats=Repeats(MIRRORS[1]),
            )  # fmt: skip
            rest = (operator.A(done.images[0]) - clean[k])[inside[k]]
            squares, voxels = squares + float(rest.double().square().sum()), voxels + rest.numel()
        found.append((squares / max(voxels, 1)) ** 0.5)
    return Misfit(found[0], found[1], ready.level.relative)
