# Copyright 2026 the monai_strainer authors. Apache-2.0.
"""Say what every pass needs and gives: slices with their noise, the operator between two grids, scan units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ..anatomy.head_frame import Pose
from ..fitting import FitOptions
from ..geometry import Grid
from ..physics import NoiseModel, Operator, OperatorFactory, Profile, Separable
from ..priors.prior import Prior
from ..volume import Volume
from .report import PassReport

__all__ = [
    "Level",
    "PassContext",
    "PassResult",
    "Tested",
    "in_units",
    "operator_between",
    "slice_operator",
    "slices_with_noise",
]

Level = float | NDArray[np.float32]
"""Noise level relative to the intensity scale: a number, or a map in the shape of the scan."""

KSPACE = Profile("kspace")


class Tested(Protocol):
    """What a test on the scan itself says of a network: its weight in the result, and a factor for its deviations."""

    @property
    def weight(self) -> float:
        """Of the network in the mixture with kriging, in ``[0, 1]``."""

    @property
    def widen(self) -> float:
        """Factor for the deviations, 1 or more."""


@dataclass(frozen=True, eq=False)
class PassContext:
    """What every pass needs besides the scan.

    Args:
        prior: what restores.
        pose: where the head is.
        intensity_scale: intensity that stands for 1.
        noise: the kind of noise.
        operator: builds ``A`` from the fine and the measured shape of a slice.
        device: where to compute.
        progress: called with the slices done and their total.
        fit: how the coordinate network is fitted; None where it is not.
        seed: of the draws of a fit.
        filled: array axes that were zero-filled.
        trial: what a test on the scan itself says of the network; None trusts it.
        mirrors: mirror images of a slice that are averaged: 1, 2 or 4.
    """

    prior: Prior
    pose: Pose
    intensity_scale: float
    noise: type[NoiseModel]
    operator: OperatorFactory
    device: str | torch.device = "cpu"
    progress: Callable[[int, int], None] | None = None
    fit: FitOptions | None = None
    seed: int = 0
    filled: tuple[int, ...] = ()
    trial: Tested | None = None
    mirrors: int = 4


@dataclass(frozen=True, eq=False)
class PassResult:
    """A scan after a pass.

    Args:
        volume: the scan.
        std: (X, Y, Z) standard deviation, in the scan's units.
        report: what the report says of the pass.
        divergence: (X, Y, Z) of the network, NaN where it was not read; None where it was not asked for.
    """

    volume: Volume
    std: NDArray[np.float32]
    report: PassReport
    divergence: NDArray[np.float32] | None = None


def slices_with_noise(
    volume: Volume, axis: int | None, context: PassContext, level: Level
) -> tuple[torch.Tensor, NoiseModel]:
    """Return slices along an axis, or the whole volume, and their noise, on the device of the context.

    The head is about ``[0, 1]``.

    Args:
        volume: the scan.
        axis: across the slices; None is the whole volume.
        context: its intensity scale is what the intensities are divided by.
        level: of the noise, relative to that scale.

    Returns:
        ``(S, h, w)`` intensities, the object being about ``[0, 1]``, and the noise.
    """
    data = volume.data if axis is None else volume.slices(axis)
    y = torch.from_numpy(data / np.float32(context.intensity_scale)).to(context.device)
    if isinstance(level, np.ndarray):
        along = level if axis is None else np.ascontiguousarray(np.moveaxis(level, axis, 0))
        return y, context.noise(torch.from_numpy(along)).to(context.device)
    return y, context.noise(level).to(context.device)


def operator_between(
    fine: Grid, given: Grid, operator: OperatorFactory, filled: tuple[int, ...] = (), axis: int | None = None
) -> Operator:
    """Build the operator from a fine grid to a measured one: on slices along an axis, or on whole volumes.

    Args:
        fine: grid of the result.
        given: grid of the data.
        operator: builds ``A``.
        filled: axes that were zero-filled: their k-space was cut, whatever the operator of the others.
        axis: along which slices are taken; None for the whole volume.
    """
    kept = [k for k in range(3) if k != axis]
    return slice_operator(
        [fine.shape[k] for k in kept], [given.shape[k] for k in kept], operator, [k in filled for k in kept]
    )


def slice_operator(
    fine: Sequence[int], given: Sequence[int], operator: OperatorFactory, filled: Sequence[bool]
) -> Operator:
    """Build the operator between two shapes, with the k-space profile on the axes that were zero-filled.

    Args:
        fine: rows and columns of a restored slice.
        given: rows and columns of a slice of the scan.
        operator: for axes that are not zero-filled.
        filled: whether each of the two axes was zero-filled.
    """
    if not any(filled) or not isinstance(operator, Profile):
        return operator(tuple(fine), tuple(given))
    profiles = [KSPACE if cut else operator for cut in filled]
    return Separable([p.matrix(n, m) if n != m else n for p, n, m in zip(profiles, fine, given)])


def in_units(images: torch.Tensor, axis: int, volume: Volume, intensity_scale: float) -> NDArray[np.float32]:
    """Return restored slices as an array in the scan's units, without values below 0 if the scan has none.

    Args:
        images: ``(S, H, W)``, relative to the intensity scale.
        axis: across the slices.
        volume: the scan.
        intensity_scale: intensity that stands for 1.

    Returns:
        (X, Y, Z).
    """
    data = np.moveaxis(images.cpu().numpy(), 0, axis) * np.float32(intensity_scale)
    return np.maximum(data, 0) if volume.data.min() >= 0 else data
