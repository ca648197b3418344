# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Choose the prior with the lower estimated error on the scan itself, without truth.

Denoising: a few slices are restored by each prior, and Stein's risk decides. Super-resolution: the scan is measured
once more, coarser by the same factor, and each prior restores what the scan itself shows; the same test says how much
of the network's answer is better than an interpolation, and whether its deviations are large enough. The scan has
noise: what is restored and what it is compared with get independent noise, or the method that keeps it would win.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..fitting import PROBE, Amortised, CoordinateFeatures, ErrorField, Repeats, amortise, recorrupted
from ..geometry import MIRRORS
from ..networks import DetailPrior, Siren
from ..physics import Measurement, NoiseModel, Operator, Separable
from .patches import evenly_spaced
from .risk import mean_risk

__all__ = ["Candidate", "Trial", "coarser_plane", "coarser_trial", "noise_trial", "restored_slices", "some_slices"]

CoordsOf = Callable[[slice], Tensor]
_SLICES = 4  # that are tested
_PIXELS = 256 * 256  # of a slice: of larger ones fewer are tested
_COARSEST = 20  # voxels of a coarser axis: below, the test says nothing
_LEAST = 1.4  # the smallest factor of a test
_COARSER = 1.5  # times more than it promises may a network err on the coarser image, whose anatomy is finer
_WIDEST = 3.0


@dataclass(frozen=True, eq=False)
class Candidate:
    """A network that may restore a scan.

    Args:
        name: "cohort" or "general".
        detail: the network.
        siren: the coordinate prior whose features it takes, if it takes any.
        coords_of: coordinates of slices, for those features.
        spacing_ratio: see :func:`monai_strainer.fitting.amortise`.
    """

    name: str
    detail: DetailPrior
    siren: Siren | None
    coords_of: CoordsOf | None
    spacing_ratio: float


@dataclass(frozen=True)
class Trial:
    """What a test on the scan itself says of one network.

    Args:
        risk: mean squared error as estimated; in units of the scan scaled to about ``[0, 1]``.
        plain: that of the data (denoising) or of the interpolation (super-resolution).
        weight: of the network in the mixture with the interpolation, in ``[0, 1]``.
        widen: factor for the network's deviations, 1 or more.
        promised: mean of the network's own variances, where it was read.
    """

    risk: float
    plain: float
    weight: float = 1.0
    widen: float = 1.0
    promised: float = 0.0


def coarser_plane(shape: Sequence[int], factors: Sequence[float], axis: int) -> tuple[int, tuple[int, int]] | None:
    """Find slices that can be measured once more, coarser by the factors of a restoration.

    They are the slices that are restored. Where a few thick slices become many, their axis is too short to be made
    coarser: then the thick slices themselves are taken, and made coarser by the same factor along their longer axis.
    Where all of these are too small, the slices that are restored are made coarser by the largest factor that they
    allow, if that is 1.4 or more.

    Args:
        shape: of the scan.
        factors: per array axis.
        axis: along which the slices are taken that are restored.

    Returns:
        The axis to take slices along and the coarser shape of a slice; None where every choice is too small.
    """
    refined = [k for k in range(3) if k != axis and factors[k] > 1]
    plans = [(axis, {k: factors[k] for k in refined})]
    if len(refined) == 1:
        thick = refined[0]
        longer = max((k for k in range(3) if k != thick), key=lambda k: shape[k])
        plans.append((thick, {longer: factors[thick]}))
    for normal, times in plans:
        coarse = {k: round(shape[k] / times.get(k, 1.0)) for k in range(3) if k != normal}
        if times and all(coarse[k] >= _COARSEST for k in times):
            first, second = coarse.values()
            return normal, (first, second)
    most = min((shape[k] for k in refined), default=0) / _COARSEST
    if most < _LEAST:
        return None
    first, second = (round(shape[k] / min(factors[k], most)) for k in range(3) if k != axis)
    return axis, (first, second)


def some_slices(inside: Tensor, count: int = _SLICES) -> list[int]:
    """Choose the slices to test: evenly spaced among those that hold much of the object.

    Args:
        inside: (S, h, w) where the object is.
        count: how many; fewer, but two, where they are large: that many of 256 x 256 pixels say enough.
    """
    count = min(count, max(2, round(count * _PIXELS / inside[0].numel())))
    filled = inside.flatten(1).float().mean(1)
    good = torch.nonzero(filled >= 0.5 * filled.max()).flatten().tolist()
    return [good[k] for k in evenly_spaced(len(good), count)] if good else [0]


def restored_slices(
    one: Candidate, y: Tensor, noise: NoiseModel, slices: Sequence[int], with_divergence: bool = True
) -> list[Amortised]:
    """Restore some slices without their mirror images, and read the divergence of each.

    Args:
        one: the network.
        y: ``(S, h, w)``, the object about ``[0, 1]``.
        noise: of ``y``.
        slices: which.
        with_divergence: False leaves the divergence out, in half of the time.
    """
    operator, found = Separable([int(n) for n in y.shape[1:]]), []
    for k in slices:
        window, here, near = _near(one, y, noise, k)
        repeats = Repeats(MIRRORS[1], torch.Generator().manual_seed(PROBE + k) if with_divergence else None)
        found.append(_restored(one, operator, window, near, k, here, repeats))
    return found


def noise_trial(
    one: Candidate,
    y: Tensor,
    noise: NoiseModel,
    inside: Tensor,
    slices: Sequence[int],
    restored: Sequence[Amortised] | None = None,
) -> Trial:
    """Stein's risk of a network on some slices.

    Args:
        one: the network.
        y: ``(S, h, w)``, the object about ``[0, 1]``.
        noise: of ``y``.
        inside: ``(S, h, w)`` where the object is.
        slices: which to test.
        restored: what :func:`restored_slices` made of them, where it is known.
    """
    squares, plain, promised, voxels = 0.0, 0.0, 0.0, 0
    for k, found in zip(slices, restored_slices(one, y, noise, slices) if restored is None else restored):
        assert found.divergence is not None
        window, here, near = _near(one, y, noise, k)
        v = near.sigma.square().expand(window.shape)[here].numpy()
        some = inside[k].numpy()
        risk = mean_risk(
            found.images[0].numpy(), near.debias(window)[here].numpy(), v, found.divergence[0].numpy(), some
        )
        squares += risk * some.sum()
        plain += float(v[some].sum())
        promised += float(np.square(found.std[0].numpy()[some], dtype=np.float64).sum())
        voxels += int(some.sum())
    return Trial(squares / max(voxels, 1), plain / max(voxels, 1), promised=promised / max(voxels, 1))


def coarser_trial(
    one: Candidate, operator: Callable[..., Operator], coarse: tuple[int, int], y: Tensor, noise: NoiseModel,
    inside: Tensor, slices: list[int],
) -> Trial | None:  # fmt: skip
    """Measure the error of a network, and of kriging, where the scan itself is the truth.

    Args:
        one: the network.
        operator: builds ``A`` from a fine and a measured shape.
        coarse: shape of the slices measured once more.
        y: ``(S, h, w)``, the object about ``[0, 1]``.
        noise: of ``y``.
        inside: ``(S, h, w)`` where the object is.
        slices: which to test.

    Returns:
        None where the operator has no matrix per axis.
    """
    shape = (int(y.shape[1]), int(y.shape[2]))
    again = operator(shape, coarse)
    if not isinstance(again, Separable):
        return None
    power = float(torch.stack([m.square().sum(1).mean() for m in again.matrices if m is not None]).prod())
    errors, plains, mixed, spread, promised = [], [], [], [], []
    for k in slices:
        window, here, near = _near(one, y, noise, k)
        moved, target = recorrupted(window, near, torch.Generator().manual_seed(PROBE + k))
        level = float(near.sigma.square().mean()) * 2 * power
        data = again.A(type(noise)(near.sigma * 2**0.5).debias(moved))
        found = _restored(one, again, data, type(noise)(level**0.5), k, here)
        smooth = ErrorField(again, data[here : here + 1], level).correct(torch.zeros(1, *shape)).images[0]
        some = inside[k]
        image, truth = found.images[0][some], target[here][some]
        floor = 2 * near.sigma.square().expand(window.shape)[here][some]  # variance of the noise of the truth
        errors.append((image - truth).square() - floor)
        plains.append((smooth[some] - truth).square() - floor)
        mixed.append((truth - smooth[some]) * (image - smooth[some]))
        spread.append((image - smooth[some]).square())
        promised.append(found.std[0][some].square())
    risk, plain, cross, power_of, own = (float(torch.cat(v).mean()) for v in (errors, plains, mixed, spread, promised))
    weight = 1.0 if risk < plain else min(1.0, max(0.0, cross / max(power_of, 1e-12)))
    ratio = (max(risk, 0.0) / max(own, 1e-12)) ** 0.5
    return Trial(risk, plain, weight, min(_WIDEST, max(1.0, ratio / _COARSER)))


def _restored(
    one: Candidate,
    operator: Separable,
    window: Tensor,
    noise: NoiseModel,
    k: int,
    here: int,
    repeats: Repeats | None = None,
) -> Amortised:
    """Slice ``k``, which is number ``here`` of its window, as a network restores it."""
    coords_of, given = _coords_of(one, k, here), Measurement(operator, window, noise)
    features = None if coords_of is None else CoordinateFeatures(one.siren, coords_of)
    only = slice(here, here + 1)
    return amortise(
        one.detail,
        given,
        features=features,
        spacing_ratio=one.spacing_ratio,
        only=only,
        repeats=repeats,
    )


def _near(one: Candidate, y: Tensor, noise: NoiseModel, k: int) -> tuple[Tensor, int, NoiseModel]:
    """Slice ``k`` with its neighbours, its number among them, and their noise."""
    reach = one.detail.slices // 2
    low, high = max(0, k - reach), min(len(y), k + reach + 1)
    sigma = noise.sigma
    return y[low:high], k - low, type(noise)(sigma[low:high] if sigma.ndim == 3 else sigma)


def _coords_of(one: Candidate, k: int, here: int) -> CoordsOf | None:
    """Coordinates of slice ``k``, which is number ``here`` of its window."""
    whole = one.coords_of
    if whole is None or one.siren is None:
        return None
    return lambda some: whole(slice(k - here + some.start, k - here + some.stop))
